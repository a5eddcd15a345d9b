/** Random values for the tests of payloads, and the seed that replays them. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';

/** The seed of all property tests. Each prints it; CALLSHEET_SEED sets it to replay a run. */
export const seed = Number(process.env.CALLSHEET_SEED ?? Math.trunc(Math.random() * 0x7fffffff));

/**
 * The seed and the number of cases: `usual`, or more in proportion if CALLSHEET_CASES is over
 * 5,000.
 */
export function cases(usual: number): { seed: number; numRuns: number } {
  return { seed, numRuns: Math.ceil((usual * Number(process.env.CALLSHEET_CASES ?? 5_000)) / 5_000) };
}

/** How to replay a run. */
export const replay = `replay with CALLSHEET_SEED=${seed}`;

/**
 * Any text without a lone surrogate. Includes the lengths at which msgpack changes its head, and
 * text that begins with a BOM.
 */
export const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('a', 'é', '漢', '😀', '\ufeff', '\u0000'),
        fc.constantFrom(0, 15, 23, 24, 25, 31, 32, 47, 48, 49, 64, 65, 255, 256, 300),
      )
      .map(([unit, count]) => unit.repeat(count)),
  },
);

/** Keys; awkward ones are frequent. */
export const key = fc
  .oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 6 }) },
    { weight: 2, arbitrary: text },
    { weight: 1, arbitrary: fc.nat({ max: 300 }).map(String) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...['constructor', 'toString', 'hasOwnProperty', 'toJSON', 'prototype', 'length', 'then', '', '\u0000', '-1'],
        ...['__proto', '__proto_', '__defineGetter__', 'valueOf', '01', '4294967295', '4294967296', 'value', 'get'],
      ),
    },
  )
  .filter((name) => name !== '__proto__');

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 0, NaN, Infinity, -Infinity, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
  fc.constantFrom(-1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 53 + 2, 5e-324),
);

const bigint = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  fc
    .tuple(fc.constantFrom(7n, 8n, 63n, 64n, 65n, 128n), fc.constantFrom(-1n, 0n, 1n), fc.boolean())
    .map(([bits, off, negative]) => (negative ? -1n : 1n) * (2n ** bits + off)),
);

const binary = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes).buffer),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new DataView(new Uint8Array(bytes).buffer)),
  fc.uint8Array({ minLength: 4, maxLength: 20 }).map((bytes) => bytes.subarray(1, bytes.length - 2)),
  fc.constantFrom(0, 253, 254, 255, 256, 300).map((length) => new Uint8Array(length).fill(7)),
  fc.int8Array({ maxLength: 5 }),
  fc.uint8ClampedArray({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
);

const regExp = fc
  .tuple(
    fc.constantFrom('', 'a', '/', '\\/', 'é+', '(?<n>x)', '[/]', '\n', '^\\u{1F600}$'),
    fc.constantFrom('', 'g', 'giy', 'u', 'dms'),
    fc.nat({ max: 9 }),
  )
  .map(([source, flags, lastIndex]) => Object.assign(new RegExp(source, flags), { lastIndex }));

/** Every kind of value that can be stored, nested. */
export const { value: storable } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: number },
    { weight: 4, arbitrary: text },
    { weight: 2, arbitrary: fc.constantFrom(undefined, null, true, false) },
    { weight: 1, arbitrary: bigint },
    { weight: 1, arbitrary: fc.date({ noInvalidDate: true }) },
    { weight: 1, arbitrary: regExp },
    { weight: 1, arbitrary: binary },
    { weight: 4, arbitrary: fc.array(tie('value'), { maxLength: 20 }) },
    { weight: 5, arbitrary: fc.dictionary(key, tie('value'), { maxKeys: 18, noNullPrototype: true }) },
    { weight: 1, arbitrary: fc.dictionary(key, tie('value'), { maxKeys: 4 }).map(withoutPrototype) },
    { weight: 1, arbitrary: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 9 }).map(toMap) },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 18 }).map((elements) => new Set(elements)) },
  ),
}));

function withoutPrototype(record: Record<string, unknown>): object {
  return Object.assign(Object.create(null), record);
}

function toMap(entries: [unknown, unknown][]): Map<unknown, unknown> {
  return new Map(entries);
}
