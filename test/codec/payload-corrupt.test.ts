/**
 * Decoding bytes that are not a payload fails soon, with a typed error, and without more memory
 * than the bytes account for.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { decodePayload, encodePayload } from '../../src/codec/payload.js';
import { CallsheetError } from '../../src/errors.js';
import { cases, replay, storable } from './payload-cases.js';

const RESULT = { root: 'result', code: 'RESULT_NOT_STORABLE' } as const;
const LEVELS = { limitBytes: 64 * 1024 * 1024, ...RESULT };

/**
 * Decodes. A decoded value must itself be storable; otherwise the error must be PAYLOAD_CORRUPT.
 */
function decodesOrIsCorrupt(bytes: Uint8Array): boolean {
  let value: unknown;
  try {
    value = decodePayload(bytes);
  } catch (error) {
    assert.ok(error instanceof CallsheetError, String(error));
    assert.equal(error.code, 'PAYLOAD_CORRUPT');
    return false;
  }
  assert.deepStrictEqual(decodePayload(encodePayload(value, LEVELS)), value);
  return true;
}

function isCorrupt(...bytes: number[]): void {
  assert.throws(() => decodePayload(Uint8Array.from(bytes)), { name: 'PayloadCorruptError', code: 'PAYLOAD_CORRUPT' });
}

it('decoding random bytes returns a value or throws PAYLOAD_CORRUPT', (t) => {
  t.diagnostic(replay);
  // Heads of msgpack are more frequent than among random bytes.
  const byte = fc.oneof(
    fc.nat({ max: 255 }),
    fc.integer({ min: 0xc0, max: 0xdf }),
    fc.integer({ min: 0x80, max: 0x94 }),
  );
  const tagged = fc.constantFrom(0x00, 0x42, 0x44, 0x6d, 0x6e, 0x72, 0x73, 0x74, 0x78, 0xc7, 0xc9, 0xd4, 0xd7, 0xd8);
  fc.assert(
    fc.property(fc.array(fc.oneof(byte, tagged), { maxLength: 60 }), (bytes) => {
      decodesOrIsCorrupt(Uint8Array.from(bytes));
    }),
    cases(5_000),
  );
});

it('decoding a payload with bytes changed, cut, added or removed returns a value or throws PAYLOAD_CORRUPT', (t) => {
  t.diagnostic(replay);
  const edits = fc.array(
    fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('set', 'flip', 'cut', 'insert', 'drop')),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  let corrupt = 0;
  fc.assert(
    fc.property(storable, edits, (value, list) => {
      let bytes = [...encodePayload(value, RESULT)];
      for (const [where, byte, edit] of list) {
        const at = where % (bytes.length + 1);
        if (edit === 'set') bytes[at] = byte;
        else if (edit === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << (byte % 8));
        else if (edit === 'cut') bytes = bytes.slice(0, at);
        else bytes.splice(at, edit === 'drop' ? 1 : 0, ...(edit === 'drop' ? [] : [byte]));
      }
      if (!decodesOrIsCorrupt(Uint8Array.from(bytes))) corrupt++;
    }),
    cases(3_000),
  );
  t.diagnostic(`${corrupt} were corrupt`);
});

it('decoding a payload cut anywhere, or with an extra byte, throws PAYLOAD_CORRUPT', (t) => {
  t.diagnostic(replay);
  fc.assert(
    fc.property(storable, (value) => {
      const bytes = encodePayload(value, RESULT);
      const step = Math.max(1, Math.floor(bytes.length / 50));
      for (let length = 0; length < bytes.length; length += step) isCorrupt(...bytes.subarray(0, length));
      isCorrupt(...bytes, 0);
    }),
    cases(150),
  );
});

it('decoding bytes outside the format throws PAYLOAD_CORRUPT', () => {
  isCorrupt();
  for (const token of [0xc1, 0xc5, 0xc7, 0xc8, 0xca, 0xcf, 0xd0, 0xd1, 0xd5, 0xd6])
    isCorrupt(token, ...new Array(16).fill(0));
  isCorrupt(0xd4, 0x00, 0x01);
  isCorrupt(0xd4, 0x7f, 0x00);
  isCorrupt(0x81, 0x01, 0x01);
  isCorrupt(0x81, 0xa9, ...Buffer.from('__proto__'), 0x01);
  isCorrupt(0x81, 0xd9, 0x09, ...Buffer.from('__proto__'), 0x01);
  isCorrupt(0xa2, 0xc3, 0x28);
  isCorrupt(0xa3, 0xed, 0xa0, 0x80);
  isCorrupt(0xd7, 0x44, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0);
  isCorrupt(0xd7, 0x44, 0x7f, 0xe0, 0, 0, 0, 0, 0, 0);
  isCorrupt(0xd4, 0x44, 0x01);
  isCorrupt(0xd4, 0x42, 0x00);
  isCorrupt(0xc9, 0, 0, 0, 2, 0x42, 2, 1);
  isCorrupt(0xd4, 0x73, 0x05);
  isCorrupt(0xc9, 0, 0, 0, 2, 0x6d, 0x91, 0x01);
  isCorrupt(0xc9, 0, 0, 0, 3, 0x73, 0x91, 0x01, 0x01);
  isCorrupt(0xc9, 0, 0, 0, 1, 0x73, 0x91, 0x01);
  isCorrupt(0xc9, 0, 0, 0, 5, 0x78, 0x93, 0xa1, 0x28, 0xa0, 0x00);
  isCorrupt(0xc9, 0, 0, 0, 2, 0x74, 99, 1);
  isCorrupt(0xc9, 0, 0, 0, 4, 0x74, 5, 1, 2, 3);
});

it('decoding a bad key throws although a good payload had a similar one', () => {
  decodePayload(encodePayload({ abc: 1 }, RESULT));
  isCorrupt(0x81, 0xa3, 0x61, 0x62);
  isCorrupt(0x81, 0xa3, 0x61, 0x62, 0x63);
  assert.deepStrictEqual(decodePayload(Uint8Array.of(0x81, 0xa3, 0x61, 0x62, 0x64, 1)), { abd: 1 });
});

it('decoding takes no memory for elements that only a head claims', () => {
  const before = process.memoryUsage();
  const padding = new Uint8Array(8 * 1024 * 1024);
  // Each level claims a long list, but only its first element, the next level, begins.
  const heads: number[] = [];
  for (let level = 0; level < 1_000; level++) heads.push(0xdd, 0x00, 0x70, 0x00, 0x00);
  const lists = new Uint8Array(heads.length + padding.length).fill(0xc1);
  lists.set(heads);
  const start = performance.now();
  assert.throws(() => decodePayload(lists), { code: 'PAYLOAD_CORRUPT' });
  for (const head of [0xc6, 0xc9, 0xdb, 0xdd, 0xdf]) isCorrupt(head, 0xff, 0xff, 0xff, 0xff, 0x73, 0x01);
  assert.ok(performance.now() - start < 1_000);
  const after = process.memoryUsage();
  assert.ok(after.heapTotal + after.external - before.heapTotal - before.external < 128 * 1024 * 1024);
});

it('decoding endless nesting throws PAYLOAD_CORRUPT and does not overflow the stack', () => {
  const levels = 500_000;
  isDeepCorrupt(new Uint8Array(levels).fill(0x91));
  for (const type of [0x73, 0x6d, 0x6e, 0x78]) {
    const bytes = Buffer.alloc(levels * 6, 0xc0);
    for (let level = 0; level < levels; level++) {
      bytes[level * 6] = 0xc9;
      bytes.writeUInt32BE(bytes.length - level * 6 - 6, level * 6 + 1);
      bytes[level * 6 + 5] = type;
    }
    isDeepCorrupt(bytes);
  }
  isDeepCorrupt(Uint8Array.from({ length: 2_001 }, (_, level) => (level < 2_000 ? 0x91 : 0x01)));
});

function isDeepCorrupt(bytes: Uint8Array): void {
  assert.throws(() => decodePayload(bytes), { name: 'PayloadCorruptError', code: 'PAYLOAD_CORRUPT' });
}

it('decoding passes on an error of `reference`', () => {
  class Handle {}
  const bytes = encodePayload(new Handle(), { ...RESULT, reference: () => new Uint8Array(16) });
  const gone = new Error('unknown here');
  assert.throws(
    () =>
      decodePayload(bytes, {
        reference: () => {
          throw gone;
        },
      }),
    (error) => error === gone,
  );
});
