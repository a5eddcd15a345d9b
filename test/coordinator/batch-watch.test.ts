/** When threads with a batch are checked. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BatchWatch } from '../../src/coordinator/pool/batch-watch.js';
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
    const batchWatch = new BatchWatch(
      (thread) => {
        seen.push(thread);
        // As long as a busy loop may block every timer.
        for (const end = performance.now() + 20; performance.now() < end; );
        return 'enough';
      },
      () => seen.length === 2 && resolve(),
    );
    batchWatch.watch(first!, 1);
    batchWatch.watch(second!, 6);
  });
  assert.deepEqual(seen, [first, second]);
  assert.ok(
    delays.every((ms) => ms! >= 0),
    delays.join(),
  );
});
