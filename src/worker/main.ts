/**
 * What runs in Piscina's threads: the registered modules, and the jobs of a batch, one after another.
 *
 * It knows the board it shares with the coordinator, and no more of callsheet: no queue, no store, no policy. Outcomes, thrown errors
 * among them, leave as data.
 */
import { workerData } from 'node:worker_threads';
import { Board, type OutcomeCode } from '../protocol/board.js';
import { CompletedJobs } from '../protocol/completed-jobs.js';
import type { ThreadLink, WireRun, WorkerSetup, WorkerTask } from '../protocol/dispatch.js';
import { encodeFailure, failureFrom } from '../protocol/failure.js';
import { unpackBatch } from '../protocol/packing.js';
import { decodePayload, encodePayload } from '../protocol/payload.js';
import { describeModules, findFunction } from './modules.js';

const { modules } = workerData as WorkerSetup;

let board: Board | undefined;
let port: ThreadLink['port'] | undefined;
/** One job at a time: a batch that is here ahead of its time waits for the one before. */
let turn: Promise<unknown> = Promise.resolve();

export default function perform(task: WorkerTask): Promise<unknown> {
  if (task.type === 'describe') return describeModules(modules);
  if (task.link !== undefined) {
    board = new Board(task.link.board);
    port = task.link.port;
  }
  const runs = unpackBatch<WireRun>(task.batch);
  turn = turn.then(() => runAll(board!, runs));
  return turn;
}

async function runAll(shared: Board, runs: readonly WireRun[]): Promise<void> {
  for (const run of runs) {
    const [slot, word] = run;
    if (!shared.begin(slot, word)) continue;
    const startedAt = Date.now();
    const start = performance.now();
    let kind: OutcomeCode = 'value';
    let payload: Uint8Array;
    try {
      const returned = call(run);
      const value = isThenable(returned) ? await returned : returned;
      payload = encodePayload(value, { root: 'result', code: 'RESULT_NOT_STORABLE' });
    } catch (thrown) {
      kind = 'failure';
      payload = encodeFailure(failureFrom(thrown));
    }
    const outcome = { slot, kind, startedAt, ranMs: performance.now() - start, payload };
    if (!shared.publish(outcome)) {
      port!.postMessage(outcome, [payload.buffer as ArrayBuffer]);
      shared.publishedElsewhere(slot);
    }
  }
}

/** Synchronous where all is at hand, so that a short job costs no turn of the loop. */
function call([, , , callable, , , args, completed]: WireRun): unknown {
  const values = args === null ? [] : (decodePayload(args) as unknown[]);
  if (completed !== null) values.push(new CompletedJobs(completed));
  const found = findFunction(modules, callable);
  return typeof found === 'function' ? found(...values) : found.then((handler) => handler(...values));
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
