/** Copies of entries into the write buffer, and their checksums. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { copySummed } from '../../src/journal/copy-summed.js';
import { randomFrom, seedOf } from '../harness/randomness.js';

describe('a summed copy', () => {
  it('has the bytes of the source and the checksum of zlib, for any length and any sum before', (t) => {
    const random = randomFrom(seedOf(t));
    for (let length = 0; length < 200; length++) {
      const source = Uint8Array.from({ length }, () => random(256));
      const before = Uint8Array.from({ length: random(3) }, () => random(256));
      const target = new Uint8Array(300).fill(7);
      const at = random(100);
      const around = Uint8Array.from([...new Uint8Array(random(9)).fill(3), ...source, 4, 5]);
      const from = around.length - source.length - 2;
      const sum = copySummed(target, at, around, from, from + length, crc32(before));
      assert.equal(sum, crc32(Buffer.concat([before, source])), `${length} bytes`);
      const expected = new Uint8Array(300).fill(7);
      expected.set(source, at);
      assert.deepEqual(target, expected);
    }
  });
});
