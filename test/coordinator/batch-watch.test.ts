/** When threads with a batch are checked. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BatchWatch, settlingWaitMs } from '../../src/coordinator/pool/batch-watch.js';
import type { Run } from '../../src/coordinator/pool/pool-port.js';
import type { Thread } from '../../src/coordinator/pool/thread.js';

it('checks at once a thread that came due during another check', async (t) => {
  const delays: (number | undefined)[] = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (callback: () => void, ms?: number) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  });
  const seen: Thread[] = [];
  const [first, second] = [{}, {}] as Thread[];
  await new Promise<void>((resolve) => {
    const batchWatch = new BatchWatch((thread) => {
      seen.push(thread);
      // As long as a busy loop may block every timer.
      for (const end = performance.now() + 20; performance.now() < end; );
      if (seen.length === 2) resolve();
      return 'enough';
    });
    batchWatch.watch(first!, 1);
    batchWatch.watch(second!, 6);
  });
  assert.deepEqual(seen, [first, second]);
  assert.ok(
    delays.every((ms) => ms! >= 0),
    delays.join(),
  );
});

it('lets outcomes of short jobs wait for others while the thread has enough to do', () => {
  const waitMs = (jobs: number, expectedMs: number) =>
    settlingWaitMs({ runs: new Map(Array.from({ length: jobs }, (_, slot) => [slot, {} as Run])), expectedMs });
  assert.equal(waitMs(16, 16), 8, 'the longest wait');
  assert.equal(waitMs(8, 8), 3, 'the thread gets more before it is idle');
  assert.equal(waitMs(12, 12), 6, 'half of the time in the next batch');
  assert.equal(waitMs(32, 0.1), 0, 'the next batch is over at once');
  assert.equal(waitMs(1, 1000), 0, 'the next job is too long to wait for');
  assert.equal(waitMs(1, Number.POSITIVE_INFINITY), 0);
});
