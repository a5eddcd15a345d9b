/** The public API of schedules. */
import { createHash } from 'node:crypto';
import { newId } from '../codec/id.js';
import { encodePayload } from '../codec/payload.js';
import { MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import { longestMs, longestName, mostTicks } from '../core/limits.js';
import { defaultQueue } from '../core/queue.js';
import {
  type Id,
  type Level,
  type MissedPolicy,
  missedPolicies,
  type OverlapPolicy,
  overlapPolicies,
  type ScheduleSpec,
} from '../core/records.js';
import { checkBoolean, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { asJob, type Part } from '../definition/compose.js';
import { parseDuration } from '../definition/duration.js';
import { type EncodeContext, encodeJob } from '../definition/encode.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkName, checkQueueName } from '../definition/names.js';
import { invalidOption } from '../errors.js';
import type { ScheduleInfo, StoredTemplate, WireJob } from '../protocol/messages.js';
import type { Ticks } from '../schedule/ticks.js';
import type { Client } from './client.js';
import { Job } from './job.js';
import { timeOf } from './time.js';

/** The options of a schedule: `cron` or `every`, and what else differs from the defaults. */
export interface ScheduleOptions {
  /**
   * A pattern of five fields (minute, hour, day of month, month, day of week), or six with seconds
   * first; with names, ranges, steps, `L`, `#`, or `@daily` and the like. If both days are given,
   * either fits.
   *
   * @example { cron: '30 2 * * MON-FRI', zone: 'Europe/Berlin' }
   */
  readonly cron?: string;
  /**
   * The IANA time zone of `cron`; `UTC` by default. A fixed time that daylight saving skips runs
   * once, right after the gap; one that it repeats runs once, the first time. A pattern with a
   * wildcard or a step in the hour goes by elapsed time.
   */
  readonly zone?: string;
  /**
   * The interval of ticks, from a second: milliseconds, or a number with a unit (`ms`, `s`, `m`,
   * `h`, `d`). Ticks count from `anchor`, so a restart moves none.
   *
   * @example { every: '15m' }
   */
  readonly every?: number | string;
  /** A tick from which `every` counts forward and back; 1970-01-01T00:00:00Z by default. */
  readonly anchor?: Date;
  /** No tick comes before; the first may be at this moment. */
  readonly from?: Date;
  /**
   * No tick comes after; the last may be at this moment. The schedule stays until it is removed.
   */
  readonly until?: Date;
  /**
   * The fate of ticks that passed while no runtime was open: the latest one runs (`one`, the
   * default), none (`skip`), or all one after another (`all`, at most 1,000 at a time). A tick is
   * missed when the next has come, or after a minute. Ticks during a pause are not missed.
   */
  readonly missed?: MissedPolicy;
  /** Missed ticks older than this never run, in milliseconds; 24 hours by default. */
  readonly windowMs?: number;
  /**
   * The fate of a tick while a job of the schedule is not completed: the tick passes (`skip`,
   * the default), its job waits until then (`queue`, at most one), runs beside it (`allow`), or
   * cancels it and then runs (`replace`).
   */
  readonly overlap?: OverlapPolicy;
  /**
   * The job of each tick begins up to this many milliseconds later, by a delay that depends on
   * the schedule's name and the tick only. 0 by default.
   */
  readonly jitterMs?: number;
  /** `true` pauses the schedule when one of its jobs has failed. `false` by default. */
  readonly pauseOnFailure?: boolean;
}

/** A schedule as an option of `open`. */
export interface DeclaredSchedule extends ScheduleOptions {
  readonly job: Part;
  /** The name of the queue; `''` by default. */
  readonly queue?: string;
}

/** A schedule at one moment. */
export interface ScheduleDetails {
  readonly name: string;
  readonly queue: string;
  readonly cron: string | undefined;
  readonly zone: string | undefined;
  readonly everyMs: number | undefined;
  readonly anchor: Date | undefined;
  readonly from: Date | undefined;
  readonly until: Date | undefined;
  readonly missed: MissedPolicy;
  readonly windowMs: number;
  readonly overlap: OverlapPolicy;
  readonly jitterMs: number;
  readonly pauseOnFailure: boolean;
  readonly paused: boolean;
  /** `true` if it was given to `open`. */
  readonly declared: boolean;
  /** The next tick; `undefined` while it is paused, and after the last. */
  readonly nextAt: Date | undefined;
  /** The last tick that was handled. */
  readonly lastAt: Date | undefined;
  /** The last tick whose job succeeded. */
  readonly lastSuccessAt: Date | undefined;
  /** Number of jobs put so far. */
  readonly fired: number;
  /** Number of ticks missed so far; in one outage of a `cron`, at most 100 are counted. */
  readonly missedCount: number;
  /** Number of ticks that passed because a job was not completed. */
  readonly skipped: number;
}

/** A job that a schedule has put, and its tick. */
export interface ScheduledJob {
  readonly at: Date;
  readonly job: Job;
}

const scheduleOptions: OptionNames<ScheduleOptions> = {
  cron: true,
  zone: true,
  every: true,
  anchor: true,
  from: true,
  until: true,
  missed: true,
  windowMs: true,
  overlap: true,
  jitterMs: true,
  pauseOnFailure: true,
};

const declaredOptions: OptionNames<DeclaredSchedule> = { ...scheduleOptions, job: true, queue: true };

/** Options of a job that its schedule sets. */
const setBySchedule = ['beginAfter', 'held', 'unique', 'replace'] as const;

const dayMs = 24 * 3600 * 1000;
const leastEveryMs = 1000;

/** A schedule, by its name. */
export class Schedule {
  readonly name: string;
  readonly #client: Client;

  /** @internal */
  constructor(name: string, client: Client) {
    this.name = name;
    this.#client = client;
  }

  /**
   * Returns the state of the schedule at this moment.
   *
   * @throws {UnknownScheduleError} there is no such schedule. So do all methods here.
   */
  async details(): Promise<ScheduleDetails> {
    return detailsOf(await this.#info());
  }

  /** Lets ticks pass until `resume`, even after a restart. Jobs that were put go on. */
  async pause(): Promise<void> {
    await this.#client.link.request(['schedule', 'full', { type: 'pauseSchedule', name: this.name, paused: true }]);
  }

  /** Goes on with the next tick from now. Ticks that passed meanwhile do not run. */
  async resume(): Promise<void> {
    await this.#client.link.request(['schedule', 'full', { type: 'pauseSchedule', name: this.name, paused: false }]);
  }

  /**
   * Puts a job now, as an additional tick. Neither a pause nor a running job prevents it; a tick
   * while it runs counts as an overlap.
   *
   * @throws {UnknownQuotaError} a quota of the job was removed. So does `backfill`.
   */
  async trigger(): Promise<Job> {
    const [id] = await this.#run();
    return new Job(this.#client, id!);
  }

  /**
   * Puts a job for each tick of this time that has none yet, and returns the jobs in order. They
   * are in line at once, whatever `overlap` says. There are no ticks until 1970-01-01T00:00:00Z.
   *
   * @param to The end of the time, which belongs to it.
   * @throws {RangeError} the time has more than 1,000 ticks, or ends before it begins.
   * @example await schedule.backfill(new Date('2026-01-01T00:00Z'), new Date('2026-01-31T00:00Z'));
   */
  async backfill(from: Date, to: Date): Promise<Job[]> {
    const [first, last] = [timeOf('from', from), timeOf('to', to)];
    if (last < first) throw invalidOption('to', 'must not be before `from`', to, RangeError);
    const ticks = await this.#ticks();
    const found: number[] = [];
    for (let at = ticks.after(Math.max(first - 1, 0)); at !== 0 && at <= last; at = ticks.after(at)) {
      if (found.length === mostTicks)
        throw invalidOption('to', `must leave at most ${mostTicks} ticks: backfill in pieces`, to, RangeError);
      found.push(at);
    }
    return (await this.#run(found)).map((id) => new Job(this.#client, id));
  }

  /**
   * Returns the next `count` ticks, without jitter, as if the schedule were not paused.
   *
   * @throws {RangeError} `count` is not an integer from 1 to 1,000.
   */
  async next(count = 1): Promise<Date[]> {
    checkNumber('count', count, { integer: true, least: 1, most: mostTicks });
    const info = await this.#info();
    const ticks = await ticksFor(info.spec);
    const found: Date[] = [];
    let at = info.paused ? ticks.after(this.#client.encoding().now) : info.nextAt;
    for (; at !== 0 && found.length < count; at = ticks.after(at)) found.push(new Date(at));
    return found;
  }

  /**
   * Returns the jobs that it has put last, newest first, with their ticks. The last 20 are kept.
   *
   * @throws {RangeError} `count` is not an integer from 1 to 20.
   */
  async history(count = 20): Promise<ScheduledJob[]> {
    checkNumber('count', count, { integer: true, least: 1, most: 20 });
    const { recent } = await this.#info();
    return recent
      .slice(-count)
      .reverse()
      .map(({ at, job }) => ({ at: new Date(at), job: new Job(this.#client, job) }));
  }

  /** Removes the schedule. Its jobs stay, but one that waits for another to end is cancelled. */
  async remove(): Promise<void> {
    await this.#client.link.request(['schedule', 'full', { type: 'removeSchedule', name: this.name }]);
  }

  async #info(): Promise<ScheduleInfo> {
    return ((await this.#client.ask({ type: 'schedules', name: this.name })) as [ScheduleInfo])[0];
  }

  async #ticks(): Promise<Ticks> {
    return ticksFor((await this.#info()).spec);
  }

  async #run(ticks?: readonly number[]): Promise<Id[]> {
    const command = { type: 'runTicks', name: this.name, ...(ticks === undefined ? {} : { ticks }) } as const;
    return (await this.#client.link.request(['schedule', levelFor(this.#client), command])) as Id[];
  }
}

/** @internal */
export async function listSchedules(client: Client): Promise<ScheduleDetails[]> {
  return ((await client.ask({ type: 'schedules' })) as ScheduleInfo[]).map(detailsOf);
}

/** @internal Adds or changes a schedule. `where` is the prefix of the paths in errors. */
export async function setSchedule(
  client: Client,
  name: string,
  queue: string,
  job: Part,
  options: ScheduleOptions,
  where = '',
): Promise<Schedule> {
  checkName(`${where}name`, name);
  checkOptions(`${where}options`, options, scheduleOptions);
  // The template must not change with each call, and no tick belongs to the trace of this one.
  const encoding: EncodeContext = { ...client.encoding(), trace: undefined };
  const call = asJob(job, `${where}job`);
  for (const option of setBySchedule) {
    if (call.options[option] !== undefined)
      throw invalidOption(`${where}job.${option}`, 'must be left out: the schedule sets it', call.options[option]);
  }
  const wire = encodeJob(encoding, call, `${where}job.`);
  const { missed = 'one', windowMs = dayMs, overlap = 'skip', jitterMs = 0, pauseOnFailure = false } = options;
  checkOneOf(`${where}missed`, missed, missedPolicies);
  checkOneOf(`${where}overlap`, overlap, overlapPolicies);
  checkNumber(`${where}windowMs`, windowMs, { least: 0, most: longestMs, unit: 'milliseconds' });
  checkNumber(`${where}jitterMs`, jitterMs, { least: 0, most: longestMs, unit: 'milliseconds' });
  checkBoolean(`${where}pauseOnFailure`, pauseOnFailure);
  const spec = await specOf(options, where, encoding.now);
  const given = { name, queue, spec, missed, windowMs, overlap, jitterMs, pauseOnFailure };
  const settings = { ...given, declared: where !== '', digest: digestOf(encoding, wire, given) };
  const template: StoredTemplate = { encodedAt: encoding.now, job: wire };
  const args = encodePayload(template, {
    root: `${where}job`,
    code: 'ARGUMENT_NOT_STORABLE',
    limitBytes: MOST_LIMIT_BYTES,
  });
  const command = { type: 'setSchedule', settings, template: { id: newId(), args }, job: wire } as const;
  await client.link.request(['schedule', levelFor(client), command]);
  return new Schedule(name, client);
}

/**
 * @internal Sets the schedules that `open` got. Returns the names of those that it got earlier and
 * no more, after removing them with `prune`.
 */
export async function declareSchedules(
  client: Client,
  declared: Readonly<Record<string, DeclaredSchedule>>,
  prune: boolean,
): Promise<string[]> {
  for (const [name, schedule] of Object.entries(declared)) {
    const where = `schedules.${name}`;
    checkOptions(where, schedule, declaredOptions);
    const { job, queue = defaultQueue, ...options } = schedule;
    checkQueueName(`${where}.queue`, queue);
    await setSchedule(client, name, queue, job, options, `${where}.`);
  }
  const known = await listSchedules(client);
  const gone = known.filter(({ name, declared: was }) => was && !Object.hasOwn(declared, name)).map(({ name }) => name);
  if (prune) for (const name of gone) await new Schedule(name, client).remove();
  return gone;
}

/** A schedule outlives the process wherever anything does. */
function levelFor({ durability, isKept }: Client): Level {
  return durability === 'memory' && isKept ? 'process' : durability;
}

async function ticksFor(spec: ScheduleSpec): Promise<Ticks> {
  return (await import('../schedule/ticks.js')).ticksOf(spec);
}

async function specOf(options: ScheduleOptions, where: string, now: number): Promise<ScheduleSpec> {
  const { from, until } = options;
  const spec = {
    ...(await unlimitedSpec(options, where, now)),
    ...(from !== undefined && { from: timeOf(`${where}from`, from) }),
    ...(until !== undefined && { until: timeOf(`${where}until`, until) }),
  };
  if (spec.from === undefined || spec.until === undefined) return spec;
  if (spec.until < spec.from) throw invalidOption(`${where}until`, 'must not be before `from`', until, RangeError);
  if ((await ticksFor(spec)).after(Math.max(spec.from - 1, 0)) === 0)
    throw invalidOption(`${where}until`, 'must leave a tick after `from`', until, RangeError);
  return spec;
}

async function unlimitedSpec(options: ScheduleOptions, where: string, now: number): Promise<ScheduleSpec> {
  const { cron, zone, every, anchor } = options;
  if ((cron === undefined) === (every === undefined))
    throw invalidOption(`${where}options`, 'must have either `cron` or `every`', options);
  if (every !== undefined) {
    if (zone !== undefined) throw invalidOption(`${where}zone`, 'must be left out with `every`', zone);
    return { everyMs: intervalOf(every, `${where}every`), anchor: anchor ? timeOf(`${where}anchor`, anchor) : 0 };
  }
  if (anchor !== undefined) throw invalidOption(`${where}anchor`, 'must be left out with `cron`', anchor);
  return cronSpec(cron!, zone ?? 'UTC', where, now);
}

async function cronSpec(cron: string, zone: string, where: string, now: number): Promise<ScheduleSpec> {
  const rule = `must be a cron pattern of five or six fields, at most ${longestName} characters`;
  const isPattern = (text: string) =>
    text.length <= longestName && (/^@[a-z]+$/i.test(text) || /^\S+( +\S+){4,5}$/.test(text.trim()));
  checkText(`${where}cron`, cron, rule, isPattern);
  checkText(`${where}zone`, zone, 'must be the IANA name of a time zone, such as Europe/Berlin', isZone);
  const { checkPattern, ticksOf } = await import('../schedule/ticks.js');
  try {
    checkPattern(cron);
  } catch (error) {
    throw invalidOption(`${where}cron`, `${rule} (${(error as Error).message})`, cron, RangeError);
  }
  const spec = { cron: cron.trim(), zone };
  if (ticksOf(spec).after(now) === 0) throw invalidOption(`${where}cron`, 'must match a date', cron, RangeError);
  return spec;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function intervalOf(every: number | string, where: string): number {
  const rule = `must be at least a second, and at most ${longestMs} ms: milliseconds, or a number with ms, s, m, h or d`;
  if (typeof every === 'number') {
    checkNumber(where, every, { integer: true, least: leastEveryMs, most: longestMs, unit: 'milliseconds' });
    return every;
  }
  let everyMs = 0;
  checkText(where, every, rule, (text) => {
    everyMs = parseDuration(text) ?? Number.NaN;
    return everyMs >= leastEveryMs && everyMs <= longestMs && Number.isInteger(everyMs);
  });
  return everyMs;
}

/** Returns a text that is equal for an equal job, whenever and wherever it was encoded. */
function digestOf({ now }: EncodeContext, job: WireJob, given: object): string {
  const plain = ([, form, callable, args, options, parts, callbacks, role]: WireJob): unknown => [
    ...[form, callable, args && Buffer.from(args).toString('base64'), role],
    options?.delayed ? { ...options, beginAfter: options.beginAfter! - now } : options,
    ...[parts.map(plain), callbacks.map(plain)],
  ];
  return createHash('sha256')
    .update(JSON.stringify([given, plain(job)]))
    .digest('base64');
}

const dateOf = (time: number) => (time === 0 ? undefined : new Date(time));

function detailsOf({
  spec,
  nextAt,
  lastAt,
  successAt,
  live: _,
  waiting: __,
  recent: ___,
  lastMissed: ____,
  ...info
}: ScheduleInfo): ScheduleDetails {
  const isCron = 'cron' in spec;
  return {
    ...info,
    cron: isCron ? spec.cron : undefined,
    zone: isCron ? spec.zone : undefined,
    everyMs: isCron ? undefined : spec.everyMs,
    anchor: isCron ? undefined : new Date(spec.anchor),
    from: spec.from === undefined ? undefined : new Date(spec.from),
    until: spec.until === undefined ? undefined : new Date(spec.until),
    nextAt: info.paused ? undefined : dateOf(nextAt),
    lastAt: dateOf(lastAt),
    lastSuccessAt: dateOf(successAt),
  };
}
