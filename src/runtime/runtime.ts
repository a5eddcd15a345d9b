/** An open runtime: all that users can do with it. */
import { defaultQueue } from '../core/queue.js';
import type { Id, LogLevel } from '../core/records.js';
import { checkArray, checkNumber } from '../definition/arguments.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { encodeJob } from '../definition/encode.js';
import { checkOptions } from '../definition/known-options.js';
import { checkJobId, checkName, checkQueueName } from '../definition/names.js';
import { type JobOptions, jobOptions } from '../definition/options.js';
import { CallsheetError, ClosedError } from '../errors.js';
import type { DispatcherInfo, LeftJobs, OpenFigures } from '../protocol/messages.js';
import type { StoreFigures } from '../store/store.js';
import { cancelOn, checkSignal } from './abort.js';
import { actOnAll, type BulkOptions, type BulkResult, bulkOptions } from './bulk.js';
import type { Client } from './client.js';
import { type Dispatcher, dispatcherFrom, dispatcherId } from './dispatcher.js';
import { EventStream, type EventsOptions } from './events.js';
import { Job, putSeen } from './job.js';
import type { JobQuery } from './job-filter.js';
import { Monitor } from './monitor.js';
import { type Drained, Queue } from './queue.js';
import { type RetryAllOptions, type RetryOptions, retryAll, retryJob } from './retry.js';
import { listSchedules, Schedule, type ScheduleDetails } from './schedules.js';
import { closeOn } from './signals.js';
import { aboutPut, readRuns, type Tracing } from './tracing.js';

/** One job of `putTogether`. */
export interface PutTogether {
  /** The name of its queue; `''` by default. */
  readonly queue?: string;
  readonly job: Part;
  readonly options?: JobOptions;
}

/** The options of `putTogether`. */
export interface TogetherOptions {
  /** Cancels all the jobs when it aborts, as in `put`. */
  readonly signal?: AbortSignal;
}

/** The options of `close`. */
export interface CloseOptions {
  /**
   * Milliseconds that running jobs may continue. After that they are interrupted, and run again at
   * once on another runtime or at the next open. That of `open` by default.
   */
  readonly graceMs?: number;
}

/** The result of `close`. */
export interface Closed {
  /**
   * Node's ids of worker threads that did not end because each hangs in a system call. The process
   * cannot end by itself while there are any.
   */
  readonly hangingThreads: readonly number[];
  /**
   * Number of jobs that were still running and were interrupted. They run again on another runtime
   * or at the next open.
   */
  readonly interrupted: number;
  /**
   * The error that ended the runtime, before or while it was closed: the journal could not be
   * written, the database did not answer for ten seconds, or the coordinator died. Nothing
   * acknowledged is lost: open the runtime again.
   */
  readonly error?: CallsheetError;
}

/** The default of `graceMs`. */
export const defaultGraceMs = 10_000;

interface RuntimeOptions {
  readonly graceMs?: number;
  readonly signals?: readonly NodeJS.Signals[];
}

/** An open callsheet: the access to its queues, jobs and dispatchers. */
export class Runtime implements AsyncDisposable {
  /** Ends the coordinator's thread, or its stand-in of the test kit. */
  readonly #end: () => Promise<void>;
  readonly #client: Client;
  readonly #found: OpenFigures;
  readonly #graceMs: number;
  readonly #onClose: () => void;
  /** `true` if this runtime owns its jobs; `false` for a client of another process. */
  readonly isOwner: boolean;
  #closed: Promise<Closed> | undefined;

  /** @internal */
  constructor(
    end: () => Promise<void>,
    client: Client,
    found: OpenFigures,
    { graceMs = defaultGraceMs, signals = [] }: RuntimeOptions = {},
    isOwner = true,
  ) {
    this.#end = end;
    this.#client = client;
    this.#found = found;
    this.#graceMs = graceMs;
    this.isOwner = isOwner;
    this.#onClose = closeOn(signals, () => this.close());
  }

  /**
   * This runtime's id, a UUID: the same whenever the same directory is opened; new for each client.
   */
  get id(): string {
    return this.#found.dispatcher;
  }

  /**
   * The number of remembered jobs found in the directory at open, and how many of them are not
   * completed.
   */
  get found(): { readonly jobs: number; readonly unfinished: number } {
    return { jobs: this.#found.jobs, unfinished: this.#found.unfinished };
  }

  /**
   * Returns the queue with this name, without checking that it exists: putting into a queue that
   * does not exist is an error.
   * @throws {RangeError} `name` is not valid.
   */
  queue(name: string = defaultQueue): Queue {
    checkQueueName('name', name);
    return new Queue(name, this.#client);
  }

  /** Returns the names of all queues. */
  async queues(): Promise<string[]> {
    return (await this.#client.ask({ type: 'queues' })) as string[];
  }

  /** Creates a queue unless it exists. */
  async createQueue(name: string): Promise<Queue> {
    checkName('name', name);
    await this.#client.do({ type: 'createQueue', name });
    return this.queue(name);
  }

  /**
   * Removes an empty queue, with its quotas and agents.
   * @throws {UnknownQueueError} there is no such queue.
   * @throws {QueueNotEmptyError} the queue has jobs, or is the default queue.
   */
  async removeQueue(name: string): Promise<void> {
    checkQueueName('name', name);
    await this.#client.do({ type: 'removeQueue', name });
  }

  /**
   * Puts several jobs into any queues, either all or none. Returns their handles in the same order.
   *
   * @throws {NotStorableError} an argument cannot be stored faithfully.
   * @throws the other errors of `Queue.put`.
   * @example
   * await callsheet.putTogether([
   *   { queue: 'mail', job: mail.send('Ada') },
   *   { queue: 'books', job: books.enter(12) },
   * ]);
   */
  async putTogether<const Puts extends readonly PutTogether[]>(
    puts: Puts,
    options: TogetherOptions = {},
  ): Promise<{ -readonly [Index in keyof Puts]: Job<PartResult<Puts[Index]['job']>> }> {
    checkArray('puts', puts, '{ queue, job, options }');
    checkOptions('options', options, { signal: true });
    const { signal } = options;
    if (signal !== undefined) checkSignal(signal);
    const { tracing } = this.#client;
    if (tracing === undefined) return this.#putTogether(puts, signal);
    const queues = new Set(Array.from(puts, (put) => put?.queue ?? defaultQueue));
    const queue = queues.size === 1 ? String([...queues][0]) : '';
    const jobs = Array.from(puts, (put) => put?.job);
    return tracing.put(aboutPut(queue, jobs, puts[0]?.options), () => this.#putTogether(puts, signal));
  }

  async #putTogether<const Puts extends readonly PutTogether[]>(
    puts: Puts,
    signal: AbortSignal | undefined,
  ): Promise<{ -readonly [Index in keyof Puts]: Job<PartResult<Puts[Index]['job']>> }> {
    const level = this.#client.durability;
    const encoding = this.#client.puttingAt(level);
    const commands = Array.from(puts, (put, index) => {
      checkOptions(`puts[${index}]`, put, { queue: true, job: true, options: true });
      const { queue = defaultQueue, job, options } = put;
      checkQueueName(`puts[${index}].queue`, queue);
      if (options !== undefined) checkOptions(`puts[${index}].options`, options, jobOptions);
      const call = asJob(job, `puts[${index}].job`);
      const wire = encodeJob(encoding, options === undefined ? call : call.with(options), `puts[${index}].`);
      return { type: 'put' as const, queue, jobs: [wire] };
    });
    if (commands.length === 0) return [] as never;
    const { link } = this.#client;
    link.handOver(encoding.handed);
    const hand = link.hold(commands[0]!.jobs[0]![0], commands.at(-1)!.jobs[0]![0]);
    const same = (await this.#client.do({ type: 'all', commands }, level)) as readonly Id[] | undefined;
    if (same !== undefined) hand.same = same;
    const ids = same ?? commands.map(({ jobs }) => jobs[0]![0]);
    const seen = same === undefined ? commands.map(({ jobs }) => putSeen(jobs[0]!)) : [];
    const jobs = ids.map((id, index) => new Job(this.#client, id, undefined, hand, seen[index]));
    if (signal !== undefined) cancelOn(signal, jobs);
    return jobs as never;
  }

  /**
   * Returns the schedule with this name, without checking that it exists.
   *
   * @throws {RangeError} `name` is not valid.
   */
  schedule(name: string): Schedule {
    checkName('name', name);
    return new Schedule(name, this.#client);
  }

  /** Returns the schedules of all queues, by name. */
  async schedules(): Promise<ScheduleDetails[]> {
    return listSchedules(this.#client);
  }

  /**
   * @internal Waits until no job of any queue is due or running, all at one moment. See
   * `Queue.drain`.
   */
  async drain(): Promise<Drained> {
    return { left: (await this.#client.link.request(['drained', null])) as LeftJobs[] };
  }

  /** @internal Writes a line to the runtime's log of events. */
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#client.link.log(['log', level, message, { log: 'events', threshold: undefined, callable: '', fields }]);
  }

  /**
   * @internal Traces puts, and the runs of this process, for `callsheet/otel`. Returns the function
   * that ends it; `undefined` if the runtime is traced already.
   */
  trace(tracing: Tracing): (() => Promise<void>) | undefined {
    const client = this.#client;
    if (client.tracing !== undefined) return undefined;
    client.tracing = tracing;
    // The runs belong to the process that has them.
    const end = this.isOwner ? readRuns(client.link, tracing) : undefined;
    return async () => {
      client.tracing = undefined;
      await end?.();
    };
  }

  /** Counts and statistics of many jobs at once. */
  get monitor(): Monitor {
    return new Monitor(this.#client);
  }

  /** Returns the registered dispatchers, active and inactive, with their agents. */
  async dispatchers(): Promise<Dispatcher[]> {
    return ((await this.#client.ask({ type: 'dispatchers' })) as DispatcherInfo[]).map(dispatcherFrom);
  }

  /**
   * Removes an inactive dispatcher, with its agents.
   *
   * @throws {RangeError} `dispatcher` is not a UUID.
   * @throws {UnknownDispatcherError} there is no such dispatcher.
   * @throws {DispatcherActiveError} the dispatcher is active.
   */
  async unregister(dispatcher: string): Promise<void> {
    await this.#client.do({ type: 'unregister', dispatcher: dispatcherId('dispatcher', dispatcher) });
  }

  /**
   * Returns a stream of the events from now on: jobs that are put, begin and end, dispatchers that
   * come and go, queues that are added. A slow reader loses events beyond `limit`, and receives
   * their number. No event is sent for a change that could still be lost: events of a `full` job
   * are sent when they are on the disk.
   *
   * @throws {RangeError} `limit` is not an integer from 1.
   * @example
   * for await (const event of callsheet.events()) {
   *   if (event.type === 'job.failed') console.log(event.job);
   * }
   */
  events(options: EventsOptions = {}): EventStream {
    return new EventStream(this.#client, options);
  }

  /** Returns the commits and bytes written since this runtime was opened, and the jobs it knows. */
  async stats(): Promise<StoreFigures & { readonly jobs: number }> {
    return (await this.#client.ask({ type: 'figures' })) as StoreFigures & { jobs: number };
  }

  /**
   * Returns the handle of a job that was put at any time, by its id. Does not check that the job
   * exists.
   *
   * @throws {UnknownJobError} `id` is not a UUID.
   */
  job<Result = unknown>(id: string): Job<Result> {
    return new Job<Result>(this.#client, checkJobId(id));
  }

  /**
   * Runs a failed job again, as a new job with the same arguments, options and callbacks; the
   * failed one stays as it is. Of a serial, parallel or map only the parts that did not succeed
   * run, then its postprocess. If its `unique` key is live, the job that has it is returned.
   *
   * @param job The job, or its id. A part or a callback is retried with the job that it belongs to.
   * @throws {JobForgottenError} the job is no longer remembered.
   * @throws {JobStatusError} the job has not failed, is a part or a callback, or was retried.
   * @throws {NotStorableError} buffers were moved to the job, and are gone.
   * @throws the other errors of `Queue.put`.
   * @example
   * const [last] = await callsheet.monitor.last({ outcome: 'failure', limit: 1 });
   * if (last !== undefined) await callsheet.retry(last.id);
   */
  async retry<Result = unknown>(job: Job<Result> | string, options: RetryOptions = {}): Promise<Job<Result>> {
    return retryJob(this.#client, job, options);
  }

  /**
   * Retries all failed jobs that fit the filter, as `retry` does, but those that were retried
   * before. Cancelled and expired jobs have failed, too. They are counted first, and the work goes
   * on meanwhile. If it is interrupted, the same call again goes on with the jobs that are left.
   *
   * @throws {CountDiffersError} `expect` is not the number of jobs that fit.
   * @throws {TypeError | RangeError} the filter or an option is wrong.
   * @example
   * const filter = { callable: 'images#*' };
   * const { matched } = await callsheet.retryAll(filter, { dryRun: true });
   * const { done, refused } = await callsheet.retryAll(filter, { expect: matched });
   */
  async retryAll(filter: JobQuery, options: RetryAllOptions = {}): Promise<BulkResult> {
    return retryAll(this.#client, filter, options);
  }

  /**
   * Cancels all jobs that fit the filter and whose calls are not over, without parts and callbacks
   * unless the filter names a `role`. See `retryAll`.
   *
   * @throws the errors of `retryAll`.
   * @example await callsheet.cancelAll({ queue: 'mail', status: 'pending' });
   */
  async cancelAll(filter: JobQuery, options: BulkOptions = {}): Promise<BulkResult> {
    checkOptions('options', options, bulkOptions);
    return actOnAll(this.#client, { type: 'cancel' }, filter, options);
  }

  /**
   * Forgets all completed jobs that fit the filter, with their parts and callbacks, before
   * `retention` does. A job with a callback that was added later and is not completed is refused.
   * See `retryAll`.
   *
   * @throws the errors of `retryAll`.
   * @example await callsheet.forgetAll({ outcome: 'failure', completed: { to: lastWeek } });
   */
  async forgetAll(filter: JobQuery, options: BulkOptions = {}): Promise<BulkResult> {
    checkOptions('options', options, bulkOptions);
    return actOnAll(this.#client, { type: 'forget' }, filter, options);
  }

  /**
   * Closes the runtime: claims no more jobs, waits for running jobs, and interrupts those that have
   * not ended after `graceMs`. A runtime that has ended on an error is closed too: `error` is that
   * error.
   *
   * @throws {RangeError} `graceMs` is not a number from 0.
   */
  async close(options: CloseOptions = {}): Promise<Closed> {
    checkOptions('options', options, { graceMs: true });
    const { graceMs = this.#graceMs } = options;
    checkNumber('graceMs', graceMs, { least: 0, unit: 'milliseconds' });
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(graceMs: number): Promise<Closed> {
    for (const feeder of this.#client.feeders.values()) feeder.stop();
    try {
      const closed = (await this.#client.link.close(graceMs)) as { hanging: number[]; interrupted: number };
      return { hangingThreads: closed.hanging, interrupted: closed.interrupted };
    } catch (error) {
      if (!(error instanceof CallsheetError)) throw error;
      this.#client.link.fail(error);
      return { hangingThreads: [], interrupted: 0, error };
    } finally {
      this.#onClose();
      this.#client.link.end(new ClosedError('the runtime is closed'));
      await this.#end();
    }
  }
}
