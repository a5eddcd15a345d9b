/**
 * Payloads by example: the values that are stored, and their bytes. Refused values are in
 * payload-refused.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext, runInThisContext } from 'node:vm';
import { Packr } from 'msgpackr';
import { decodePayload, encodeArguments, encodeLent, encodePayload } from '../../src/codec/payload.js';

const RESULT = { root: 'result', code: 'RESULT_NOT_STORABLE' } as const;

function encode(value: unknown): Uint8Array {
  return encodePayload(value, RESULT);
}

function comesBack(value: unknown): void {
  assert.deepStrictEqual(decodePayload(encode(value)), value);
}

class Point {
  x = 1;
}

describe('a payload', () => {
  it('has a buffer of its own, of exactly its size', () => {
    for (const value of [1, 'text', [12, { a: 1 }], 'x'.repeat(100_000), Buffer.alloc(50_000)]) {
      const bytes = encode(value);
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      assert.equal(bytes.byteOffset, 0);
      assert.equal(bytes.buffer.byteLength, bytes.length);
    }
  });

  it('keeps its bytes when the next one is written, however large both are', () => {
    const value = Buffer.alloc(3_000_000, 1);
    const bytes = encode(value);
    encode(Buffer.alloc(3_000_000, 2));
    assert.ok(bytes.buffer.byteLength < 1.2 * bytes.length);
    assert.ok(value.equals(decodePayload(bytes) as Buffer));
  });

  it('can be read by msgpackr if the value is plain', () => {
    const packr = new Packr({ useRecords: false, moreTypes: true });
    const value = {
      numbers: [0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, -1, -32, -33, -(2 ** 31), 2 ** 40, 0.1, -0, NaN],
      text: ['', 'é', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(70_000)],
      other: [null, true, false, undefined, -5n],
      long: Array.from({ length: 70_000 }, (_, index) => index),
      wide: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key${index}`, index])),
    };
    assert.deepStrictEqual(packr.unpack(encode(value)), value);
    assert.deepStrictEqual(decodePayload(packr.pack({ a: [1, 'x', null, 1.5, true] })), {
      a: [1, 'x', null, 1.5, true],
    });
  });

  it('decodes from a view of a larger buffer, and keeps nothing of that buffer', () => {
    const bytes = encode([new Uint8Array([1, 2, 3]), Buffer.from('abc'), new Float64Array([1.5])]);
    const slab = Buffer.alloc(bytes.length + 20, 0xff);
    slab.set(bytes, 7);
    const [first, second] = decodePayload(slab.subarray(7, 7 + bytes.length)) as [Uint8Array, Buffer];
    slab.fill(0);
    assert.deepStrictEqual(first, new Uint8Array([1, 2, 3]));
    assert.equal(first.buffer.byteLength, 3);
    assert.ok(Buffer.isBuffer(second));
    assert.equal(second.toString(), 'abc');
    assert.equal(second.buffer.byteLength, 3);
  });
});

describe('a payload between other bytes', () => {
  const values = [
    1,
    -1.5,
    'text',
    'é',
    [1, [2n]],
    { a: { b: null } },
    new Date(5),
    new Map([[1, 2]]),
    new Uint8Array(3),
  ];
  const between = (bytes: Uint8Array) => {
    const slab = Buffer.alloc(bytes.length + 20, 1);
    slab.set(bytes, 7);
    return new Uint8Array(slab);
  };

  it('is decoded as if it stood alone', () => {
    for (const value of values) {
      const bytes = encode(value);
      assert.deepStrictEqual(decodePayload(between(bytes), undefined, 7, 7 + bytes.length), value);
    }
  });

  it('is refused at each wrong end', () => {
    for (const value of values) {
      const bytes = encode(value);
      for (let length = 0; length <= bytes.length + 5; length++) {
        if (length === bytes.length) continue;
        assert.throws(() => decodePayload(between(bytes), undefined, 7, 7 + length), { code: 'PAYLOAD_CORRUPT' });
      }
    }
  });

  it('can be decoded while another one is', () => {
    const inner = encode(['inner']);
    const outer = encodePayload([new Point(), 'after'], { ...RESULT, reference: () => new Uint8Array(16) });
    const reference = () => decodePayload(inner);
    assert.deepStrictEqual(decodePayload(outer, { reference }), [['inner'], 'after']);
  });
});

describe('a lent payload', () => {
  it('has the bytes of a kept one until the next encoding', () => {
    for (const length of [0, 1, 60, 61, 62, 63, 64, 100, 20_000, 5]) {
      const value = 'x'.repeat(length);
      assert.deepStrictEqual(new Uint8Array(encodeLent(value, RESULT)), encode(value));
    }
  });

  it('is refused beyond the limit, too', () => {
    assert.throws(() => encodeLent('12345', { ...RESULT, limitBytes: 5 }), { code: 'PAYLOAD_TOO_LARGE' });
    assert.equal(encodeLent('1234', { ...RESULT, limitBytes: 5 }).length, 5);
  });
});

describe('encoding and decoding [3.4]', () => {
  it('returns values of another realm as values of this one', () => {
    const text = `({ list: [1, [2]], when: new Date(5), map: new Map([[{ a: 1 }, /x/g]]), set: new Set([1n]),
      bare: Object.assign(Object.create(null), { a: 1 }), buffer: new Uint8Array([1, 2]).buffer,
      views: [new Uint8Array([1]), new Float64Array([1.5]), new DataView(new ArrayBuffer(2))] })`;
    const foreign = encodePayload(runInNewContext(text), RESULT);
    assert.deepStrictEqual(decodePayload(foreign), runInThisContext(text));
    assert.deepStrictEqual(foreign, encode(runInThisContext(text)));
  });

  it('keeps every number exactly', () => {
    for (const value of [
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      2 ** 53,
      2 ** 53 + 2,
      -(2 ** 53),
      0.1,
      5e-324,
      1.7976931348623157e308,
    ]) {
      assert.ok(Object.is(decodePayload(encode(value)), value), String(value));
      assert.ok(Object.is((decodePayload(encode([value])) as unknown[])[0], value), String(value));
    }
  });

  it('keeps bigints of any size, never as numbers', () => {
    for (const bits of [0n, 1n, 31n, 32n, 53n, 62n, 63n, 64n, 65n, 127n, 128n, 1000n, 100_000n]) {
      for (const value of [2n ** bits, -(2n ** bits), 2n ** bits - 1n, -(2n ** bits) + 1n, -(2n ** bits) - 1n])
        comesBack(value);
    }
  });

  it('keeps undefined at the top, in arrays, and as a property', () => {
    comesBack(undefined);
    comesBack([undefined, [undefined]]);
    const back = decodePayload(encode({ a: undefined })) as object;
    assert.ok(Object.hasOwn(back, 'a'));
  });

  it('keeps all of Unicode, also after a byte order mark or a zero', () => {
    for (const length of [1, 20, 24, 25, 47, 48, 49, 65, 300, 70_000]) {
      for (const start of ['\ufeff', '\u0000', 'é', '😀']) comesBack(start + 'x'.repeat(length));
    }
    let all = '';
    for (let point = 0; point <= 0x10ffff; point++)
      if (point < 0xd800 || point > 0xdfff) all += String.fromCodePoint(point);
    comesBack(all);
  });

  it('keeps any key but __proto__, in order', () => {
    const value = {
      b: 1,
      constructor: 2,
      toString: 3,
      10: 4,
      2: 5,
      '': 6,
      '\u0000': 7,
      hasOwnProperty: 8,
      toJSON: 9,
      '😀': 10,
    };
    const back = decodePayload(encode(value)) as object;
    assert.deepStrictEqual(back, value);
    assert.deepStrictEqual(Object.keys(back), Object.keys(value));
    comesBack(Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index])));
    comesBack({ [`long ${'x'.repeat(100)}`]: 1, ['é'.repeat(12)]: 2, [`${'y'.repeat(300)}`]: 3 });
  });

  it('keeps objects without a prototype', () => {
    const value = Object.assign(Object.create(null), { a: { b: Object.create(null) } });
    comesBack(value);
    assert.equal(Object.getPrototypeOf(decodePayload(encode(value))), null);
  });

  it('keeps dates to the millisecond, up to the end of time', () => {
    for (const time of [0, -1, 1, 1_700_000_000_123, -62_135_596_800_001, 8.64e15, -8.64e15]) comesBack(new Date(time));
  });

  it('keeps maps and sets of anything, in order', () => {
    comesBack(
      new Map<unknown, unknown>([
        [NaN, 1],
        [undefined, 2],
        [{ a: 1 }, 3],
        ['x', new Map([[1, new Set([[]])]])],
        [1n, 4],
        [1, 5],
      ]),
    );
    const back = decodePayload(encode(new Set([3, 1, 2]))) as Set<number>;
    assert.deepStrictEqual([...back], [3, 1, 2]);
    comesBack(new Set(Array.from({ length: 70_000 }, (_, index) => index)));
  });

  it('keeps regular expressions with their lastIndex', () => {
    for (const value of [/a\/b/giu, /(?:)/, /\n/m, /\n/, /[/]/dsy]) comesBack(value);
    comesBack(Object.assign(/a/g, { lastIndex: 3 }));
  });

  it('keeps binary data of every class, and its class', () => {
    const buffer = new Uint8Array(Array.from({ length: 32 }, (_, index) => index)).buffer;
    comesBack(buffer);
    for (const made of [
      ...[Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array],
      ...[Float64Array, BigInt64Array, BigUint64Array, DataView],
    ] as unknown as (typeof DataView)[]) {
      comesBack(new made(buffer));
      comesBack(new made(buffer, 8, 2));
      comesBack(new made(new ArrayBuffer(0)));
    }
    comesBack(Buffer.from('pooled'));
    comesBack([Buffer.alloc(0), Buffer.alloc(255), Buffer.alloc(70_000, 1), new Uint8Array(70_000)]);
  });

  it('copies an object that is in two places', () => {
    const shared = { a: [1] };
    const back = decodePayload(encode([shared, shared])) as object[];
    assert.deepStrictEqual(back, [shared, shared]);
    assert.notEqual(back[0], back[1]);
  });

  it('stores a Proxy as the plain value that it shows, and reads each property once', () => {
    let asked = 0;
    const proxy = new Proxy(
      { a: 1 },
      {
        getOwnPropertyDescriptor: (target, key) => ({
          ...Reflect.getOwnPropertyDescriptor(target, key)!,
          value: ++asked,
        }),
      },
    );
    // `Object.keys` reads once, too, to find the enumerable properties. The stored value is the
    // last one shown.
    assert.deepStrictEqual(decodePayload(encode(proxy)), { a: asked });
    comesBack(new Proxy([1, { b: 2 }], {}));
  });

  it('stores live handles as references [2.14]', () => {
    const id = Uint8Array.from({ length: 16 }, (_, index) => index);
    const handle = new Point();
    const bytes = encodeArguments([{ job: handle }, new Map([[handle, handle]])], {
      reference: (value) => (value === handle ? id : undefined),
    });
    const seen: Uint8Array[] = [];
    const back = decodePayload(bytes, { reference: (got) => seen.push(got) });
    assert.deepStrictEqual(seen, [id, id, id]);
    assert.deepStrictEqual(back, [{ job: 1 }, new Map([[2, 3]])]);
    assert.throws(() => decodePayload(bytes), { code: 'PAYLOAD_CORRUPT' });
  });
});
