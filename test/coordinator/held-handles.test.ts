/**
 * Handles in hand: which jobs a client has handles of, and that nothing is left when it has none.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openVirtual } from 'callsheet/testing';
import { newId } from '../../src/codec/id.js';
import { InHand } from '../../src/coordinator/clients/held-handles.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { eventually } from '../harness/eventually.js';

const ids = (count: number) => Array.from({ length: count }, newId);

describe('what is in hand', () => {
  it('is each job of a put, by the range of their ids, and none of another’s', () => {
    const inHand = new InHand();
    const puts = Array.from({ length: 50 }, (_, n) => ids(1 + (n % 7)));
    const between = newId();
    // Not in the order in which they were made: a put may have waited for room.
    for (const put of [...puts.slice(25), ...puts.slice(0, 25)]) inHand.hold(put[0]!, put.at(-1)!);
    for (const put of puts) for (const id of put) assert.deepEqual(inHand.handsOf(id), [put[0]]);
    for (const id of [between, newId(), '\0'.repeat(16)]) assert.deepEqual(inHand.handsOf(id), []);
    for (const put of puts.filter((_, n) => n % 2 === 0)) inHand.release(put[0]!);
    for (const [n, put] of puts.entries()) for (const id of put) assert.equal(inHand.handsOf(id).length, n % 2);
    for (const put of puts) inHand.release(put[0]!);
    assert.equal(inHand.size, 0);
  });

  it('is also a job that was there before, as often as it was put again', () => {
    const inHand = new InHand();
    const [there, first, second] = ids(3) as [string, string, string];
    inHand.hold(there, there);
    inHand.hold(first, first, [there]);
    inHand.hold(second, second, [there]);
    assert.deepEqual([...inHand.handsOf(there)].sort(), [there, first, second]);
    inHand.release(first);
    inHand.release(there);
    assert.deepEqual(inHand.handsOf(there), [second]);
    inHand.release(second);
    assert.deepEqual([inHand.handsOf(there), inHand.size], [[], 0]);
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
