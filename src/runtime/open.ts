/** Opens a runtime: its options, with their defaults and checks, and its parts. */
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
import { type Level, levels } from '../core/records.js';
import { defaultRetention } from '../core/retention.js';
import { checkArray, checkBoolean, checkNumber, checkOneOf, checkText } from '../definition/arguments.js';
import { checkConnectionString, checkSchema, defaultSchema, withoutSecrets } from '../definition/database-options.js';
import { registrationOf } from '../definition/define-jobs.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkName } from '../definition/names.js';
import { checkRetryDefaults, type RetryDefaults } from '../definition/options.js';
import { invalidOption, JournalLockedError, NoOwnerError } from '../errors.js';
import { defaultImportMs, type ModuleSetup } from '../protocol/dispatch.js';
import { Client } from './client.js';
import { CoordinatorThread } from './coordinator-thread.js';
import { watchIdle } from './idle.js';
import { jobHandles } from './job.js';
import { Link } from './link.js';
import { defaultThreshold, Logs, thresholdOf } from './logs.js';
import { defaultGraceMs, Runtime } from './runtime.js';
import { type DeclaredSchedule, declareSchedules } from './schedules.js';
import { checkSignals } from './signals.js';

/** Limits on the completed jobs that are remembered. A limit that is left out has its default. */
export interface RetentionOptions extends Partial<KeptLimits> {
  /** The limits on failed jobs, which later successes do not push out. */
  readonly failed?: Partial<KeptLimits>;
}

/**
 * How to connect to PostgreSQL: options of `pg.Client`, with its names, units and defaults. Without
 * a `connectionTimeoutMillis`, a connection may take 10 s to begin; without a `query_timeout`, one
 * that does not answer for 30 s counts as lost.
 */
export interface PostgresConnection {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly database?: string;
  readonly password?: string | (() => string | Promise<string>);
  readonly ssl?: boolean | Readonly<Record<string, unknown>>;
  readonly sslnegotiation?: 'postgres' | 'direct';
  readonly enableChannelBinding?: boolean;
  readonly application_name?: string;
  readonly fallback_application_name?: string;
  readonly client_encoding?: string;
  readonly options?: string;
  readonly connectionTimeoutMillis?: number;
  readonly query_timeout?: number;
  readonly statement_timeout?: number | false;
  readonly lock_timeout?: number;
  readonly idle_in_transaction_session_timeout?: number;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelayMillis?: number;
}

const connectionOptions: OptionNames<PostgresConnection> = {
  ...{ connectionString: true, host: true, port: true, user: true, database: true, password: true },
  ...{ ssl: true, sslnegotiation: true, enableChannelBinding: true },
  ...{ application_name: true, fallback_application_name: true, client_encoding: true, options: true },
  ...{ connectionTimeoutMillis: true, query_timeout: true, statement_timeout: true, lock_timeout: true },
  ...{ idle_in_transaction_session_timeout: true, keepAlive: true, keepAliveInitialDelayMillis: true },
};

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

/**
 * @internal Opens a runtime that looks at the jobs of a database and steers them, but is not one of
 * its hosts: it has no functions, runs nothing and forgets nothing.
 */
export async function openVisitor(postgres: string, schema: string): Promise<Runtime> {
  const options: OpenOptions = { postgres, schema, jobs: [], dispatcher: false };
  return openAsOwner(options, { ...resolveOptions(options), isVisitor: true }, 'full', undefined);
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
      setup.isVisitor ? undefined : modules,
      durability,
      setup.payloadLimitBytes,
      setup.directory !== undefined || setup.postgres !== undefined,
    );
    client.outbox = found.outbox;
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
    isVisitor: false,
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
  if (directory !== undefined)
    throw invalidOption(
      'postgres',
      'must be left out with a directory',
      typeof postgres === 'string' ? withoutSecrets(postgres) : postgres,
    );
  const rule = 'must be a connection string, or an object of connection options';
  if (typeof postgres !== 'string' && (typeof postgres !== 'object' || postgres === null))
    throw invalidOption('postgres', rule, postgres);
  if (typeof postgres === 'string') checkConnectionString('postgres', postgres);
  else {
    checkOptions('postgres', postgres, connectionOptions);
    for (const [name, value] of Object.entries(postgres)) checkPlain(name, value);
  }
  if (schema !== undefined) checkSchema('schema', schema);
  const connection = typeof postgres === 'string' ? postgres : { ...postgres };
  return { connection, schema: schema ?? defaultSchema };
}

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
