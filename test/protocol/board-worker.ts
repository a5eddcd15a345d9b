/**
 * The worker's side in the tests of the board. It begins the jobs that it can and publishes an
 * outcome for each.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Board, type RunReport } from '../../src/protocol/board.js';

interface Batch {
  readonly slots: readonly number[];
  readonly words: readonly number[];
  readonly numbers: readonly number[];
  readonly round: number;
}

const board = new Board((workerData as { buffer: SharedArrayBuffer }).buffer);

parentPort!.on('message', ({ slots, words, numbers, round }: Batch) => {
  const posted: Pick<RunReport, 'slot' | 'ranMs'>[] = [];
  for (const [n, slot] of slots.entries()) {
    if (!board.begin(slot, words[n]!)) continue;
    const payload = new Uint8Array((round * 97 + n * 31) % 6000);
    const report: RunReport = {
      slot,
      kind: 'value',
      startedAt: 0,
      ranMs: numbers[n]!,
      payload,
      note: '',
      inner: new Uint8Array(),
    };
    if (board.publish(report, words[n]!)) continue;
    posted.push({ slot, ranMs: numbers[n]! });
    board.publishedElsewhere(slot, words[n]!);
  }
  parentPort!.postMessage({ posted });
});
