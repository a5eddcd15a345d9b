/** Batches of messages as versioned bytes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Packr } from 'msgpackr';
import { packBatch, unpackBatch } from '../../src/protocol/packing.js';

describe('a batch of messages', () => {
  it('round-trips', () => {
    const messages = [
      ['puts', 1, 'a queue', 'full', [['id\u00ff', 'call', 'm#f', new Uint8Array([1, 2, 3]), 0, 'default', []]]],
      ['answer', 2 ** 40, { jobs: 3, name: 'ä', nothing: null }],
      [],
    ];
    const read = unpackBatch<unknown[]>(packBatch(messages));
    assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(messages)));
    assert.ok((read[0] as unknown[][][])[4]![0]![3]! instanceof Uint8Array);
  });

  it('has a buffer of its own, so that it can be transferred', () => {
    const [one, other] = [packBatch([1]), packBatch([2])];
    assert.equal(one.byteLength, one.buffer.byteLength);
    assert.notEqual(one.buffer, other.buffer);
    structuredClone(one, { transfer: [one.buffer as ArrayBuffer] });
    assert.deepEqual(unpackBatch(other), [2]);
  });

  it('is refused with its version if that is another', () => {
    for (const version of [0, 1, 99, '1', null]) {
      const bytes = new Packr({ useRecords: false }).pack([version, []]);
      assert.throws(() => unpackBatch(bytes), { code: 'PROTOCOL_VERSION', message: new RegExp(`protocol ${version}`) });
    }
  });
});
