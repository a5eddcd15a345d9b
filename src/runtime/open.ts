/** Opens and closes the runtime. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import type { Logger } from 'pino';
import { idFromText } from '../codec/id.js';
import { DEFAULT_LIMIT_BYTES, MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import type { CoordinatorSetup } from '../coordinator/main.js';
import type { KeptLimits } from '../core/commands.js';
import { highestNumber } from '../core/limits.js';
import { defaultQueue } from '../core/queue.js';
import { type Id, type Level, type LogLevel, levels } from '../core/records.js';
import { defaultRetention } from '../core/retention.js';
import { checkArray, checkBoolean, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { registrationOf } from '../definition/define-jobs.js';
import { encodeJob } from '../definition/encode.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkJobId, checkName, checkQueueName } from '../definition/names.js';
import { checkRetryDefaults, type JobOptions, jobOptions, type RetryDefaults } from '../definition/options.js';
import { CallsheetError, ClosedError, invalidOption, JournalLockedError, NoOwnerError } from '../errors.js';
import { defaultImportMs, type ModuleSetup } from '../protocol/dispatch.js';
import type { DispatcherInfo, OpenFigures } from '../protocol/messages.js';
import type { StoreFigures } from '../store/store.js';
import { cancelOn, checkSignal } from './abort.js';
import { actOnAll, type BulkOptions, type BulkResult, bulkOptions } from './bulk.js';
import { Client } from './client.js';
import { CoordinatorThread } from './coordinator-thread.js';
import { type Dispatcher, dispatcherFrom, dispatcherId } from './dispatcher.js';
import { EventStream, type EventsOptions } from './events.js';
import { watchIdle } from './idle.js';
import { Job, jobHandles, putSeen } from './job.js';
import type { JobQuery } from './job-filter.js';
import { Link } from './link.js';
import { defaultThreshold, Logs, thresholdOf } from './logs.js';
import { Monitor } from './monitor.js';
import { Queue } from './queue.js';
import { type RetryAllOptions, type RetryOptions, retryAll, retryJob } from './retry.js';
import { type DeclaredSchedule, declareSchedules, listSchedules, Schedule, type ScheduleDetails } from './schedules.js';
import { checkSignals, closeOn } from './signals.js';
import { aboutPut, readRuns, type Tracing } from './tracing.js';

/** Limits on the completed jobs that are remembered. A limit that is left out has its default. */
export interface RetentionOptions extends Partial<KeptLimits> {
  /** The limits on failed jobs, which later successes do not push out. */
  readonly failed?: Partial<KeptLimits>;
}

/** How to connect to PostgreSQL: what `pg.Client` takes, such as `host`, `database` or `ssl`. */
export interface PostgresConnection {
  readonly connectionString?: string;
  readonly password?: string | (() => string | Promise<string>);
  readonly [option: string]: unknown;
}

/** The options of `open`. All but `jobs` are optional. */
export interface OpenOptions {
  /**
   * The directory of the journal, created if it is missing. It must hold nothing else. One runtime
   * can have it open at a time. Without a directory, nothing outlives the process, and a warning is
   * logged unless `durability` is `memory`. An explicit `undefined` is rejected.
   */
  readonly directory?: string | URL;
  /**
   * A PostgreSQL database that keeps the jobs, in the place of a directory: a connection string, or
   * what `pg.Client` takes. Any number of runtimes, on any number of machines, put jobs there and
   * run them. Needs the package `pg`, and tables made by `callsheet migrate`. Options must be plain
   * data, since callsheet connects in a thread of its own; only `password` may be a function, which
   * is called once.
   */
  readonly postgres?: string | PostgresConnection;
  /** The schema of the tables in `postgres`: `callsheet` by default. */
  readonly schema?: string;
  /**
   * `true` allows a directory on a file system that other machines can reach, such as NFS, SMB, 9p
   * or anything behind FUSE. `false` by default: `open` then rejects such a directory, because the
   * lock excludes only processes of this machine, and a sync may guarantee less there than it
   * reports. Only Linux can distinguish such file systems from local disks.
   */
  readonly allowNetworkFileSystem?: boolean;
  /**
   * The part of this runtime among those of several processes with one directory.
   *
   * - `owner` (the default): it runs the jobs, and other processes can be its clients. Rejects if
   *   the directory has an owner.
   * - `client`: it puts jobs into the directory of a running owner, and follows them. It starts no
   *   thread and never runs a job. When the owner ends, its calls wait for the next one.
   * - `standby`: `open` waits until it becomes the owner.
   * - `auto`: the owner if the directory has none, else a client, which it stays.
   *
   * The jobs, their modules and all settings are those of the owner: options about them must be
   * left out by a client.
   */
  readonly share?: Share;
  /**
   * Milliseconds of patience. For an owner: how long `open` waits for the end of another; 0 by
   * default, Infinity for a standby. For a client: how long `open`, and later each call, waits for
   * an owner; 30,000 by default. Calls made when there was none for longer are rejected at once,
   * until there is one.
   */
  readonly waitMs?: number;
  /** The modules with the functions of jobs, each from `defineJobs`. */
  readonly jobs: readonly unknown[];
  /** Number of worker threads that run jobs: 1 to 1024, one per core by default. */
  readonly threads?: number;
  /**
   * Number of additional threads that may be started while jobs wait for other jobs (`result()`
   * inside a job occupies its thread): 0 to 1024, 32 by default. They run the awaited jobs, and end
   * after 10 s without work. A wait that would leave no thread for any other job is rejected with
   * `TooManyWaitsError`.
   */
  readonly extraThreads?: number;
  /**
   * Node options of the worker threads, such as `['--import', './loader.js']` for a module that
   * registers a loader. None by default.
   */
  readonly execArgv?: readonly string[];
  /**
   * Node's limits of each worker thread. `maxOldGenerationSizeMb` (2,048 by default, at least 64)
   * limits its JavaScript heap: a job that needs more is interrupted, because its thread ends and
   * is replaced. Memory outside that heap (Buffers, typed arrays, allocations of native code) does
   * not count. A single allocation far beyond the limit ends the process.
   */
  readonly resourceLimits?: ResourceLimits;
  /**
   * When a worker thread is replaced, always between two jobs: after `afterJobs` jobs, or when its
   * heap, including garbage not yet collected, is larger than `aboveHeapMb` MiB. Never by default.
   */
  readonly recycle?: { readonly afterJobs?: number; readonly aboveHeapMb?: number };
  /**
   * Milliseconds that a thread may take to import a job module, so that no thread waits for ever.
   * 30,000 by default.
   */
  readonly importMs?: number;
  /**
   * The durability of a job when `put` resolves: a `full` job (the default) is on the disk, a
   * `process` job survives the process, a `memory` job does not. Without a directory it is
   * `memory`.
   */
  readonly durability?: Level;
  /**
   * Maximum stored size of the arguments of a call, or of its result, in bytes: 1,024 to
   * 134,217,728 (128 MiB), 64 MiB by default. Larger ones are rejected with `PAYLOAD_TOO_LARGE`.
   * Each payload is held whole in the memory of several threads at a time.
   */
  readonly payloadLimitBytes?: number;
  /**
   * How long completed jobs are remembered: until the first of the limits is reached. 7 days,
   * 100,000 jobs and 256 MiB of jobs by default. Failed jobs have limits of their own, `failed`: 30
   * days, 10,000 jobs and 256 MiB by default.
   */
  readonly retention?: RetentionOptions;
  /**
   * Milliseconds that a cancelled or timed-out job may continue before its thread is ended. 2,000
   * by default.
   */
  readonly stopGraceMs?: number;
  /**
   * The size of the agent `main`, which is installed in every queue before `open` resolves, and in
   * later queues when they are created. By default it keeps its stored size, or takes one per
   * thread if it is new. A size given here replaces the stored one. `false` installs no agent.
   */
  readonly agent?: { readonly size: number } | false;
  /**
   * `false` makes the runtime a client: it puts jobs and reads their outcomes, but runs none.
   * `true` by default.
   */
  readonly dispatcher?: boolean;
  /**
   * Milliseconds for which `close` lets running jobs continue if its own `graceMs` is not given.
   * 10,000 by default.
   */
  readonly graceMs?: number;
  /**
   * Signals that close the runtime, such as `['SIGINT', 'SIGTERM']`. After the close the process
   * ends as the signal would have ended it. A second signal ends it at once. None by default: no
   * listener is installed.
   */
  readonly signals?: readonly NodeJS.Signals[];
  /**
   * Milliseconds between two signs of life of this runtime, for others that share its store. 4,000
   * by default.
   */
  readonly pingMs?: number;
  /**
   * Milliseconds of silence after which this runtime is taken to be dead and its jobs are given to
   * others, each by its own clock. After five sixths of it without contact to its store, this
   * runtime begins no more jobs; after all of it, it stops them. At least twice `pingMs`. 12,000 by
   * default, or three times `pingMs` if that is more.
   */
  readonly deathMs?: number;
  /**
   * The retry policies of jobs and callbacks for which neither they nor their agent have one. They
   * are stored: by default the last ones given remain in force.
   */
  readonly retry?: RetryDefaults;
  /**
   * Schedules by name, each set as by `Queue.schedule` before `open` resolves. One that was given
   * to `open` earlier and is missing now is reported as a warning, and goes on: another build may
   * have given it.
   */
  readonly schedules?: Readonly<Record<string, DeclaredSchedule>>;
  /**
   * `true` removes the schedules that were given to `open` earlier and are missing in `schedules`.
   * `false` by default.
   */
  readonly pruneSchedules?: boolean;
  /**
   * The pino logger of the runtime. Two children are made of it: `log: 'events'`, and `log:
   * 'trace'` (start and result of each job, at `debug`). Lines that jobs log go there too. The
   * level that it has when the runtime opens applies to all of them. By default warnings and errors
   * go to standard error. A job that failed while no caller waited for it is a warning.
   */
  readonly logger?: Logger;
}

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
   * written, or the coordinator died. Nothing acknowledged is lost: open the directory again.
   */
  readonly error?: CallsheetError;
}

const defaultGraceMs = 10_000;

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
    { graceMs = defaultGraceMs, signals = [] }: Pick<OpenOptions, 'graceMs' | 'signals'> = {},
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

/**
 * Opens a runtime. It keeps the process alive until it is closed. A program that has nothing left
 * to do but did not close its runtime gets one warning. Unfinished jobs that were put into the
 * directory before continue by themselves.
 *
 * @throws {JournalLockedError} another runtime, in this or another process, has the directory open,
 * still after `waitMs`.
 * @throws {NoOwnerError} a client found no owner within `waitMs`.
 * @throws {ProtocolVersionError} the owner of a client has another version of callsheet.
 * @throws {JournalCorruptError} the journal is damaged.
 * @throws {DirectoryUnusableError} the directory cannot be used.
 * @throws {DatabaseUnusableError} the database cannot be reached or used, or has no tables.
 * @throws {DatabaseVersionError} a newer version of callsheet has migrated the database.
 * @throws {PeerMissingError} `postgres` is given, and the package `pg` is not installed.
 * @throws {ModuleNotLoadableError} a job module cannot be imported.
 * @throws {TypeError} an option has the wrong type.
 * @throws {RangeError} an option is out of range.
 */
export async function open(options: OpenOptions): Promise<Runtime> {
  checkOptions('options', options, openOptions);
  const { logger, share = 'owner' } = options;
  if (logger !== undefined) checkLogger(logger);
  const setup = await withPassword(resolveOptions(options));
  const durability = durabilityOf(options);
  if (share === 'client') return openAsClient(options, setup, durability, logger);
  if (share !== 'auto') return openAsOwner(options, setup, durability, logger);
  const { hasOwner } = await import('./open-client.js');
  for (;;) {
    try {
      if (await hasOwner(setup.directory!)) return await openAsClient(options, setup, durability, logger);
      return await openAsOwner(options, { ...setup, waitMs: 0 }, durability, logger);
    } catch (error) {
      // Another process became the owner in between, or the owner ended.
      const isOwned = await hasOwner(setup.directory!);
      const isOther = isOwned ? error instanceof JournalLockedError : error instanceof NoOwnerError;
      if (!isOther) throw error;
    }
  }
}

/** Opens a client of the process that has the directory open. */
async function openAsClient(
  options: OpenOptions,
  { directory, payloadLimitBytes }: CoordinatorSetup,
  durability: Level,
  logger: Logger | undefined,
): Promise<Runtime> {
  const { openClient } = await import('./open-client.js');
  const { waitMs = defaultOwnerWaitMs } = options;
  const logs = new Logs(logger);
  const setup = { directory: directory!, durability, payloadLimitBytes, waitMs };
  const { client, found, end } = await openClient(setup, (message) => logs.write(message));
  return new Runtime(end, client, found, options, false);
}

async function openAsOwner(
  options: OpenOptions,
  setup: CoordinatorSetup,
  durability: Level,
  logger: Logger | undefined,
): Promise<Runtime> {
  const logs = new Logs(logger);
  const thread = new CoordinatorThread(setup);
  const link = new Link(thread, (message) => logs.write(message));
  try {
    const [, found, modules] = await link.opened();
    const client = new Client(
      link,
      jobHandles,
      idFromText(found.dispatcher)!,
      modules,
      durability,
      setup.payloadLimitBytes,
      setup.directory !== undefined || setup.postgres !== undefined,
    );
    await declareAll(client, options, (message) => logs.logger.warn(message));
    if (!client.isKept && options.durability === undefined)
      logs.logger.warn(
        "nothing outlives this process: open() got no directory; give it one, or { durability: 'memory' } to silence this warning",
      );
    const idle = () =>
      logs.logger.warn(
        'the program has nothing left to do, but lives on for its runtime: close() it, or give open({ signals }) to a process that only runs jobs',
      );
    const isMeant = options.signals !== undefined && options.signals.length > 0;
    const unwatch = watchIdle(() => link.isWaitedFor, isMeant ? undefined : idle);
    const end = () => {
      unwatch();
      return thread.end();
    };
    return new Runtime(end, client, found, options);
  } catch (error) {
    link.end(error as Error);
    await thread.end();
    throw error;
  }
}

/** @internal */
export type Declared = Pick<OpenOptions, 'schedules' | 'pruneSchedules'>;

/** @internal Sets the declared schedules, and reports those that are missing now. */
export async function declareAll(client: Client, options: Declared, warn: (message: string) => void): Promise<void> {
  const { schedules, pruneSchedules = false } = options;
  if (schedules === undefined) return;
  const gone = await declareSchedules(client, schedules, pruneSchedules);
  if (gone.length === 0 || pruneSchedules) return;
  const names = gone.map((name) => JSON.stringify(name)).join(', ');
  warn(`schedules that open() got earlier are missing now, and go on: ${names}; remove() them, or give pruneSchedules`);
}

/**
 * Returns the durability of puts that do not name one. An explicit `undefined` is rejected here,
 * because a missing environment variable must not silently turn durability off.
 */
function durabilityOf(options: OpenOptions): Level {
  const { directory, postgres, durability } = options;
  for (const [name, value] of Object.entries({ directory, postgres, durability }))
    if (value === undefined && Object.hasOwn(options, name))
      throw invalidOption(name, 'must have a value, or be left out', value);
  if (directory !== undefined || postgres !== undefined) return durability ?? 'full';
  if (durability !== undefined && durability !== 'memory')
    throw invalidOption('durability', 'must be "memory" without a directory', durability, RangeError);
  return 'memory';
}

const openOptions: OptionNames<OpenOptions> = {
  directory: true,
  postgres: true,
  schema: true,
  allowNetworkFileSystem: true,
  share: true,
  waitMs: true,
  jobs: true,
  threads: true,
  extraThreads: true,
  execArgv: true,
  resourceLimits: true,
  recycle: true,
  importMs: true,
  durability: true,
  payloadLimitBytes: true,
  retention: true,
  stopGraceMs: true,
  agent: true,
  dispatcher: true,
  graceMs: true,
  signals: true,
  pingMs: true,
  deathMs: true,
  retry: true,
  schedules: true,
  pruneSchedules: true,
  logger: true,
};

const keptNames: OptionNames<KeptLimits> = { ageMs: true, count: true, bytes: true };

const limitNames: OptionNames<ResourceLimits> = {
  maxOldGenerationSizeMb: true,
  maxYoungGenerationSizeMb: true,
  codeRangeSizeMb: true,
  stackSizeMb: true,
};

const shares = ['owner', 'client', 'standby', 'auto'] as const;

/** See `OpenOptions.share`. */
export type Share = (typeof shares)[number];

/** The options about running jobs, which a client does not do. */
const ownersOptions = [
  'allowNetworkFileSystem',
  'threads',
  'extraThreads',
  'execArgv',
  'resourceLimits',
  'recycle',
  'importMs',
  'retention',
  'stopGraceMs',
  'agent',
  'dispatcher',
  'pingMs',
  'deathMs',
  'retry',
  'schedules',
  'pruneSchedules',
] as const satisfies readonly (keyof OpenOptions)[];

function checkShare(options: OpenOptions): void {
  const { share = 'owner', directory } = options;
  checkOneOf('share', share, shares);
  if (share !== 'owner' && directory === undefined)
    throw invalidOption('share', 'must be "owner" without a directory', share, RangeError);
  if (share !== 'client') return;
  for (const name of ownersOptions)
    if (options[name] !== undefined)
      throw invalidOption(name, 'must be left out by a client: the owner of the directory has it', options[name]);
}

const defaultOwnerWaitMs = 30_000;
const defaultExtraThreads = 32;
const defaultStopGraceMs = 2_000;
const defaultHeapMb = 2_048;
/** With less, callsheet itself and a few modules leave no memory for jobs. */
const leastHeapMb = 64;
const defaultPingMs = 4000;
const defaultDeathMs = 12_000;

/** @internal Returns the options with defaults filled in, checked. */
export function resolveOptions(options: OpenOptions): CoordinatorSetup {
  const { directory, jobs, threads = availableParallelism(), execArgv = [], durability = 'full', agent } = options;
  const { stopGraceMs = defaultStopGraceMs, graceMs = defaultGraceMs, retention = {}, dispatcher = true } = options;
  const { payloadLimitBytes = DEFAULT_LIMIT_BYTES, allowNetworkFileSystem = false } = options;
  const { waitMs = options.share === 'standby' ? Number.POSITIVE_INFINITY : 0 } = options;
  const { recycle = {}, importMs = defaultImportMs, extraThreads = defaultExtraThreads } = options;
  const resourceLimits = { maxOldGenerationSizeMb: defaultHeapMb, ...options.resourceLimits };
  const heapMb = resourceLimits.maxOldGenerationSizeMb as number;
  const { pingMs = defaultPingMs, deathMs = Math.max(defaultDeathMs, 3 * pingMs) } = options;
  checkArray('jobs', jobs, 'modules from defineJobs()');
  checkNumber('threads', threads, { integer: true, least: 1, most: 1024 });
  checkNumber('extraThreads', extraThreads, { integer: true, least: 0, most: 1024 });
  checkOneOf('durability', durability, levels);
  checkNumber('payloadLimitBytes', payloadLimitBytes, { integer: true, least: 1024, most: MOST_LIMIT_BYTES });
  if (options.resourceLimits !== undefined) checkOptions('resourceLimits', options.resourceLimits, limitNames);
  for (const [name, value] of Object.entries(resourceLimits))
    checkNumber(`resourceLimits.${name}`, value, { finite: true, above: 0 });
  checkNumber('resourceLimits.maxOldGenerationSizeMb', heapMb, { least: leastHeapMb });
  checkNumber('importMs', importMs, { above: 0, below: 2 ** 31, unit: 'milliseconds' });
  checkOptions('recycle', recycle, { afterJobs: true, aboveHeapMb: true });
  const { afterJobs, aboveHeapMb } = recycle;
  if (afterJobs !== undefined) checkNumber('recycle.afterJobs', afterJobs, { integer: true, least: 1 });
  if (aboveHeapMb !== undefined) checkNumber('recycle.aboveHeapMb', aboveHeapMb, { above: 0, below: heapMb });
  if (agent !== undefined && agent !== false) {
    checkOptions('agent', agent, { size: true });
    checkNumber('agent.size', agent.size, { integer: true, least: 1, most: highestNumber });
  }
  checkOptions('retention', retention, { ...keptNames, failed: true });
  const { failed = {}, ...others } = retention;
  checkOptions('retention.failed', failed, keptNames);
  checkBoolean('dispatcher', dispatcher);
  checkBoolean('allowNetworkFileSystem', allowNetworkFileSystem);
  checkShare(options);
  checkNumber('waitMs', waitMs, { least: 0, unit: 'milliseconds' });
  checkArray('execArgv', execArgv, 'strings');
  for (const [index, text] of execArgv.entries()) checkText(`execArgv[${index}]`, text, 'must be a string', () => true);
  checkSignals(options.signals);
  if (options.schedules !== undefined) checkSchedules(options.schedules);
  if (options.pruneSchedules !== undefined) checkBoolean('pruneSchedules', options.pruneSchedules);
  checkNumber('stopGraceMs', stopGraceMs, { least: 0, unit: 'milliseconds' });
  checkNumber('graceMs', graceMs, { least: 0, unit: 'milliseconds' });
  for (const [name, value] of Object.entries(others)) checkNumber(`retention.${name}`, value, { least: 0 });
  for (const [name, value] of Object.entries(failed)) checkNumber(`retention.failed.${name}`, value, { least: 0 });
  checkNumber('pingMs', pingMs, { finite: true, above: 0, unit: 'milliseconds' });
  checkNumber('deathMs', deathMs, { finite: true, least: 2 * pingMs, unit: 'milliseconds' });
  const modules: Record<string, ModuleSetup> = {};
  for (const [index, module] of Array.from(jobs).entries()) {
    const { name, ...setup } = registrationOf(module, `jobs[${index}]`);
    if (Object.hasOwn(modules, name))
      throw invalidOption(`jobs[${index}]`, 'must have a name that no other module of jobs has', name, RangeError);
    modules[name] = { ...setup, importMs };
  }
  return {
    directory: directoryPath(directory),
    postgres: checkPostgres(options),
    allowNetworkFileSystem,
    waitMs,
    runs: dispatcher,
    log: options.logger === undefined ? defaultThreshold : thresholdOf(options.logger),
    modules,
    threads,
    extraThreads,
    execArgv: [...execArgv],
    resourceLimits,
    recycle,
    payloadLimitBytes,
    retention: { ...defaultRetention, ...others, failed: { ...defaultRetention.failed, ...failed } },
    stopGraceMs,
    agentSize: agent === false ? 0 : (agent?.size ?? threads),
    agentSizeGiven: agent !== undefined,
    isRestart: false,
    pingMs,
    deathMs,
    retry: options.retry === undefined ? undefined : checkRetryDefaults(options.retry, 'retry'),
  };
}

/** Returns how to reach the database, with a `password` that may still be a function. */
function checkPostgres({ postgres, schema, directory }: OpenOptions): CoordinatorSetup['postgres'] {
  if (schema !== undefined && postgres === undefined)
    throw invalidOption('schema', 'must be left out without `postgres`', schema);
  if (postgres === undefined) return undefined;
  if (directory !== undefined) throw invalidOption('postgres', 'must be left out with a directory', postgres);
  const rule = 'must be a connection string, or an object of connection options';
  if (typeof postgres !== 'string' && (typeof postgres !== 'object' || postgres === null))
    throw invalidOption('postgres', rule, postgres);
  if (postgres === '') throw invalidOption('postgres', rule, postgres, RangeError);
  if (typeof postgres === 'object') for (const [name, value] of Object.entries(postgres)) checkPlain(name, value);
  if (schema !== undefined)
    checkText(
      'schema',
      schema,
      'must be a string of 1 to 63 bytes',
      (text) => text !== '' && Buffer.byteLength(text) <= 63,
    );
  return { connection: postgres, schema: schema ?? defaultSchema };
}

const defaultSchema = 'callsheet';

function checkPlain(name: string, value: unknown): void {
  if (name === 'password' && typeof value === 'function') return;
  try {
    structuredClone(value);
  } catch {
    throw invalidOption(`postgres.${name}`, 'must be plain data, which another thread can get', value);
  }
}

/** Asks for the password, if a function has it. */
async function withPassword(setup: CoordinatorSetup): Promise<CoordinatorSetup> {
  const connection = setup.postgres?.connection;
  if (typeof connection !== 'object' || typeof connection.password !== 'function') return setup;
  const password = await (connection.password as () => string | Promise<string>)();
  return { ...setup, postgres: { ...setup.postgres!, connection: { ...connection, password } } };
}

function checkSchedules(schedules: Record<string, unknown>): void {
  if (typeof schedules !== 'object' || schedules === null || Array.isArray(schedules))
    throw invalidOption('schedules', 'must be an object of schedules by name', schedules);
  for (const name of Object.keys(schedules)) checkName('schedules', name);
}

function directoryPath(directory: string | URL | undefined): string | undefined {
  if (directory === undefined) return undefined;
  const rule = 'must be a path or a file: URL';
  if (directory instanceof URL) {
    if (directory.protocol !== 'file:') throw invalidOption('directory', rule, directory.href, RangeError);
    return fileURLToPath(directory);
  }
  if (typeof directory !== 'string') throw invalidOption('directory', rule, directory);
  if (directory === '') throw invalidOption('directory', rule, directory, RangeError);
  return resolve(directory);
}

function checkLogger(logger: Logger): void {
  for (const level of ['fatal', 'error', 'warn', 'info'] as const)
    if (typeof logger?.[level] !== 'function')
      throw invalidOption('logger', `must be a pino logger, with ${level}()`, logger);
}
