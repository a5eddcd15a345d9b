/** Looking at many jobs at once: counts and statistics. */
import { inspect } from 'node:util';
import { decodeFailure, errorFrom, type Failure, isFailure } from '../codec/failure.js';
import { decodePayload } from '../codec/payload.js';
import { longestMs, mostCells } from '../core/limits.js';
import type { LogLevel } from '../core/records.js';
import { checkArray, checkBoolean, checkNumber, checkOneOf } from '../definition/arguments.js';
import { detailsOf, type JobDetails } from '../definition/job-details.js';
import { checkOptions } from '../definition/known-options.js';
import { checkQueueName } from '../definition/names.js';
import { invalidOption, JobStatusError } from '../errors.js';
import type { Explanation, WireExplanation } from '../protocol/explanation.js';
import {
  type BadRun,
  type CountField,
  type CountRow,
  countFields,
  type FailureField,
  type Failures,
  failureFields,
  type JobOrder,
  type JobPage,
  type JobRelations,
  type JobRow,
  jobOrders,
  type KindFilter,
  type NeededFunction,
  type PartsReport,
  type StatField,
  type StatRow,
  statFields,
  type Totals,
  type WireFailures,
  type WireFullJob,
  type WireJobPage,
} from '../protocol/monitor.js';
import { exactly } from '../protocol/name-pattern.js';
import { progressFrom } from '../protocol/progress.js';
import type { QueuesPage, RunningJob, RuntimeStatus, ThreadsReport, WireRunningJob } from '../protocol/status.js';
import { decodeAnnotations } from './annotations.js';
import type { Client } from './client.js';
import { explanationFrom } from './explanation.js';
import { refuseExtra } from './extra-arguments.js';
import { idOf, Job } from './job.js';
import { cursorFrom, type JobQuery, type List, placeFrom, wireFilter, wireKinds } from './job-filter.js';
import { parsedLine } from './logs.js';
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

/** The options of `Monitor.job`. */
export interface FullJobOptions {
  /** `true` adds the arguments. */
  readonly arguments?: boolean;
  /** `true` adds the result or the failure, if the call is over. */
  readonly result?: boolean;
  /** `true` adds the lines that it logged. */
  readonly log?: boolean;
}

/** The options of `Monitor.parts`. */
export interface PartsOptions {
  /** The most cells: 1 to 1,000, 100 by default. There are no more than parts. */
  readonly cells?: number;
}

/** A line that a job wrote with `currentJob().logger`. */
export interface LoggedLine {
  /** An ISO text. */
  readonly at: string;
  /** `trace`, `debug`, `info`, `warn`, `error` or `fatal`. */
  readonly level: LogLevel;
  /** `undefined` for a line that was too long to be kept. */
  readonly attempt: number | undefined;
  readonly message: string;
  /** The other fields of the line. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One job in full. */
export interface FullJob extends JobRelations {
  readonly id: string;
  readonly details: JobDetails;
  /**
   * A cursor for the parts after the first 100: of `monitor.jobs({ parent: id, role: 'part' },
   * { order: 'oldest', cursor })`. `undefined` if there are no more.
   */
  readonly moreParts: string | undefined;
  /** By name. */
  readonly annotations: Readonly<Record<string, unknown>>;
  /** Only if asked for. */
  readonly arguments?: readonly unknown[];
  readonly result?: unknown;
  readonly failure?: Failure;
  /**
   * Its last 100 lines that reached the level of its log, oldest first. They are kept in the memory
   * of the process that runs it: of the jobs that logged last, at most 4 MiB together, and no line
   * of more than 4,096 characters.
   */
  readonly log?: readonly LoggedLine[];
}

/** The options of `Monitor.failures`. */
export interface FailuresOptions {
  /** The fields in which the jobs of a group are equal. `['error', 'callable']` by default. */
  readonly by?: readonly FailureField[];
  /** Leaves out jobs that completed before; all that are remembered by default. */
  readonly since?: Date;
  /** Only these jobs. */
  readonly filter?: JobQuery;
  /** The most groups: 1 to 1,000, 100 by default. */
  readonly limit?: number;
  /** Milliseconds of a step, from a minute: each group is also counted by time. */
  readonly stepMs?: number;
}

/** The options of `Monitor.queues`. */
export interface QueuesOptions {
  /** Names of queues; in a name, `*` stands for any text. All by default. */
  readonly queue?: string | readonly string[];
  /** The most queues: 1 to 1,000, 100 by default. */
  readonly limit?: number;
}

/** The failure of a job, with all that is known of it. */
export interface Traceback {
  /** The stack, followed by those of the causes. */
  readonly text: string;
  readonly failure: Failure;
  /** The failures that caused it, the nearest first. */
  readonly causes: readonly Failure[];
  readonly runs: readonly BadRun[];
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

/** The options of `Monitor.threads`. */
export interface ThreadsOptions {
  /** Leaves out work that ended before. All that is kept by default. */
  readonly since?: Date;
}

/** The options of `Monitor.stats`. */
export interface StatOptions {
  /** The fields in which the jobs of a row are equal. `['queue', 'callable']` by default. */
  readonly by?: readonly StatField[];
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
    refuseExtra<Monitor>(this, {
      ...{
        counts: 2,
        jobs: 2,
        job: 2,
        parts: 2,
        explain: 1,
        traceback: 1,
        active: 0,
        queues: 1,
        status: 0,
        failures: 1,
      },
      ...{ next: 2, last: 1, stats: 2, threads: 1, totals: 0, functions: 0 },
    });
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
    const kinds = wireKinds(filter);
    checkOptions('options', options, { by: true });
    const { by = ['status'] } = options;
    checkFields(by, countFields);
    return (await this.#client.ask({ type: 'counts', filter: kinds, by })) as CountRow[];
  }

  /**
   * Returns a page of the jobs that fit the filter. A filter that fits few of many jobs takes long:
   * after 10 s the page is not `complete`, and `next` goes on.
   *
   * @throws {UnknownQueueError} the order is `claim`, and there is no such queue.
   * @throws {TypeError} a field of the filter has the wrong type.
   * @throws {RangeError} a field or an option is out of range, the cursor belongs to another
   * filter, order or runtime, or the order is `claim` and the filter does not name one queue.
   * @throws {UnknownJobError} `parent` is not the id of a job.
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
    const wire = wireFilter(filter, this.#client.encoding());
    if (order === 'claim' && typeof filter.queue !== 'string')
      throw invalidOption('filter.queue', 'must name one queue if the order is claim', filter.queue, RangeError);
    const list: List = { runtime: this.#client.dispatcher, order, filter: wire };
    const after = cursor === undefined ? undefined : placeFrom(cursor, list);
    const query = { type: 'jobs', filter: wire, order, limit, after } as const;
    const { last, ...page } = (await this.#client.ask(query)) as WireJobPage;
    return { ...page, next: last && cursorFrom(last, list) };
  }

  /**
   * Returns one job in full: its details, and the jobs to which it is related. Arguments and result
   * are read only if that is asked for.
   *
   * @param of The job: its handle, or its id.
   * @throws {UnknownJobError} `of` is neither a handle nor a UUID.
   * @throws {JobForgottenError} the job is no longer remembered.
   * @throws {NotStorableError} `arguments` are asked for, and buffers were moved to the job.
   */
  async job(of: Job | string, options: FullJobOptions = {}): Promise<FullJob> {
    const job = idOf(of);
    checkOptions('options', options, { arguments: true, result: true, log: true });
    const { arguments: withArguments = false, result: withResult = false, log = false } = options;
    checkBoolean('arguments', withArguments);
    checkBoolean('result', withResult);
    checkBoolean('log', log);
    const client = this.#client;
    const found = (await client.ask({ type: 'fullJob', job, log })) as WireFullJob;
    const { info, lastPart, lines, annotations, ...relations } = found;
    const parts = { parent: job, role: 'part' } as const;
    const list: List = { runtime: client.dispatcher, order: 'oldest', filter: parts };
    const handle = new Job(client, job);
    return {
      id: handle.id,
      details: detailsOf(info),
      ...relations,
      moreParts: lastPart && cursorFrom(lastPart, list),
      annotations: decodeAnnotations(annotations, client),
      ...(withArguments ? { arguments: await handle.arguments() } : {}),
      ...(withResult && relations.outcome !== 'none' ? await outcomeOf(handle) : {}),
      ...(log ? { log: lines.map(loggedLine) } : {}),
    };
  }

  /**
   * Counts the parts of a serial, parallel or map by their states, in cells along their order: with
   * 100,000 parts and 200 cells, each has 500. It is one walk, whatever their number.
   *
   * @param of The whole: its handle, or its id.
   * @throws {UnknownJobError} `of` is neither a handle nor a UUID.
   * @throws {JobForgottenError} the job is no longer remembered.
   * @throws {RangeError} `cells` is out of range.
   */
  async parts(of: Job | string, options: PartsOptions = {}): Promise<PartsReport> {
    const job = idOf(of);
    checkOptions('options', options, { cells: true });
    const { cells = 100 } = options;
    checkNumber('cells', cells, { integer: true, least: 1, most: mostCells });
    return (await this.#client.ask({ type: 'parts', job, cells })) as PartsReport;
  }

  /**
   * Explains why a job does not run now, since when, and until when as far as that is known. The
   * reasons come from the decision that claims jobs: a job in line without a reason is claimed
   * next. Agents of other dispatchers are not asked.
   *
   * @param of The job: its handle, or its id.
   * @throws {UnknownJobError} `of` is neither a handle nor a UUID.
   * @throws {JobForgottenError} the job is no longer remembered.
   * @example
   * const { summary, reasons } = await callsheet.monitor.explain(job);
   * if (reasons.some(({ code }) => code === 'quota-full')) console.log(summary);
   */
  async explain(of: Job | string): Promise<Explanation> {
    const wire = await this.#client.ask({ type: 'explain', job: idOf(of) });
    return explanationFrom(wire as WireExplanation);
  }

  /**
   * Returns the failure of a job for people to read: its stack, its causes, and the runs before.
   * The place at which a running job is cannot be seen; see `active` for its progress.
   *
   * @param of The job: its handle, or its id.
   * @throws {UnknownJobError} `of` is neither a handle nor a UUID.
   * @throws {JobForgottenError} the job is no longer remembered.
   * @throws {JobStatusError} the job has not failed.
   */
  async traceback(of: Job | string): Promise<Traceback> {
    const { outcome, details, thread, runs } = await this.job(of);
    if (outcome !== 'failure') {
      const where = thread === undefined ? '' : ` in thread ${thread}: nobody can see where it is there`;
      const how = outcome === 'value' ? 'it has succeeded' : `it is ${details.status}${where}`;
      throw new JobStatusError(`the job has not failed, so it has no traceback: ${how}`);
    }
    const failure = (await new Job(this.#client, idOf(of)).failure())!;
    const causes: Failure[] = [];
    for (let cause = failure.cause; isFailure(cause); cause = cause.cause) causes.push(cause);
    return { text: inspect(errorFrom(failure)), failure, causes, runs };
  }

  /**
   * Returns the jobs that run now, and how far each is. A job of another process shows when its
   * start is recorded.
   */
  async active(): Promise<readonly RunningJob[]> {
    const client = this.#client;
    const rows = (await client.ask({ type: 'active' })) as WireRunningJob[];
    const references = client.references();
    return rows.map(({ progress, ...row }) => ({
      ...row,
      progress: progress && progressFrom(decodePayload(progress, references)),
    }));
  }

  /**
   * Returns the state of queues: their lengths, agents and quotas. A name may be a pattern, as in
   * `mail*`; `\*` stands for a star.
   *
   * @throws {TypeError} a name is not a string.
   * @throws {RangeError} `limit` is out of range.
   */
  async queues(options: QueuesOptions = {}): Promise<QueuesPage> {
    checkOptions('options', options, { queue: true, limit: true });
    const { queue, limit = 100 } = options;
    checkNumber('limit', limit, { integer: true, least: 1, most: mostRows });
    if (queue !== undefined) wireKinds({ queue });
    return (await this.#client.ask({ type: 'queueStatus', queue, limit })) as QueuesPage;
  }

  /**
   * Returns the last work of each thread, without the jobs that run now, and the threads that ended
   * on their own. It is kept in memory, by the process that runs the jobs.
   *
   * @throws {TypeError | RangeError} `since` is no valid `Date`.
   */
  async threads(options: ThreadsOptions = {}): Promise<ThreadsReport> {
    checkOptions('options', options, { since: true });
    const { since } = options;
    const from = since === undefined ? 0 : timeOf('since', since);
    return (await this.#client.ask({ type: 'threads', since: from })) as ThreadsReport;
  }

  /** Returns the state of the runtime: threads, coordinator, store, versions, jobs by status. */
  async status(): Promise<RuntimeStatus> {
    const start = performance.now();
    const found = (await this.#client.ask({ type: 'status' })) as Omit<RuntimeStatus, 'answerMs'>;
    return { ...found, answerMs: performance.now() - start };
  }

  /**
   * Groups the failed jobs that are remembered (`retention.failed`), without parts and callbacks,
   * by the name of the error, the place at which it was thrown, the callable and the queue. The
   * largest group comes first, each with its last job as an example.
   *
   * @throws {TypeError} an option has the wrong type.
   * @throws {RangeError} an option is out of range.
   * @example
   * const since = new Date(Date.now() - 3_600_000);
   * const { groups } = await callsheet.monitor.failures({ by: ['error'], since });
   * for (const { error, count, message } of groups) console.log(count, error, message);
   */
  async failures(options: FailuresOptions = {}): Promise<Failures> {
    checkOptions('options', options, { by: true, since: true, filter: true, limit: true, stepMs: true });
    const { by = ['error', 'callable'], since, filter = {}, limit = 100, stepMs } = options;
    checkFields(by, failureFields);
    checkNumber('limit', limit, { integer: true, least: 1, most: mostRows });
    if (stepMs !== undefined) checkStep(stepMs);
    const client = this.#client;
    const { groups, ...answer } = (await client.ask({
      type: 'failures',
      filter: wireFilter(filter, client.encoding()),
      by,
      since: since === undefined ? 0 : timeOf('since', since),
      limit,
      stepMs: stepMs ?? 0,
    })) as WireFailures;
    const shown = groups.map(({ failure, ...group }) => ({
      ...group,
      message: failure && decodeFailure(failure).message,
    }));
    return { groups: shown, ...answer };
  }

  /**
   * Returns the next jobs of a queue in the order of claiming, followed by those that wait for a
   * date.
   *
   * @throws {UnknownQueueError} there is no such queue.
   */
  async next(queue: string, options: NextOptions = {}): Promise<readonly JobRow[]> {
    checkOptions('options', options, { limit: true });
    checkQueueName('queue', queue);
    const { limit = 20 } = options;
    return (await this.jobs({ queue: exactly(queue) }, { order: 'claim', limit })).items;
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
   * @throws {RangeError} a date is not valid, `by` has an unknown field, or `stepMs` is less than a
   * minute.
   * @example
   * const from = new Date(Date.now() - 3_600_000);
   * for (const { callable, failed, run } of await callsheet.monitor.stats({}, { from }))
   *   console.log(callable, failed, run?.p95);
   */
  async stats(filter: KindFilter = {}, options: StatOptions = {}): Promise<StatRow[]> {
    const kinds = wireKinds(filter);
    checkOptions('options', options, { by: true, from: true, to: true, stepMs: true });
    const { by = statFields, from, to, stepMs } = options;
    checkFields(by, statFields);
    if (stepMs !== undefined) checkStep(stepMs);
    return (await this.#client.ask({
      type: 'stats',
      filter: kinds,
      by,
      from: from === undefined ? 0 : timeOf('from', from),
      to: to === undefined ? Number.MAX_SAFE_INTEGER : timeOf('to', to),
      stepMs: stepMs ?? 0,
    })) as StatRow[];
  }

  /**
   * @internal Returns the functions of job modules that unfinished jobs, schedules and settings
   * name.
   */
  async functions(): Promise<NeededFunction[]> {
    return (await this.#client.ask({ type: 'functions' })) as NeededFunction[];
  }

  /**
   * Returns counts and durations since the runtime was opened, by queue and callable: the source of
   * `metrics` of callsheet/web.
   */
  async totals(): Promise<Totals> {
    return (await this.#client.ask({ type: 'totals' })) as Totals;
  }
}

const mostRows = 1000;

function loggedLine(line: string): LoggedLine {
  const { level, time, message, fields } = parsedLine(line);
  const { attempt, job: _, callable: __, queue: ___, ...others } = fields;
  const at = new Date(time).toISOString();
  return { at, level, attempt: attempt as number | undefined, message, fields: others };
}

const checkStep = (stepMs: number) =>
  checkNumber('stepMs', stepMs, { least: 60_000, most: longestMs, unit: 'milliseconds' });

function checkFields(by: readonly string[], fields: readonly string[]): void {
  checkArray('by', by, 'names of fields', fields.length);
  for (const [index, field] of by.entries()) checkOneOf(`by[${index}]`, field, fields);
}

async function outcomeOf(job: Job): Promise<Pick<FullJob, 'result' | 'failure'>> {
  const failure = await job.failure();
  return failure === undefined ? { result: await job.result() } : { failure };
}
