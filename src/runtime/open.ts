/**
 * Opening and closing: the runtime, as its users hold it.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { type Logger, pino } from 'pino';
import { idFromText } from '../codec/id.js';
import { DEFAULT_LIMIT_BYTES, MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import type { CoordinatorSetup } from '../coordinator/main.js';
import type { Retention } from '../core/commands.js';
import { defaultQueue } from '../core/queue.js';
import { type Id, type Level, levels } from '../core/records.js';
import { defaultRetention } from '../core/retention.js';
import { checkArray, checkBoolean, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { registrationOf } from '../definition/define-jobs.js';
import { encodeJob } from '../definition/encode.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkName, checkQueueName } from '../definition/names.js';
import { checkRetryDefaults, type JobOptions, jobOptions, type RetryDefaults } from '../definition/options.js';
import { CallsheetError, ClosedError, invalidOption, UnknownJobError } from '../errors.js';
import { defaultImportMs, type ModuleSetup } from '../protocol/dispatch.js';
import type { DispatcherInfo, OpenFigures } from '../protocol/messages.js';
import type { StoreFigures } from '../store/store.js';
import { cancelOn, checkSignal } from './abort.js';
import { Client } from './client.js';
import { CoordinatorThread } from './coordinator-thread.js';
import { type Dispatcher, dispatcherFrom, dispatcherId } from './dispatcher.js';
import { EventStream, type EventsOptions } from './events.js';
import { watchIdle } from './idle.js';
import { Job, jobHandles, putSeen } from './job.js';
import { Link } from './link.js';
import { Logs, thresholdOf } from './logs.js';
import { Queue } from './queue.js';
import { checkSignals, closeOn } from './signals.js';

/** What a runtime is opened with. All but `jobs` can be left out. */
export interface OpenOptions {
  /**
   * Where the journal is kept: a directory of its own, made where it is missing. One runtime has it
   * open at a time. Without one, nothing outlives the process, and the log says so unless
   * `durability` is `memory`. Undefined must be left out, not given.
   */
  readonly directory?: string | URL;
  /**
   * Whether the directory may be on a file system that other machines can reach, such as NFS, SMB,
   * 9p or anything behind FUSE. False by default, and `open` refuses it: the lock keeps out
   * processes of this machine only, and a sync may mean less there than it says. Told from local
   * disks on Linux only.
   */
  readonly allowNetworkFileSystem?: boolean;
  /** The modules whose functions can be run, each from `defineJobs`. */
  readonly jobs: readonly unknown[];
  /** How many worker threads run jobs: 1 to 1024, one per core by default. */
  readonly threads?: number;
  /**
   * How many more threads may be started while jobs wait for others (`result()` inside a job holds
   * its thread): 0 to 1024, 32 by default. They run what is waited for, and end when they have had
   * nothing to do for 10 s. A wait that would leave no thread for anything else is refused with
   * `TooManyWaitsError`.
   */
  readonly extraThreads?: number;
  /**
   * Options of Node for the worker threads, such as `['--import', './loader.js']`, a module that
   * registers one. None by default.
   */
  readonly execArgv?: readonly string[];
  /**
   * Node's limits for each worker thread. `maxOldGenerationSizeMb`, 2,048 by default and 64 at
   * least, is how large its JavaScript heap may get: a job that needs more is interrupted, since
   * its thread ends, and is replaced. What is not on that heap (Buffers, typed arrays, what native
   * code has) does not count. One allocation that goes far beyond the limit ends the process.
   */
  readonly resourceLimits?: ResourceLimits;
  /**
   * When a worker thread is replaced by a new one, always between two jobs: after so many of them,
   * or when more is on its heap than this, garbage that is not yet collected included. Never by
   * default.
   */
  readonly recycle?: { readonly afterJobs?: number; readonly aboveHeapMb?: number };
  /**
   * How long the import of a job module may take in a thread, in milliseconds, so that none waits
   * for ever. 30,000 by default.
   */
  readonly importMs?: number;
  /**
   * How safe a job is when `put` resolves: `full` (the default) on the disk, `process` survives the
   * process, `memory` nothing. Without a directory it is `memory`.
   */
  readonly durability?: Level;
  /**
   * How many bytes the arguments of a call, or its result, may have when they are stored: 1,024 to
   * 134,217,728 (128 MiB), 64 MiB by default. More is refused with `PAYLOAD_TOO_LARGE`. Each is
   * whole in the memory of several threads at a time.
   */
  readonly payloadLimitBytes?: number;
  /**
   * How long completed jobs are remembered, whichever is least. 7 days, 100,000 jobs and 256 MiB of
   * them by default.
   */
  readonly retention?: Partial<Retention>;
  /**
   * How long a job that is cancelled or out of time may go on before its thread is ended, in
   * milliseconds. 2,000 by default.
   */
  readonly stopGraceMs?: number;
  /**
   * The size of the agent `main`, which is installed in every queue before `open` resolves, and in
   * later ones as they are created; one per thread by default. Given here, it is stored over the
   * size that such an agent had; by default it keeps what is stored. `false`: none is installed.
   */
  readonly agent?: { readonly size: number } | false;
  /**
   * `false`: a client, which puts jobs and reads what became of them, but runs nothing. `true` by
   * default.
   */
  readonly dispatcher?: boolean;
  /**
   * How long `close` lets running jobs go on where it is not told, in milliseconds. 10,000 by
   * default.
   */
  readonly graceMs?: number;
  /**
   * Signals on which the runtime closes, such as `['SIGINT', 'SIGTERM']`; then the process ends as
   * it would have by the signal, and by a second one at once. None by default: no listener is
   * installed.
   */
  readonly signals?: readonly NodeJS.Signals[];
  /**
   * How often this runtime says that it is alive, in milliseconds, where others share its store.
   * 30,000 by default.
   */
  readonly pingMs?: number;
  /**
   * Silent for longer than this, it is taken for dead, and its jobs are given to others, in
   * milliseconds. 60,000 by default, or twice `pingMs`.
   */
  readonly deathMs?: number;
  /**
   * What becomes of jobs and callbacks that do not say it themselves, nor does their agent. Stored:
   * as it was last given, by default.
   */
  readonly retry?: RetryDefaults;
  /**
   * Where the log goes: a pino logger, of which two children are made, `log: 'events'` and `log:
   * 'trace'` (each job's start and result, at `debug`). What jobs log goes there, too. Its level as
   * it is when the runtime opens is that of all. By default warnings and errors go to standard
   * error; a job that failed while nobody waited for it is a warning.
   */
  readonly logger?: Logger;
}

/** One of the jobs that are put together. */
export interface PutTogether {
  /** The name of its queue; the one named '' by default. */
  readonly queue?: string;
  readonly job: Part;
  readonly options?: JobOptions;
}

/** What can be asked for jobs that are put together. */
export interface TogetherOptions {
  /** As `put` takes it, for all of them. */
  readonly signal?: AbortSignal;
}

/** What a runtime is closed with. */
export interface CloseOptions {
  /**
   * How long running jobs may go on, in milliseconds; after that they are interrupted and run again
   * at once elsewhere, or at the next open.
   */
  readonly graceMs?: number;
}

/** What `close` found. */
export interface Closed {
  /**
   * Worker threads that did not end, each stuck in a system call: Node's ids. The process cannot
   * end by itself while there are any.
   */
  readonly hangingThreads: readonly number[];
  /**
   * Why the runtime ended, if it ended on an error, before or while it was closed: the journal
   * could not be written, or the coordinator died. Nothing acknowledged is lost: open the directory
   * again.
   */
  readonly error?: CallsheetError;
}

const defaultGraceMs = 10_000;

/** A running callsheet. */
export class Runtime implements AsyncDisposable {
  /** Ends where the coordinator is. */
  readonly #end: () => Promise<void>;
  readonly #client: Client;
  readonly #found: OpenFigures;
  readonly #graceMs: number;
  readonly #onClose: () => void;
  #closed: Promise<Closed> | undefined;

  /** @internal */
  constructor(
    end: () => Promise<void>,
    client: Client,
    found: OpenFigures,
    { graceMs = defaultGraceMs, signals = [] }: Pick<OpenOptions, 'graceMs' | 'signals'> = {},
  ) {
    this.#end = end;
    this.#client = client;
    this.#found = found;
    this.#graceMs = graceMs;
    this.#onClose = closeOn(signals, () => this.close());
  }

  /** This runtime's id, a UUID: the same whenever the same directory is opened. */
  get id(): string {
    return this.#found.dispatcher;
  }

  /**
   * What was found in the directory: jobs that are remembered, and how many of them are not
   * completed.
   */
  get found(): { readonly jobs: number; readonly unfinished: number } {
    return { jobs: this.#found.jobs, unfinished: this.#found.unfinished };
  }

  /** The queue with this name. Putting into one that does not exist is an error. */
  queue(name: string = defaultQueue): Queue {
    checkQueueName('name', name);
    return new Queue(name, this.#client);
  }

  /** The names of all queues. */
  async queues(): Promise<string[]> {
    return (await this.#client.ask({ type: 'queues' })) as string[];
  }

  /** Creates a queue, if it is not there. */
  async createQueue(name: string): Promise<Queue> {
    checkName('name', name);
    await this.#client.do({ type: 'createQueue', name });
    return this.queue(name);
  }

  /** Removes a queue that is empty, with its quotas and agents. */
  async removeQueue(name: string): Promise<void> {
    checkQueueName('name', name);
    await this.#client.do({ type: 'removeQueue', name });
  }

  /**
   * Puts several jobs, into any queues, all or none.
   *
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

  /** The dispatchers that work here, or did, with their agents. */
  async dispatchers(): Promise<Dispatcher[]> {
    return ((await this.#client.ask({ type: 'dispatchers' })) as DispatcherInfo[]).map(dispatcherFrom);
  }

  /**
   * Forgets a dispatcher that works no more, with its agents.
   *
   * @throws {CallsheetError} DISPATCHER_ACTIVE, UNKNOWN_DISPATCHER.
   */
  async unregister(dispatcher: string): Promise<void> {
    await this.#client.do({ type: 'unregister', dispatcher: dispatcherId('dispatcher', dispatcher) });
  }

  /**
   * What happens from now on: jobs that are put, start and end, dispatchers that come and go,
   * queues that are added. Whoever reads slowly misses what is beyond the limit, and is told how
   * much. Nothing is told of what might still be lost, so events of a `full` job come when they are
   * on the disk.
   *
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

  /** The handle of a job that was put at any time, by its id. */
  job<Result = unknown>(id: string): Job<Result> {
    const known = idFromText(id);
    if (known === undefined) throw new UnknownJobError(`${JSON.stringify(id)} is not the id of a job`);
    return new Job<Result>(this.#client, known);
  }

  /**
   * Ends the runtime: claims no more jobs, lets those that run come to an end, interrupts what does
   * not within the grace. A runtime that ended on an error is closed all the same: `error` says
   * which.
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
      const { hanging } = (await this.#client.link.close(graceMs)) as { hanging: number[] };
      return { hangingThreads: hanging };
    } catch (error) {
      if (!(error instanceof CallsheetError)) throw error;
      this.#client.link.fail(error);
      return { hangingThreads: [], error };
    } finally {
      this.#onClose();
      this.#client.link.end(new ClosedError('the runtime is closed'));
      await this.#end();
    }
  }
}

/**
 * Opens a runtime. It keeps the process alive until it is closed; a program that has nothing left
 * to do and did not close it is told so once, as a warning. What was put into the directory before
 * and is not completed goes on by itself.
 *
 * @throws {JournalLockedError} another runtime, here or in another process, has the directory open.
 * @throws {JournalCorruptError} the journal is damaged.
 * @throws {CallsheetError} DIRECTORY_UNUSABLE, MODULE_NOT_LOADABLE, INVALID_OPTION.
 */
export async function open(options: OpenOptions): Promise<Runtime> {
  checkOptions('options', options, openOptions);
  const { logger = defaultLogger() } = options;
  checkLogger(logger);
  const setup = resolveOptions(options);
  const durability = durabilityOf(options);
  const logs = new Logs(logger, setup.modules);
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
      setup.directory !== undefined,
    );
    if (setup.directory === undefined && options.durability === undefined)
      logger.warn(
        "nothing outlives this process: open() got no directory. With { durability: 'memory' } it says so no more",
      );
    const idle = () =>
      logger.warn(
        'the program has nothing left to do, and lives on for its runtime: close() it, or give open({ signals }) to a process that only runs jobs',
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

/**
 * What a put survives where it does not say. A missing environment variable must not be taken for
 * an option that was left out, where what is kept depends on it.
 */
function durabilityOf(options: OpenOptions): Level {
  const { directory, durability } = options;
  for (const [name, value] of Object.entries({ directory, durability }))
    if (value === undefined && Object.hasOwn(options, name))
      throw invalidOption(name, 'must have a value, or be left out', value);
  if (directory !== undefined) return durability ?? 'full';
  if (durability !== undefined && durability !== 'memory')
    throw invalidOption('durability', 'must be "memory" without a directory', durability, RangeError);
  return 'memory';
}

const openOptions: OptionNames<OpenOptions> = {
  directory: true,
  allowNetworkFileSystem: true,
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
  logger: true,
};

const limitNames: OptionNames<ResourceLimits> = {
  maxOldGenerationSizeMb: true,
  maxYoungGenerationSizeMb: true,
  codeRangeSizeMb: true,
  stackSizeMb: true,
};

const defaultExtraThreads = 32;
const defaultStopGraceMs = 2_000;
const defaultHeapMb = 2_048;
/** With less, callsheet itself and a few modules leave nothing for jobs. */
const leastHeapMb = 64;
const defaultPingMs = 30_000;
const defaultDeathMs = 60_000;

/** @internal Filled and checked. */
export function resolveOptions(options: OpenOptions): CoordinatorSetup {
  const { directory, jobs, threads = availableParallelism(), execArgv = [], durability = 'full', agent } = options;
  const { stopGraceMs = defaultStopGraceMs, graceMs = defaultGraceMs, retention = {}, dispatcher = true } = options;
  const { payloadLimitBytes = DEFAULT_LIMIT_BYTES, allowNetworkFileSystem = false } = options;
  const { recycle = {}, importMs = defaultImportMs, extraThreads = defaultExtraThreads } = options;
  const resourceLimits = { maxOldGenerationSizeMb: defaultHeapMb, ...options.resourceLimits };
  const heapMb = resourceLimits.maxOldGenerationSizeMb as number;
  const { pingMs = defaultPingMs, deathMs = Math.max(defaultDeathMs, 2 * pingMs) } = options;
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
    checkNumber('agent.size', agent.size, { integer: true, least: 1 });
  }
  checkOptions('retention', retention, { ageMs: true, count: true, bytes: true });
  checkBoolean('dispatcher', dispatcher);
  checkBoolean('allowNetworkFileSystem', allowNetworkFileSystem);
  checkArray('execArgv', execArgv, 'strings');
  for (const [index, text] of execArgv.entries()) checkText(`execArgv[${index}]`, text, 'must be a string', () => true);
  checkSignals(options.signals);
  checkNumber('stopGraceMs', stopGraceMs, { least: 0, unit: 'milliseconds' });
  checkNumber('graceMs', graceMs, { least: 0, unit: 'milliseconds' });
  for (const [name, value] of Object.entries(retention)) checkNumber(`retention.${name}`, value, { least: 0 });
  checkNumber('pingMs', pingMs, { finite: true, above: 0, unit: 'milliseconds' });
  checkNumber('deathMs', deathMs, { finite: true, above: pingMs, unit: 'milliseconds' });
  const modules: Record<string, ModuleSetup> = {};
  for (const [index, module] of Array.from(jobs).entries()) {
    const { name, ...setup } = registrationOf(module, `jobs[${index}]`);
    if (Object.hasOwn(modules, name))
      throw invalidOption(`jobs[${index}]`, 'must have a name that no other module of jobs has', name, RangeError);
    modules[name] = { ...setup, importMs };
  }
  return {
    directory: directoryPath(directory),
    allowNetworkFileSystem,
    runs: dispatcher,
    log: thresholdOf(options.logger ?? defaultLogger()),
    modules,
    threads,
    extraThreads,
    execArgv: [...execArgv],
    resourceLimits,
    recycle,
    payloadLimitBytes,
    retention: { ...defaultRetention, ...retention },
    stopGraceMs,
    agentSize: agent === false ? 0 : (agent?.size ?? threads),
    agentSizeGiven: agent !== undefined,
    isRestart: false,
    pingMs,
    deathMs,
    retry: options.retry === undefined ? undefined : checkRetryDefaults(options.retry, 'retry'),
  };
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

function defaultLogger(): Logger {
  return pino({ name: 'callsheet', level: 'warn' }, pino.destination(2));
}
