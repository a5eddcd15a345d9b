/**
 * Values that cannot be stored faithfully, or are too large, are refused with the path of the bad
 * part.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { decodePayload, encodeArguments, encodePayload } from '../../src/codec/payload.js';
import { NotStorableError } from '../../src/errors.js';

const RESULT = { root: 'result', code: 'RESULT_NOT_STORABLE' } as const;

function encode(value: unknown): Uint8Array {
  return encodePayload(value, RESULT);
}

function comesBack(value: unknown): void {
  assert.deepStrictEqual(decodePayload(encode(value)), value);
}

/** Asserts that encoding refuses the value with this code, and a message that begins so. */
function isRefused(value: unknown, message: string, code = 'RESULT_NOT_STORABLE'): void {
  assert.throws(
    () => encode(value),
    (error) => {
      assert.ok(error instanceof NotStorableError);
      assert.equal(error.code, code);
      assert.equal(error.message.slice(0, message.length), message);
      assert.ok(error.message.startsWith(`${error.path} `));
      return true;
    },
  );
}

class Point {
  x = 1;
}

describe('encoding [3.4]', () => {
  it('names the path of a bad value as a user would write it', () => {
    const bad = (): void => {};
    const at = (args: unknown[], path: string): void => {
      assert.throws(() => encodeArguments(args), { name: 'NotStorableError', code: 'ARGUMENT_NOT_STORABLE', path });
    };
    at([bad], 'arguments[0]');
    at([1, { items: [0, { when: bad }] }], 'arguments[1].items[1].when');
    at([{ 'not a name': { ünï: bad } }], 'arguments[0]["not a name"].ünï');
    at([new Map<unknown, unknown>([['k', [bad]]])], 'arguments[0].get("k")[0]');
    at(
      [
        new Map<unknown, unknown>([
          [1, 1],
          [bad, 1],
        ]),
      ],
      'arguments[0].keys()[1]',
    );
    at([new Set([1, bad])], 'arguments[0].values()[1]');
    at([{ a: { b: [1, 2] }, c: Object.assign(Object.create(null), { d: bad }) }], 'arguments[0].c.d');
    isRefused(bad, 'result is a function (bad)');
    isRefused({ [`k${'y'.repeat(200)} z`]: bad }, 'result["kyyyy');
  });

  it('refuses functions, symbols, promises and errors', () => {
    isRefused([Point], 'result[0] is a function (Point)');
    isRefused({ a: Symbol('s') }, 'result.a is a symbol');
    isRefused([Promise.resolve()], 'result[0] is a Promise: await it');
    isRefused([new TypeError('x')], 'result[0] is an error (a TypeError)');
    isRefused(new WeakMap(), 'result is a WeakMap: instances');
    isRefused({ a: new AbortController().signal }, 'result.a is an AbortSignal: instances');
  });

  it('refuses instances of classes, and names the class', () => {
    isRefused({ at: [new Point()] }, 'result.at[0] is a Point: instances of classes');
    isRefused(new (class {})(), 'result is an instance of a nameless class: instances');
    isRefused(new (class List extends Array {})(), 'result is a List: instances');
    isRefused(new (class Day extends Date {})(), 'result is a Day: instances');
    isRefused(new (class Bytes extends Uint8Array {})(), 'result is a Bytes: instances');
    for (const boxed of [new Number(1), new String('x'), new Boolean(true), Object(1n)])
      isRefused(boxed, 'result is a');
    isRefused(Object.create({ inherited: 1 }), 'result is an object with a prototype of its own: instances');
    isRefused(vm.runInNewContext('[new (class Point {})()]'), 'result[0] is a Point: instances of classes');
    isRefused(vm.runInNewContext('new (class Object {})()'), 'result is an Object of another realm: instances');
    isRefused(vm.runInNewContext('new Proxy(new Map(), {})'), 'result is a Proxy of a Map');
    isRefused(vm.runInNewContext('[1, , 2]'), 'result is an array with holes');
    isRefused(vm.runInNewContext('Object.assign(new Uint8Array(2), { a: 1 })'), 'result has properties of its own');
    isRefused(Object.create(Map.prototype), 'result is a Map');
    isRefused(Object.create(Date.prototype), 'result is a Date');
    isRefused(Object.setPrototypeOf(new Int8Array(2), Uint8Array.prototype), 'result is a');
    isRefused(new Proxy(new Map(), {}), 'result is a Proxy of a Map');
  });

  it('refuses __proto__ as a key, symbol keys, getters, properties that are not enumerable', () => {
    isRefused({ a: JSON.parse('{"__proto__": 1}') }, 'result.a.__proto__ has a key that names the prototype');
    isRefused({ a: { [Symbol('s')]: 1 } }, 'result.a has a symbol as a key (Symbol(s))');
    let ran = false;
    const getter = {
      get a() {
        ran = true;
        return 1;
      },
    };
    isRefused(getter, 'result.a is a getter');
    assert.equal(ran, false);
    isRefused({ set a(_value: number) {} }, 'result.a is a getter or setter');
    isRefused(Object.defineProperty({ b: 1 }, 'a', { value: 1 }), 'result has a property that is not enumerable');
    isRefused(Object.prototype, 'result has a property that is not enumerable');
  });

  it('refuses lone surrogates in text and in keys', () => {
    for (const lone of ['\ud800', '\udc00', 'a\udfffb', '\udc00\ud800', `${'x'.repeat(100)}\ud83d`, '😀\ud83d']) {
      isRefused({ a: lone }, 'result.a is text with a lone surrogate');
      assert.throws(() => encode({ [lone]: 1 }), { code: 'RESULT_NOT_STORABLE' });
      isRefused(new Map([[lone, 1]]), 'result.keys()[0] is text with a lone surrogate');
    }
  });

  it('refuses invalid dates', () => isRefused({ when: new Date(NaN) }, 'result.when is an invalid Date'));

  it('refuses cycles, and names both ends', () => {
    const self: Record<string, unknown> = {};
    self.self = self;
    isRefused([self], 'result[0].self is result[0] again: a cycle');
    const list: unknown[] = [];
    list.push(1, { list: new Map([['k', list]]) });
    isRefused(list, 'result[1].list.get("k") is result again: a cycle');
    const set = new Set<unknown>();
    set.add([set]);
    isRefused(set, 'result.values()[0][0] is result again: a cycle');
    const wide: unknown[] = Array.from({ length: 50_000 }, () => 'some text that takes room');
    wide.push(wide);
    isRefused(wide, 'result[50000] is result again: a cycle');
  });

  it('refuses holes in arrays, and own properties of arrays, maps, sets, dates, binary data', () => {
    // biome-ignore lint/suspicious/noSparseArray: the hole is the point
    isRefused([1, , 2], 'result is an array with holes');
    isRefused(new Array(3), 'result is an array with holes');
    // biome-ignore lint/suspicious/noSparseArray: the hole is the point
    isRefused(Object.assign([1, , 2], { extra: 1 }), 'result[1] is a hole');
    isRefused(/a/.exec('a'), 'result is an array with properties');
    isRefused(Object.assign([1], { [Symbol('s')]: 1 }), 'result has a symbol as a key');
    for (const made of [new Map(), new Set(), new Date(0), /a/, new ArrayBuffer(1), new DataView(new ArrayBuffer(1))]) {
      isRefused([Object.assign(made, { extra: 1 })], 'result[0] has properties of its own');
    }
    for (const made of [new Uint8Array(3), Buffer.from('abc'), new Float32Array([NaN]), new BigInt64Array(1)]) {
      comesBack(made);
      isRefused([Object.assign(made, { extra: 1 })], 'result[0] has properties of its own');
    }
    isRefused(Object.assign(/a/, { lastIndex: 'x' }), 'result is a RegExp whose lastIndex');
  });

  it('refuses shared, resizable and detached buffers, and views of them', () => {
    const shared = new SharedArrayBuffer(8);
    isRefused([shared], 'result[0] is a SharedArrayBuffer');
    isRefused([new Uint8Array(shared)], 'result[0] is a view of a SharedArrayBuffer');
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    isRefused([detached], 'result[0] is a detached buffer');
    isRefused([detached.buffer], 'result[0] is a detached buffer');
    const resizable = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]);
    isRefused([resizable], 'result[0] is a resizable ArrayBuffer');
  });

  it('refuses a Proxy with traps that throw', () => {
    const fails = (): never => {
      throw new Error('no entry');
    };
    isRefused({ a: new Proxy({}, { ownKeys: fails }) }, 'result.a cannot be stored: no entry');
    isRefused({ a: new Proxy({}, { getPrototypeOf: fails }) }, 'result.a cannot be stored: no entry');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    isRefused([proxy], 'result[0] cannot be stored');
    // A refused value leaves the writer unchanged.
    comesBack([1, { a: 'x' }]);
  });

  it('passes an error of `reference` on with the path', () => {
    const reference = (): never => {
      throw new Error('this job was not put');
    };
    assert.throws(() => encodeArguments([[new Point()]], { reference }), {
      code: 'ARGUMENT_NOT_STORABLE',
      message: 'arguments[0][0] cannot be stored: this job was not put',
    });
    assert.throws(() => encodeArguments([new Point()], { reference: () => new Uint8Array(3) }), /id of a job/);
  });
});

describe('the limits of a payload', () => {
  it('[15.1] refuse a payload of more than 64 MiB before it takes memory', () => {
    const limit = 64 * 1024 * 1024;
    const message = `result needs more than ${limit} bytes, which is payloadLimitBytes of open()`;
    assert.equal(encode(new Uint8Array(limit - 5)).length, limit);
    isRefused(new Uint8Array(limit - 4), message, 'PAYLOAD_TOO_LARGE');
    for (const value of [['x'.repeat(1024)], ['é'.repeat(512)], new Array(1025).fill(0)])
      assert.throws(() => encodePayload(value, { ...RESULT, limitBytes: 1024 }), { code: 'PAYLOAD_TOO_LARGE' });
  });

  it('can be set by the caller, to the byte', () => {
    for (const value of [[1, 2, 3], 'x'.repeat(1000), { a: 'é'.repeat(20_000) }, 2n ** 999n, [new Map([[1, 2]])]]) {
      const { length } = encode(value);
      assert.equal(encodePayload(value, { ...RESULT, limitBytes: length }).length, length);
      assert.throws(() => encodePayload(value, { ...RESULT, limitBytes: length - 1 }), { code: 'PAYLOAD_TOO_LARGE' });
    }
  });

  it('stop the growth of shared references', () => {
    let bomb: unknown = ['x'];
    for (let level = 0; level < 60; level++) bomb = [bomb, bomb];
    isRefused(bomb, 'result ', 'PAYLOAD_TOO_LARGE');
  });

  it('allow a thousand levels of any kind, and not one more', () => {
    const wraps: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([[1, inner]]),
      (inner) => new Set([inner]),
      (inner) => Object.assign(Object.create(null), { inner }),
    ];
    for (const wrap of wraps) {
      let value: unknown = 1;
      for (let level = 0; level < 1_000; level++) value = wrap(value);
      const bytes = encode(value);
      assert.deepEqual(encode(decodePayload(bytes)), bytes);
      isRefused(wrap(value), 'result is nested more than 1000 levels deep', 'PAYLOAD_TOO_LARGE');
    }
  });

  it('allow a million objects', () => {
    const value = Array.from({ length: 999_999 }, () => []);
    assert.equal((decodePayload(encode(value)) as unknown[]).length, 999_999);
    value.push([]);
    isRefused(value, 'result has more than 1000000 objects', 'PAYLOAD_TOO_LARGE');
  });
});
