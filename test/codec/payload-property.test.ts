/**
 * Payloads of random values: each comes back deep-equal, or is refused with the path of the bad
 * part.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { decodePayload, encodeArguments, encodePayload } from '../../src/codec/payload.js';
import { payloadEnd } from '../../src/codec/payload-end.js';
import { NotStorableError } from '../../src/errors.js';
import { cases, key, replay, storable, text } from './payload-cases.js';

const RESULT = { root: 'result', code: 'RESULT_NOT_STORABLE' } as const;

/** Values that are never stored, each without a surrounding. */
const hostile = fc.constantFrom<() => unknown>(
  () => () => {},
  () => Symbol('s'),
  () => new (class Own {})(),
  () => new Date(NaN),
  () => 'x\ud800',
  () => ({ '\udc00': 1 }),
  () => JSON.parse('{"__proto__": 1}'),
  () => Object.defineProperty({}, 'a', { get: () => 1, enumerable: true }),
  () => Object.defineProperty({}, 'a', { value: 1 }),
  () => ({ [Symbol.iterator]: 1 }),
  () => new Array(2),
  () => Object.assign([1], { extra: 1 }),
  () => new WeakMap(),
  () => new Error('x'),
  () => new Number(1),
  () => new SharedArrayBuffer(1),
  () => Promise.resolve(),
  () => new URL('http://localhost'),
  () => Object.assign(new Map(), { extra: 1 }),
);

/** One level around a value, and its step of the path. */
const wrap = fc.oneof(
  fc.array(fc.integer(), { maxLength: 3 }).map((before) => ({
    step: `[${before.length}]`,
    around: (inner: unknown): unknown => [...before, inner],
  })),
  fc.constantFrom('a', 'ünï', '$_1').map((name) => ({
    step: `.${name}`,
    around: (inner: unknown): unknown => ({ first: 1, [name]: inner, last: 2 }),
  })),
  fc.constantFrom('', 'a b', '1', 'a.b', '"', 'constructor!').map((name) => ({
    step: `[${JSON.stringify(name)}]`,
    around: (inner: unknown): unknown => ({ [name]: inner }),
  })),
  fc.constant({ step: '.get("k")', around: (inner: unknown): unknown => new Map([['k', inner]]) }),
  fc.constant({ step: '.values()[0]', around: (inner: unknown): unknown => new Set([inner]) }),
  fc.constant({ step: '.n', around: (inner: unknown): unknown => Object.assign(Object.create(null), { n: inner }) }),
);

it('decoding returns a storable value deep-equal, in the same order, of the same class [3.4]', (t) => {
  t.diagnostic(replay);
  fc.assert(
    fc.property(storable, (value) => {
      const bytes = encodePayload(value, RESULT);
      const back = decodePayload(bytes);
      // Strict: −0 and 0 differ, NaN is NaN, prototypes are compared.
      assert.deepStrictEqual(back, value);
      // The order of keys and entries is in the bytes.
      assert.deepEqual(encodePayload(back, RESULT), bytes);
    }),
    cases(5_000),
  );
});

it('encoding any value keeps it deep-equal or refuses it with a path [3.4]', (t) => {
  t.diagnostic(replay);
  const anything = fc.anything({
    key: fc.oneof(
      key,
      text,
      fc.constant('__proto__'),
      fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    ),
    ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
    ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true },
  });
  let refused = 0;
  let carried = 0;
  fc.assert(
    fc.property(anything, (value) => {
      let bytes: Uint8Array;
      try {
        bytes = encodeArguments([value]);
      } catch (error) {
        refused++;
        assert.ok(error instanceof NotStorableError);
        assert.ok(error.path.startsWith('arguments[0]'));
        return;
      }
      carried++;
      assert.deepStrictEqual(decodePayload(bytes), [value]);
    }),
    cases(5_000),
  );
  t.diagnostic(`${carried} carried, ${refused} refused`);
  assert.ok(carried > 100 && refused > 100);
});

it('encoding refuses one bad value anywhere, with the path that leads to it [3.4]', (t) => {
  t.diagnostic(replay);
  fc.assert(
    fc.property(hostile, fc.array(wrap, { maxLength: 6 }), (make, wraps) => {
      const value = wraps.reduceRight((inner: unknown, { around }) => around(inner), make());
      const path = `result${wraps.map(({ step }) => step).join('')}`;
      try {
        encodePayload(value, RESULT);
      } catch (error) {
        assert.ok(error instanceof NotStorableError);
        assert.equal(error.code, 'RESULT_NOT_STORABLE');
        // Some paths lead one step further, to the bad property or element itself.
        assert.equal(error.path.slice(0, path.length), path);
        return;
      }
      assert.fail(`${path} was taken`);
    }),
    cases(5_000),
  );
});

it('the end of a payload among other bytes is found without decoding it', (t) => {
  t.diagnostic(replay);
  fc.assert(
    fc.property(storable, fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (value, before, after) => {
      const bytes = encodePayload(value, RESULT);
      const end = before.length + bytes.length;
      assert.equal(payloadEnd(Buffer.concat([before, bytes, after]), before.length), end);
      const cut = Buffer.concat([before, bytes.subarray(0, -1)]);
      assert.throws(() => payloadEnd(cut, before.length), { code: 'PAYLOAD_CORRUPT' });
    }),
    cases(2_000),
  );
  assert.throws(() => payloadEnd(Uint8Array.of(0xc1), 0), { code: 'PAYLOAD_CORRUPT' });
});
