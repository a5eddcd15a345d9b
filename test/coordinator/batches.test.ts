/** Checks that a thread is kept free for a job that waits for an idle one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Batches } from '../../src/coordinator/claiming/batches.js';
import { Estimates } from '../../src/coordinator/claiming/estimates.js';

/** Returns the batches of one busy thread that has none ahead. */
function besideOneBatch(): Batches<string> {
  const estimates = new Estimates();
  estimates.learn('short', 1);
  return new Batches<string>(
    {
      loads: [{ thread: 1, batches: 1, agents: ['a', 'b'] }],
      threads: 1,
      waiting: new Set(),
      roomOf: () => ({ forAll: 1, forAwaited: 1 }),
    },
    estimates,
  );
}

const short = { callable: 'short' };
const unknown = { callable: 'unknown' };

describe('a busy thread', () => {
  it('[5.2] gets a short job ahead', () => {
    const batches = besideOneBatch();
    assert.ok(batches.place(short, 'a', false, 'short'));
    assert.deepEqual(
      batches.filled.map(({ thread, items }) => [thread, items]),
      [[1, ['short']]],
    );
  });

  it('[5.2] gets nothing ahead while a job of unknown duration waits for it', () => {
    const batches = besideOneBatch();
    assert.ok(!batches.place(unknown, 'b', false, 'unknown'));
    assert.ok(batches.isHeld, 'its agent goes first next time');
    assert.ok(!batches.place(short, 'a', false, 'short'));
    assert.deepEqual(batches.filled, []);
  });
});
