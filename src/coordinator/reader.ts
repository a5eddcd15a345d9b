/**
 * A thread that answers questions about a journal that no process has open, or about its past. It
 * is the coordinator over a store that is only read: it runs nothing, and refuses every command.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { idToText, newId } from '../codec/id.js';
import type { KeptLimits } from '../core/commands.js';
import { monotonicMs } from '../protocol/board.js';
import { errorToData } from '../protocol/error-data.js';
import { packCoordinatorMessages, unpackClientMessages } from '../protocol/message-runs.js';
import type { CoordinatorMessage } from '../protocol/messages.js';
import { JournalReader } from '../store/journal/journal-reader.js';
import { Coordinator } from './coordinator.js';
import { identityOf } from './identity.js';
import { NoPool } from './pool/no-pool.js';
import type { QuestionsPort } from './questions/questions-port.js';
import type { StatisticsStore } from './statistics/statistics.js';
import { StatisticsFile } from './statistics/statistics-file.js';

/** The data with which the thread is started. */
export interface ReaderSetup {
  /** An absolute path. */
  readonly directory: string;
  /** The time to read, in milliseconds since the epoch; `undefined` for the last state. */
  readonly at: number | undefined;
}

const { directory, at } = workerData as ReaderSetup;
const mailbox = parentPort!;

const post = (message: CoordinatorMessage) => mailbox.postMessage(packCoordinatorMessages([message]));

/** Nothing is ever forgotten here. */
const all: KeptLimits = {
  ageMs: Number.MAX_SAFE_INTEGER,
  count: Number.MAX_SAFE_INTEGER,
  bytes: Number.MAX_SAFE_INTEGER,
};

const noQuestions: QuestionsPort = { ask: () => {}, destroy: async () => {} };

/** The statistics of the directory, which are not written. */
function readOnly(file: StatisticsFile): StatisticsStore {
  return { read: () => file.read(), append: () => {}, replace: () => {}, written: async () => {} };
}

async function start(): Promise<void> {
  const store = new JournalReader(directory, at);
  const dispatcher = identityOf(directory) ?? newId();
  const coordinator = new Coordinator(
    {
      store,
      pool: () => new NoPool(),
      questions: noQuestions,
      post,
      now: () => at ?? Date.now(),
      monotonic: monotonicMs,
      // No timer is due: nothing changes.
      after: () => ({ clear: () => {} }),
      soon: setImmediate,
      stopwatch: () => performance.now(),
      // They are sums of all times, and would tell of what came later.
      statistics: at === undefined ? readOnly(new StatisticsFile(directory, () => {})) : undefined,
      closed: () => undefined,
    },
    {
      ...{ dispatcher, agentSize: 0, agentSizeGiven: false, isRestart: false, isVisitor: true },
      ...{ retention: { ...all, failed: all }, presence: undefined, retry: undefined, log: 'warn', modules: {} },
    },
  );
  const found = await coordinator.open({});
  mailbox.on('message', (batch: Uint8Array) => coordinator.receive(unpackClientMessages(batch)));
  post(['ready', { ...found, dispatcher: idToText(dispatcher), kept: store.times }, {}]);
}

try {
  await start();
} catch (error) {
  post(['fatal', errorToData(error)]);
}
