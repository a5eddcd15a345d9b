/** Held handles: the jobs for which a client has handles, until it has none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newId } from '../../src/codec/id.js';
import { HeldHandles } from '../../src/coordinator/clients/held-handles.js';
import { type ReceivedMessage, unpackClientMessages } from '../../src/protocol/message-runs.js';
import { Link } from '../../src/runtime/link.js';
import { eventually } from '../harness/eventually.js';

const ids = (count: number) => Array.from({ length: count }, newId);

describe('held handles', () => {
  it('finds every job of a put by id range, and none of another put', () => {
    const heldHandles = new HeldHandles();
    const puts = Array.from({ length: 50 }, (_, n) => ids(1 + (n % 7)));
    const between = newId();
    // Not in the order of the ids: a put may have waited for room.
    for (const put of [...puts.slice(25), ...puts.slice(0, 25)]) heldHandles.hold(put[0]!, put.at(-1)!);
    for (const put of puts) for (const id of put) assert.deepEqual(heldHandles.handsOf(id), [put[0]]);
    for (const id of [between, newId(), '\0'.repeat(16)]) assert.deepEqual(heldHandles.handsOf(id), []);
    for (const put of puts.filter((_, n) => n % 2 === 0)) heldHandles.release(put[0]!);
    for (const [n, put] of puts.entries()) for (const id of put) assert.equal(heldHandles.handsOf(id).length, n % 2);
    for (const put of puts) heldHandles.release(put[0]!);
    assert.equal(heldHandles.size, 0);
  });

  it('finds an earlier job once for each put that got it', () => {
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

  it('[2.12] releases a put with its last handle, and no other put', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const sent: ReceivedMessage[] = [];
    const post = (batch: Uint8Array) => void sent.push(...unpackClientMessages(batch));
    const link = new Link({ listen: () => {}, post }, () => {});
    const [kept, dropped] = ids(2) as [string, string];
    const hand = link.hold(kept, kept);
    (() => void link.hold(dropped, dropped))();
    await eventually('the handles are collected', () => {
      collect();
      return sent.length > 0;
    });
    assert.deepEqual(sent, [['release', 1, dropped]]);
    assert.equal(hand.last, kept);
  });
});
