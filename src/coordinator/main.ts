/**
 * The coordinator's thread: puts the actor together with the real store, pool, clock and mailbox.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Retention } from '../core/commands.js';
import { CallsheetError } from '../errors.js';
import { acquireLock, type Lock } from '../journal/lock.js';
import type { ModuleDescription } from '../protocol/dispatch.js';
import { errorToData } from '../protocol/error-data.js';
import { decodeFailure, JobFailedError } from '../protocol/failure.js';
import { idToText, newId } from '../protocol/id.js';
import type { ClientMessage, CoordinatorMessage, WireModule } from '../protocol/messages.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';
import { JournalStore } from '../store/journal-store.js';
import { MemoryStore } from '../store/memory-store.js';
import { Coordinator } from './coordinator.js';
import { readIdentity } from './identity.js';
import { Pool } from './pool.js';

/** What the coordinator's thread is started with. */
export interface CoordinatorSetup {
  /** Undefined: nothing outlives the process. */
  readonly directory: string | undefined;
  /** Where each registered module is. */
  readonly modules: Readonly<Record<string, string>>;
  readonly threads: number;
  /** Options of Node for the worker threads, such as a loader. */
  readonly execArgv: readonly string[];
  readonly retention: Retention;
}

const setup = workerData as CoordinatorSetup;
const mailbox = parentPort!;
let outgoing: CoordinatorMessage[] = [];

/** All that is said in one turn goes out as one message. */
function post(message: CoordinatorMessage): void {
  if (outgoing.length === 0) queueMicrotask(flush);
  outgoing.push(message);
}

function flush(): void {
  const batch = packBatch(outgoing);
  outgoing = [];
  mailbox.postMessage(batch, [batch.buffer as ArrayBuffer]);
}

try {
  await start();
} catch (error) {
  post(['fatal', errorToData(error)]);
}

async function start(): Promise<void> {
  const { directory, modules, threads, execArgv, retention } = setup;
  let lock: Lock | undefined;
  if (directory !== undefined) lock = await acquireLock(directory);
  const dispatcher = directory === undefined ? newId() : readIdentity(directory);
  const store = directory === undefined ? new MemoryStore() : new JournalStore(directory);
  let pool!: Pool;
  const coordinator = new Coordinator(
    {
      store,
      pool: (owner) => {
        pool = new Pool(owner, { threads, execArgv, setup: { modules } });
        return pool;
      },
      post,
      now: Date.now,
      closed: () => lock?.release(),
    },
    { dispatcher, retention },
  );
  const descriptions = await pool.describe();
  const found = await coordinator.open(runnableOf(descriptions));
  mailbox.on('message', (first: Uint8Array) => {
    const messages = unpackBatch<ClientMessage>(first);
    for (let next = receiveMessageOnPort(mailbox); next !== undefined; next = receiveMessageOnPort(mailbox)) {
      messages.push(...unpackBatch<ClientMessage>(next.message));
    }
    coordinator.receive(messages);
  });
  post(['ready', { ...found, dispatcher: idToText(dispatcher) }, wireModules(descriptions)]);
}

/** The callables that this build knows. A module that cannot be imported keeps the runtime from opening. */
function runnableOf(descriptions: readonly ModuleDescription[]): Set<string> {
  const callables = new Set<string>();
  for (const description of descriptions) {
    if ('failure' in description) throw notLoadable(description.name, description.failure);
    for (const name of description.functions) callables.add(`${description.name}#${name}`);
  }
  return callables;
}

function notLoadable(name: string, encoded: Uint8Array): CallsheetError {
  const failure = decodeFailure(encoded);
  const hint =
    failure.code === 'ERR_UNKNOWN_FILE_EXTENSION'
      ? ` Node ${process.version} runs no TypeScript by itself: name the compiled file, or give a loader, open({ execArgv: ['--import', 'tsx'] }).`
      : '';
  const message = `the module registered as ${JSON.stringify(name)} (${setup.modules[name]}) cannot be imported: ${failure.message}${hint}`;
  return new CallsheetError('MODULE_NOT_LOADABLE', message, { cause: new JobFailedError(failure) });
}

function wireModules(descriptions: readonly ModuleDescription[]): Record<string, WireModule> {
  const modules: Record<string, WireModule> = {};
  for (const description of descriptions) {
    if ('functions' in description)
      modules[description.name] = { functions: description.functions, others: description.others };
  }
  return modules;
}
