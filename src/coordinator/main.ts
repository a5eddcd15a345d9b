/** The coordinator's thread: joins the coordinator to the real store, pool, clock and mailbox. */
import { hostname } from 'node:os';
import { parentPort, type ResourceLimits, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { encodeFailure, encodeOwnFailure, failureFrom } from '../codec/failure.js';
import { idToText, newId } from '../codec/id.js';
import type { WithBuffers } from '../codec/transfer.js';
import type { Retention } from '../core/commands.js';
import type { LogThreshold, RetryDefaults } from '../core/records.js';
import { acquireLock, type Lock } from '../journal/lock.js';
import { monotonicMs } from '../protocol/board.js';
import { defaultImportMs, type ModuleDescription, type ModuleSetup, type Recycling } from '../protocol/dispatch.js';
import { errorToData } from '../protocol/error-data.js';
import { describeModules, withinTime } from '../protocol/importing.js';
import { checkGiven } from '../protocol/known-functions.js';
import { packCoordinatorMessages, type ReceivedMessage, unpackClientMessages } from '../protocol/message-runs.js';
import type { CoordinatorMessage } from '../protocol/messages.js';
import { JournalStore } from '../store/journal/journal-store.js';
import { MemoryStore } from '../store/memory-store.js';
import type { PostgresOptions } from '../store/postgres/database.js';
import type { Store, StoreOutside } from '../store/store.js';
import { Coordinator } from './coordinator.js';
import { keepsIdentity, readIdentity } from './identity.js';
import { setLongTimeout } from './long-timeout.js';
import { NoPool } from './pool/no-pool.js';
import { Pool } from './pool/pool.js';
import { Questions } from './questions/questions.js';
import { Sharing } from './sharing.js';
import { StatisticsFile } from './statistics/statistics-file.js';
import { SteadyClock } from './steady-clock.js';

/** The data with which the coordinator's thread is started. */
export interface CoordinatorSetup {
  /** Undefined: nothing outlives the process. */
  readonly directory: string | undefined;
  /** The database that keeps the jobs, in the place of a directory. */
  readonly postgres: PostgresOptions | undefined;
  readonly allowNetworkFileSystem: boolean;
  /** See `OpenOptions`. */
  readonly waitMs: number;
  /** `true` if it runs jobs; `false` for a client. */
  readonly runs: boolean;
  /** See `CoordinatorOptions`. */
  readonly isVisitor: boolean;
  /** The lowest level that is logged. */
  readonly log: LogThreshold;
  readonly modules: Readonly<Record<string, ModuleSetup>>;
  readonly threads: number;
  readonly extraThreads: number;
  /** Node's options for the worker threads, such as a loader. */
  readonly execArgv: readonly string[];
  /** See `OpenOptions`. */
  readonly resourceLimits: ResourceLimits;
  readonly recycle: Recycling;
  /** See `OpenOptions`. */
  readonly payloadLimitBytes: number;
  readonly retention: Retention;
  readonly stopGraceMs: number;
  /** See `CoordinatorOptions`. */
  readonly agentSize: number;
  readonly agentSizeGiven: boolean;
  readonly isRestart: boolean;
  /** See `PresenceOptions`. */
  readonly pingMs: number;
  readonly deathMs: number;
  readonly retry: RetryDefaults | undefined;
}

const setup = workerData as CoordinatorSetup;
const mailbox = parentPort!;
let outgoing: CoordinatorMessage[] = [];

/** Sends all messages of one turn as one batch. */
function post(message: CoordinatorMessage): void {
  if (outgoing.length === 0) queueMicrotask(flush);
  outgoing.push(message);
}

function flush(): void {
  const batch = packCoordinatorMessages(outgoing);
  outgoing = [];
  mailbox.postMessage(batch, [batch.buffer as ArrayBuffer]);
}

async function start(): Promise<void> {
  const { directory, allowNetworkFileSystem, waitMs, modules, threads, extraThreads, execArgv } = setup;
  const { retention, stopGraceMs, retry, resourceLimits, recycle } = setup;
  const { runs, isVisitor, log, agentSize, agentSizeGiven, isRestart, pingMs, deathMs } = setup;
  let lock: Lock | undefined;
  if (directory !== undefined) lock = await acquireLock(directory, { allowNetworkFileSystem, waitMs });
  const dispatcher = isVisitor ? newId() : readIdentity(directory);
  const outside: StoreOutside = {
    ...machine,
    dispatcher: runs ? dispatcher : '',
    get listening() {
      return coordinator.isHeard;
    },
    get holding() {
      return coordinator.isHolding;
    },
  };
  const store = await openStore(outside, lock);
  let pool!: Pool;
  const coordinator: Coordinator = new Coordinator(
    {
      store,
      pool: (owner) => {
        // A client uses a thread only to list the exports of the modules.
        const workers = { modules, recycle, log, payloadLimitBytes: setup.payloadLimitBytes, dispatcher };
        const size = { threads: runs ? threads : 1, extraThreads };
        pool = new Pool(owner, { ...size, execArgv, resourceLimits, stopGraceMs, setup: workers });
        return runs ? pool : new NoPool();
      },
      questions: new Questions({ modules, execArgv, resourceLimits }),
      post,
      now: clock.now,
      monotonic: monotonicMs,
      after: (delayMs, callback) => setLongTimeout(callback, delayMs),
      soon: setImmediate,
      stopwatch: () => performance.now(),
      statistics: directory === undefined ? undefined : new StatisticsFile(directory, statisticsFailed),
      closed: () => lock?.release(),
    },
    {
      dispatcher,
      isVisitor,
      retention,
      agentSize,
      agentSizeGiven,
      isRestart,
      log,
      modules,
      presence: runs
        ? {
            incarnation: newId(),
            host: hostname(),
            pid: process.pid,
            pingMs,
            deathMs,
            isPassing: !keepsIdentity(directory),
          }
        : undefined,
      retry,
    },
  );
  const known = await describeModules(modules, (name) => describe(pool, name));
  checkGiven({ modules, retry }, known);
  if (!runs) await pool.destroy();
  const found = await coordinator.open(known);
  const take = (message: Uint8Array | WithBuffers): ReceivedMessage[] => {
    if (!Array.isArray(message)) return unpackClientMessages(message);
    coordinator.keepBuffers(message[1]);
    return unpackClientMessages(message[0]);
  };
  const look = () => {
    const byMs = clock.look();
    if (byMs !== 0) coordinator.clockSet(byMs);
  };
  setInterval(look, lookEveryMs).unref();
  mailbox.on('message', (first: Uint8Array | WithBuffers) => {
    const messages = take(first);
    for (let next = receiveMessageOnPort(mailbox); next !== undefined; next = receiveMessageOnPort(mailbox)) {
      messages.push(...take(next.message));
    }
    look();
    coordinator.receive(messages);
  });
  const sharing = new Sharing({
    coordinator,
    dispatcher,
    modules: known,
    after: (delayMs, callback) => setLongTimeout(callback, delayMs),
    log: (level, message, detail) => post(['log', level, message, detail]),
  });
  lock?.accept((connection) => sharing.take(connection));
  post(['ready', { ...found, dispatcher: idToText(dispatcher), outbox: store.outbox }, known]);
}

async function openStore(outside: StoreOutside, lock: Lock | undefined): Promise<Store> {
  const { directory, postgres, allowNetworkFileSystem } = setup;
  if (postgres !== undefined) {
    const { openPostgres } = await import('../store/postgres/open.js');
    return openPostgres(postgres, outside);
  }
  if (directory === undefined) return new MemoryStore(outside);
  return new JournalStore(directory, outside, { allowNetworkFileSystem, lock: lock! });
}

const statisticsFailed = (error: Error) =>
  post(['log', 'warn', 'the statistics cannot be written, and last only as long as this process', error.message]);

const clock = new SteadyClock({ wall: Date.now, monotonic: () => performance.now() });
const lookEveryMs = 1000;

const machine: Omit<StoreOutside, 'dispatcher' | 'listening' | 'holding'> = {
  now: clock.now,
  random: Math.random,
  failure: encodeOwnFailure,
};

function describe(pool: Pool, name: string): Promise<ModuleDescription> {
  const { importMs = defaultImportMs } = setup.modules[name]!;
  return withinTime(importMs, pool.describe(name)).catch((error) => ({ failure: encodeFailure(failureFrom(error)) }));
}

try {
  await start();
} catch (error) {
  post(['fatal', errorToData(error)]);
}
