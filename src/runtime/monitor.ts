/** Looking at many jobs at once: counts and statistics. */
import { type JobStatus, jobRoles, jobStatuses } from '../core/records.js';
import { checkArray, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { invalidOption } from '../errors.js';
import {
  type CountField,
  type CountRow,
  countFields,
  type Interval,
  intervalNames,
  type JobOrder,
  type JobPage,
  type JobQuery,
  type JobRow,
  jobOrders,
  type KindFilter,
  type PlaceInOrder,
  type StatRow,
  type WireJobPage,
} from '../protocol/monitor.js';
import type { Client } from './client.js';
import { timeOf } from './time.js';

/** The options of `Monitor.counts`. */
export interface CountOptions {
  /** The fields in which the jobs of a row are equal. `['status']` by default. */
  readonly by?: readonly CountField[];
}

/** The options of `Monitor.jobs`. */
export interface JobsOptions {
  /** The most jobs of the answer: 1 to 1,000, 100 by default. Long answers have fewer. */
  readonly limit?: number;
  /** `next` of the page before, with the same filter and order. */
  readonly cursor?: string;
  /** `newest` by default. */
  readonly order?: JobOrder;
}

/** The options of `Monitor.next`. */
export interface NextOptions {
  /** The most jobs: 1 to 1,000, 20 by default. */
  readonly limit?: number;
}

/** The options of `Monitor.last`. */
export interface LastOptions extends NextOptions {
  readonly queue?: string;
  readonly outcome?: 'value' | 'failure';
}

/** The options of `Monitor.stats`. */
export interface StatOptions {
  /** The begin of the interval; all that is kept by default. */
  readonly from?: Date;
  /** The end of the interval, which is not in it; now by default. */
  readonly to?: Date;
  /** Milliseconds of a step, from a minute; the whole interval by default. */
  readonly stepMs?: number;
}

/**
 * Answers questions about many jobs, whatever their number, without holding up the work. The
 * answers are plain data.
 */
export class Monitor {
  readonly #client: Client;

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Counts the remembered jobs, the largest count first. Parts and callbacks are jobs, too; count
   * by `role` to tell them apart.
   *
   * @throws {TypeError} a name is not a string.
   * @throws {RangeError} `by` has an unknown field.
   * @example
   * await callsheet.monitor.counts({ callable: 'images#*' }, { by: ['queue', 'status'] });
   */
  async counts(filter: KindFilter = {}, options: CountOptions = {}): Promise<CountRow[]> {
    checkFilter(filter);
    checkOptions('options', options, { by: true });
    const { by = ['status'] } = options;
    checkArray('by', by, 'names of fields');
    for (const [index, field] of by.entries()) checkOneOf(`by[${index}]`, field, countFields);
    return (await this.#client.ask({ type: 'counts', filter, by })) as CountRow[];
  }

  /**
   * Returns a page of the jobs that fit the filter. A filter that fits few of many jobs takes long:
   * after 10 s the page is not `complete`, and `next` goes on.
   *
   * @throws {UnknownQueueError} the order is `claim`, and there is no such queue.
   * @throws {TypeError} a field of the filter has the wrong type.
   * @throws {RangeError} a field or an option is out of range, the cursor belongs to another order,
   * or the order is `claim` and the filter does not name one queue.
   * @example
   * const filter = { callable: 'images#*', outcome: 'failure' } as const;
   * for (let cursor: string | undefined; ; ) {
   *   const page = await callsheet.monitor.jobs(filter, cursor === undefined ? {} : { cursor });
   *   for (const { id, ended } of page.items) console.log(id, ended);
   *   if (page.next === undefined) break;
   *   cursor = page.next;
   * }
   */
  async jobs(filter: JobQuery = {}, options: JobsOptions = {}): Promise<JobPage> {
    checkOptions('options', options, { limit: true, cursor: true, order: true });
    const { limit = 100, cursor, order = 'newest' } = options;
    checkNumber('limit', limit, { integer: true, least: 1, most: mostRows });
    checkOneOf('order', order, jobOrders);
    const wire = wireFilter(filter);
    if (order === 'claim' && typeof filter.queue !== 'string')
      throw invalidOption('filter.queue', 'must name one queue if the order is claim', filter.queue, RangeError);
    const after = cursor === undefined ? undefined : placeFrom(cursor, order);
    const query = { type: 'jobs', filter: wire, order, limit, after } as const;
    const { last, ...page } = (await this.#client.ask(query)) as WireJobPage;
    return { ...page, next: last === undefined ? undefined : cursorOf(order, last) };
  }

  /**
   * Returns the next jobs of a queue in the order of claiming, followed by those that wait for a
   * date.
   *
   * @throws {UnknownQueueError} there is no such queue.
   */
  async next(queue: string, options: NextOptions = {}): Promise<readonly JobRow[]> {
    checkOptions('options', options, { limit: true });
    const { limit = 20 } = options;
    return (await this.jobs({ queue }, { order: 'claim', limit })).items;
  }

  /** Returns the last completed jobs, without parts and callbacks; the last one first. */
  async last(options: LastOptions = {}): Promise<readonly JobRow[]> {
    checkOptions('options', options, { limit: true, queue: true, outcome: true });
    const { limit = 20, ...filter } = options;
    return (await this.jobs(filter, { order: 'completed', limit })).items;
  }

  /**
   * Sums up the puts, runs and ends of jobs, by queue and callable, also of jobs that are
   * forgotten. Minutes are kept for a day, hours for two weeks, over restarts; a crash loses the
   * last minute. With more than 500 queues and callables in an hour, the others are counted
   * together, as `*`.
   *
   * @throws {TypeError} a name is not a string, or a date is no `Date`.
   * @throws {RangeError} a date is not valid, or `stepMs` is less than a minute.
   * @example
   * const from = new Date(Date.now() - 3_600_000);
   * for (const { callable, failed, run } of await callsheet.monitor.stats({}, { from }))
   *   console.log(callable, failed, run?.p95);
   */
  async stats(filter: KindFilter = {}, options: StatOptions = {}): Promise<StatRow[]> {
    checkFilter(filter);
    checkOptions('options', options, { from: true, to: true, stepMs: true });
    const { from, to, stepMs } = options;
    if (stepMs !== undefined) checkNumber('stepMs', stepMs, { finite: true, least: 60_000, unit: 'milliseconds' });
    return (await this.#client.ask({
      type: 'stats',
      filter,
      from: from === undefined ? 0 : timeOf('from', from),
      to: to === undefined ? Number.MAX_SAFE_INTEGER : timeOf('to', to),
      stepMs: stepMs ?? 0,
    })) as StatRow[];
  }
}

const mostRows = 1000;

const kindNames: OptionNames<KindFilter> = { queue: true, callable: true };
const intervals: OptionNames<Pick<JobQuery, 'put' | 'started' | 'ended' | 'completed'>> = {
  put: true,
  started: true,
  ended: true,
  completed: true,
};
const filterNames: OptionNames<JobQuery> = { ...kindNames, ...intervals, status: true, outcome: true, role: true };

/** Checks a filter of jobs, and returns it as it is sent. */
function wireFilter(filter: JobQuery): JobQuery<number> {
  checkOptions('filter', filter, filterNames);
  const { put: _, started: __, ended: ___, completed: ____, ...others } = filter;
  const { queue, callable, status, outcome, role } = others;
  checkNames({ queue, callable } as KindFilter);
  if (Array.isArray(status))
    for (const [index, one] of status.entries()) checkOneOf(`filter.status[${index}]`, one, jobStatuses);
  else if (status !== undefined) checkOneOf('filter.status', status as JobStatus, jobStatuses);
  if (outcome !== undefined) checkOneOf('filter.outcome', outcome, ['none', 'value', 'failure']);
  if (role !== undefined) checkOneOf('filter.role', role, jobRoles);
  const times: { [name in (typeof intervalNames)[number]]?: Interval<number> } = {};
  for (const name of intervalNames) {
    const interval = filter[name];
    if (interval === undefined) continue;
    const path = `filter.${name}`;
    checkOptions(path, interval, { from: true, to: true });
    const { from, to } = interval;
    times[name] = {
      ...(from === undefined ? {} : { from: timeOf(`${path}.from`, from) }),
      ...(to === undefined ? {} : { to: timeOf(`${path}.to`, to) }),
    };
  }
  return { ...others, ...times };
}

/** A cursor is opaque to users: the order, and the place of the last job. */
function cursorOf(order: JobOrder, place: PlaceInOrder): string {
  const id = Buffer.from(place.id, 'latin1').toString('hex');
  return Buffer.from(JSON.stringify([order, { ...place, id }])).toString('base64url');
}

function placeFrom(cursor: string, order: JobOrder): PlaceInOrder {
  const rule = 'must be `next` of a page with the same order';
  checkText('cursor', cursor, rule, () => true);
  try {
    const [of, place] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [JobOrder, PlaceInOrder];
    const numbers = [place.dueAt, place.priority, place.eligible, place.putAt, place.completedAt];
    const isPlace = numbers.every(Number.isFinite) && /^[0-9a-f]{32}$/.test(place.id);
    if (of === order && isPlace) return { ...place, id: Buffer.from(place.id, 'hex').toString('latin1') };
  } catch {
    // No cursor at all.
  }
  throw invalidOption('cursor', rule, cursor, RangeError);
}

function checkFilter(filter: KindFilter): void {
  checkOptions('filter', filter, kindNames);
  checkNames(filter);
}

function checkNames(filter: KindFilter): void {
  for (const name of ['queue', 'callable'] as const) {
    const names = filter[name];
    if (names === undefined) continue;
    const rule = 'must be a string or an array of strings';
    if (!Array.isArray(names)) checkText(`filter.${name}`, names, rule, () => true);
    else for (const [index, one] of names.entries()) checkText(`filter.${name}[${index}]`, one, rule, () => true);
  }
}
