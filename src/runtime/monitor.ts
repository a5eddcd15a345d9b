/** Looking at many jobs at once: counts and statistics. */
import { checkArray, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { type CountField, type CountRow, countFields, type KindFilter, type StatRow } from '../protocol/monitor.js';
import type { Client } from './client.js';
import { timeOf } from './queue.js';

/** The options of `Monitor.counts`. */
export interface CountOptions {
  /** The fields in which the jobs of a row are equal. `['status']` by default. */
  readonly by?: readonly CountField[];
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

const filterNames: OptionNames<KindFilter> = { queue: true, callable: true };

function checkFilter(filter: KindFilter): void {
  checkOptions('filter', filter, filterNames);
  for (const name of ['queue', 'callable'] as const) {
    const names = filter[name];
    if (names === undefined) continue;
    const rule = 'must be a string or an array of strings';
    if (!Array.isArray(names)) checkText(`filter.${name}`, names, rule, () => true);
    else for (const [index, one] of names.entries()) checkText(`filter.${name}[${index}]`, one, rule, () => true);
  }
}
