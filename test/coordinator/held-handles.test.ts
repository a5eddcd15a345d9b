/**
 * Handles in hand: which jobs a client has handles of, and that nothing is left when it has none.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openVirtual } from 'callsheet/testing';
import { newId } from '../../src/codec/id.js';
import { HeldHandles } from '../../src/coordinator/clients/held-handles.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { eventually } from '../harness/eventually.js';

const ids = (count: number) => Array.from({ length: count }, newId);

describe('what is in hand', () => {
  it('is each job of a put, by the range of their ids, and none of another’s', () => {
    const heldHandles = new HeldHandles();
    const puts = Array.from({ length: 50 }, (_, n) => ids(1 + (n % 7)));
    const between = newId();
    // Not in the order in which they were made: a put may have waited for room.
    for (const put of [...puts.slice(25), ...puts.slice(0, 25)]) heldHandles.hold(put[0]!, put.at(-1)!);
    for (const put of puts) for (const id of put) assert.deepEqual(heldHandles.handsOf(id), [put[0]]);
    for (const id of [between, newId(), '\0'.repeat(16)]) assert.deepEqual(heldHandles.handsOf(id), []);
    for (const put of puts.filter((_, n) => n % 2 === 0)) heldHandles.release(put[0]!);
    for (const [n, put] of puts.entries()) for (const id of put) assert.equal(heldHandles.handsOf(id).length, n % 2);
    for (const put of puts) heldHandles.release(put[0]!);
    assert.equal(heldHandles.size, 0);
  });

  it('is also a job that was there before, as often as it was put again', () => {
    const heldHandles = new HeldHandles();
    const [there, first, second] = ids(3) as [string, string, string];
    heldHandles.hold(there, there);
    heldHandles.hold(first, first, [there]);
    heldHandles.hold(second, second, [there]);
    assert.deepEqual([...heldHandles.handsOf(there)].sort(), [there, first, second]);
    heldHandles.release(first);
    heldHandles.release(there);
    assert.deepEqual(heldHandles.handsOf(there), [second]);
    heldHandles.release(second);
    assert.deepEqual([heldHandles.handsOf(there), heldHandles.size], [[], 0]);
  });

  it('[2.12] is kept by handles, and gone with them: then nothing is told any more', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await using kit = await openVirtual({ jobs: allJobs, retention: { count: 0 } });
    const queue = kit.runtime.queue();
    const kept = (await queue.putAll([work.mark('a'), work.mark('b')]))[0]!;
    await (async () => void (await queue.putAll([work.mark('c'), work.mark('d')])))();
    await eventually('the handles that nobody has are released', async () => {
      collect();
      return (await kit.runtime.stats()).putsInHand === 1;
    });
    await kit.untilIdle();
    await kit.run(work.mark('last'));
    assert.equal(await kept.result(), 'a');
  });
});
