/**
 * The code of a worker thread alone, in a thread of its own: batches of trivial jobs, given and
 * taken by the thread itself.
 */
import { once } from 'node:events';
import { getHeapStatistics } from 'node:v8';
import { isMainThread, MessageChannel, Worker, workerData } from 'node:worker_threads';
import { newId } from '../../src/codec/id.js';
import { encodeArguments } from '../../src/codec/payload.js';
import { Board } from '../../src/protocol/board.js';
import type { ThreadLink, WorkerSetup, WorkerTask } from '../../src/protocol/dispatch.js';
import { RunBatchWriter } from '../../src/protocol/run-batch.js';
import type { Measured } from '../harness/bench.js';
import { programArguments, reportResult } from '../harness/program.js';

export interface WorkerWork {
  readonly inBatch: number;
  readonly batches: number;
  readonly warmUpBatches: number;
}

const url = new URL('../jobs/stamp.js', import.meta.url).href;
const setup: WorkerSetup = { modules: { stamp: { url } }, log: 'silent', payloadLimitBytes: 1e6, dispatcher: newId() };

if (isMainThread) {
  const work = programArguments<WorkerWork>();
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...setup, work } });
  const [figures] = await once(worker, 'message');
  await worker.terminate();
  reportResult({ figures } satisfies Measured);
} else await measureHere(workerData.work as WorkerWork);

async function measureHere({ inBatch, batches, warmUpBatches }: WorkerWork): Promise<void> {
  const { default: perform } = await import('../../src/worker/main.js');
  const { parentPort } = await import('node:worker_threads');
  const board = new Board();
  const writer = new RunBatchWriter();
  let link: ThreadLink | undefined = { board: board.buffer, port: new MessageChannel().port2, modules: {} };

  const makeBatch = (): Uint8Array => {
    for (let slot = 0; slot < inBatch; slot++) {
      const word = board.assign(slot);
      const job = { id: newId(), parent: '', isPart: false, callable: 'stamp#stamp', attempt: 1, queue: '' };
      writer.add({ slot, word, ...job, agent: '', args: encodeArguments([slot]), fed: null, timed: false, log: '' });
    }
    return writer.finish();
  };
  /** Returns the bytes that the jobs of a batch allocated. */
  const run = async (): Promise<number> => {
    const task: WorkerTask = { type: 'run', batch: makeBatch(), ...(link && { link }) };
    link = undefined;
    const before = getHeapStatistics().used_heap_size;
    await perform(task);
    const bytes = getHeapStatistics().used_heap_size - before;
    if (board.drain(() => {}) !== inBatch) throw new Error('not every job has reported its end');
    for (let slot = 0; slot < inBatch; slot++) board.release(slot);
    return bytes;
  };

  for (let batch = 0; batch < warmUpBatches; batch++) await run();
  let bytes = 0;
  let counted = 0;
  for (let batch = 0; batch < batches; batch++) {
    const grown = await run();
    // Less than before means a collection: the bytes of that batch are not known.
    if (grown <= 0) continue;
    bytes += grown;
    counted++;
  }
  parentPort!.postMessage({ 'allocated per job': bytes / (counted * inBatch) });
}
