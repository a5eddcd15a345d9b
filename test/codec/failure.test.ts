/** Failures: the parts of an error that survive, that making one never fails, and the limits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import {
  decodeFailure,
  encodeFailure,
  errorFrom,
  type Failure,
  failureFrom,
  isFailure,
  JobFailedError,
} from '../../src/codec/failure.js';
import { encodePayload } from '../../src/codec/payload.js';
import { CallsheetError, JobTimeoutError } from '../../src/errors.js';
import { cases, replay } from './payload-cases.js';

const LIMIT_BYTES = 64 * 1024;

/** Makes a failure, stores it and reads it back, as after a restart. Both must be equal. */
function stored(thrown: unknown): Failure {
  const failure = failureFrom(thrown);
  const bytes = encodeFailure(failure);
  assert.ok(bytes.length <= LIMIT_BYTES);
  const back = decodeFailure(bytes);
  assert.deepStrictEqual(back, failure);
  return back;
}

class TooBigError extends RangeError {
  override name = 'TooBigError';
}

describe('a failure [2.2]', () => {
  it('keeps name, message, stack, code, and own data properties', () => {
    const error = Object.assign(new TypeError('no such row'), {
      code: 'E_ROW',
      row: { id: 12n, when: new Date(0), tags: new Set(['a']) },
    });
    const failure = stored(error);
    assert.equal(failure.name, 'TypeError');
    assert.equal(failure.message, 'no such row');
    assert.equal(failure.stack, error.stack);
    assert.equal(failure.code, 'E_ROW');
    assert.deepStrictEqual(failure.properties, { row: { id: 12n, when: new Date(0), tags: new Set(['a']) } });
    assert.equal('cause' in failure, false);
    assert.equal(stored(Object.assign(new Error('x'), { code: 7 })).code, 7);
    assert.deepStrictEqual(stored(Object.assign(new Error('x'), { code: { a: 1 } })).properties, { code: { a: 1 } });
  });

  it('has the names of its classes, nearest first', () => {
    const failure = stored(new TooBigError('x'));
    assert.deepStrictEqual(failure.names, ['TooBigError', 'RangeError', 'Error']);
    assert.ok(failure.check('RangeError'));
    assert.ok(failure.check('TypeError', 'TooBigError'));
    assert.ok(!failure.check('TypeError'));
    assert.ok(!failure.check());
    assert.ok(stored(new JobTimeoutError('late')).check('CallsheetError'));
    const abort = stored(AbortSignal.abort().reason);
    assert.ok(abort.check('AbortError') && abort.check('DOMException'));
    assert.ok(stored(vm.runInNewContext('new RangeError("x")')).check('RangeError'));
  });

  it('keeps causes, errors and plain values alike', () => {
    const failure = stored(new Error('outer', { cause: new TooBigError('inner', { cause: { table: 'rows' } }) }));
    assert.ok(isFailure(failure.cause));
    assert.equal(failure.cause.name, 'TooBigError');
    assert.deepStrictEqual(failure.cause.cause, { table: 'rows' });
    // A value that looks like the stored form of an error stays a value.
    assert.deepStrictEqual(stored(new Error('x', { cause: { failure: { name: 'a' } } })).cause, {
      failure: { name: 'a' },
    });
  });

  it('keeps the errors of an AggregateError', () => {
    const failure = stored(new AggregateError([new RangeError('a'), 'b'], 'all failed'));
    assert.deepStrictEqual(
      failure.errors?.map(({ name }) => name),
      ['RangeError', 'NonErrorThrown'],
    );
    assert.equal(stored(new AggregateError(Array.from({ length: 100 }, () => new Error('x')))).errors?.length, 16);
  });

  it('describes a thrown value that is not an error', () => {
    const text = stored('plain text');
    assert.equal(text.name, 'NonErrorThrown');
    assert.match(text.message, /plain text/);
    assert.equal(text.cause, 'plain text');
    assert.match(stored(null).message, /null/);
    assert.match(stored(undefined).message, /undefined/);
    assert.deepStrictEqual(stored({ status: 404 }).cause, { status: 404 });
    assert.match(stored(() => {}).message, /a function/);
    assert.match(stored(Symbol('s')).message, /Symbol\(s\)/);
  });

  it('replaces an unstorable value by a text that describes it', () => {
    const error = Object.assign(new Error('x'), { socket: new AbortController(), done() {}, ok: 1 });
    Object.defineProperty(error, 'lazy', { get: () => assert.fail('was run'), enumerable: true });
    const { properties } = stored(error);
    assert.match(String(properties?.socket), /^\[socket is an AbortController/);
    assert.match(String(properties?.done), /^\[done is a function/);
    assert.equal(properties?.lazy, '[a getter]');
    assert.equal(properties?.ok, 1);
  });

  it('stays the same in `failureFrom`, so that a handler may return one', () => {
    const failure = failureFrom(new Error('x'));
    assert.equal(failureFrom(failure), failure);
    assert.ok(isFailure(failure));
    assert.ok(!isFailure({ ...failure }));
  });

  it('keeps its content when the error is changed later', () => {
    const error = Object.assign(new Error('x'), { rows: [1] });
    const failure = failureFrom(error);
    error.rows.push(2);
    error.message = 'y';
    assert.deepStrictEqual(failure.properties, { rows: [1] });
    assert.equal(failure.message, 'x');
  });
});

describe('failureFrom [2.2]', () => {
  const fails = (): never => {
    throw new Error('no');
  };

  it('never throws for a Proxy that throws or is revoked', () => {
    const traps = Object.fromEntries(
      ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor'].map((trap) => [trap, fails]),
    );
    stored(new Proxy({}, traps));
    stored(new Proxy(new Error('x'), traps));
    stored(new Proxy(() => {}, traps));
    for (const trap of Object.keys(traps)) stored(new Proxy(new Error('x'), { [trap]: fails }));
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    stored(proxy);
    stored(new Error('x', { cause: proxy }));
    stored(Object.assign(new Error('x'), { errors: proxy }));
  });

  it('never throws for getters that throw or lie', () => {
    for (const field of ['name', 'message', 'stack', 'cause', 'code', 'errors']) {
      stored(Object.defineProperty(new Error('x'), field, { get: fails, enumerable: true }));
      for (const lie of [null, 7, Symbol('s'), {}, [], () => {}, '\ud800', new Proxy({}, { get: fails })]) {
        stored(Object.defineProperty(new Error('x'), field, { value: lie, enumerable: true }));
      }
    }
    stored(Object.assign(Object.create(null), { message: 'a', stack: 'b' }));
    stored({ message: 'a', stack: 'b', toString: fails, [Symbol.toPrimitive]: fails });
  });

  it('never throws for errors that contain themselves', () => {
    const error: Error & { self?: unknown; errors?: unknown } = new Error('x');
    error.cause = error;
    error.self = error;
    error.errors = [error, [error]];
    const failure = stored(error);
    assert.match(String(failure.cause), /its own cause/);
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    stored(a);
  });

  it('never throws for any value', (t) => {
    t.diagnostic(replay);
    const value = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(value, value, fc.dictionary(fc.string(), value), (thrown, cause, properties) => {
        stored(thrown);
        const error = new Error(String(typeof thrown), { cause });
        for (const [key, held] of Object.entries(properties)) {
          if (key !== '__proto__') Object.defineProperty(error, key, { value: held, enumerable: true });
        }
        const failure = stored(error);
        errorFrom(failure);
      }),
      cases(400),
    );
  });
});

describe('the limits of a failure', () => {
  it('cut a long message and a long stack, and count the rest', () => {
    const error = new Error('m'.repeat(1_000_000));
    error.stack = '漢'.repeat(1_000_000);
    const failure = stored(error);
    assert.match(failure.message, /^m{2048,}… \[\d+ more characters\]$/);
    assert.match(failure.stack ?? '', /^漢{2048,}… \[\d+ more characters\]$/);
  });

  it('leave text well-formed if they cut a character in two', () => {
    for (const before of ['', 'x']) {
      const { message } = stored(new Error(`${before}${'😀'.repeat(100_000)}`));
      assert.match(message, /^x?(😀){1000,}\ufffd?… \[\d+ more characters\]$/u);
    }
  });

  it('end a long chain of causes, and wide trees of errors', () => {
    let chain = new Error('first');
    for (let link = 0; link < 10_000; link++) chain = new Error(`link ${link}`, { cause: chain });
    let failure: unknown = stored(chain);
    let links = 0;
    for (; isFailure(failure); failure = failure.cause) links++;
    assert.equal(links, 9);
    assert.match(String(failure), /more causes/);
    let tree: Error = new Error('leaf');
    for (let level = 0; level < 12; level++)
      tree = new AggregateError(
        Array.from({ length: 16 }, () => tree),
        'x',
      );
    const start = performance.now();
    stored(tree);
    assert.ok(performance.now() - start < 2_000);
  });

  it('keep the whole under 64 KiB', () => {
    const large = (): Error =>
      Object.assign(
        new Error('漢'.repeat(9_000)),
        Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`p${index}`, 'x'.repeat(5_000)])),
        { stack: '漢'.repeat(20_000) },
      );
    let error = large();
    for (let link = 0; link < 20; link++) error = Object.assign(large(), { cause: error, errors: [large(), large()] });
    assert.equal(stored(error).name, 'Error');
  });
});

describe('JobFailedError [2.2]', () => {
  it('has the message, the failure, and the error made anew as its cause', () => {
    const thrown = Object.assign(new TooBigError('too big', { cause: new TypeError('inner') }), {
      code: 'E_BIG',
      size: 3,
    });
    const error = new JobFailedError(stored(thrown));
    assert.ok(error instanceof CallsheetError);
    assert.equal(error.code, 'JOB_FAILED');
    assert.equal(error.name, 'JobFailedError');
    assert.equal(error.message, 'too big');
    const cause = error.cause as TooBigError & { code: string; size: number };
    assert.ok(cause instanceof RangeError);
    assert.equal(cause.name, 'TooBigError');
    assert.equal(cause.message, 'too big');
    assert.equal(cause.stack, thrown.stack);
    assert.equal(cause.code, 'E_BIG');
    assert.equal(cause.size, 3);
    assert.ok(cause.cause instanceof TypeError);
    const all = new JobFailedError(stored(new AggregateError([new RangeError('a')], 'all'))).cause;
    assert.ok(all instanceof AggregateError && all.errors[0] instanceof RangeError);
  });

  it('keeps the first error as its cause when a job throws it again', () => {
    const first = new JobFailedError(failureFrom(new TooBigError('too big')));
    const failure = stored(first);
    assert.equal(failure.name, 'JobFailedError');
    assert.ok(isFailure(failure.cause) && failure.cause.check('RangeError'));
    assert.equal(failure.properties, undefined);
  });
});

it('decodeFailure rejects the bytes of another value with PAYLOAD_CORRUPT', () => {
  const encode = (value: unknown): Uint8Array => encodePayload(value, { root: 'x', code: 'RESULT_NOT_STORABLE' });
  const good = { name: 'E', message: 'm', names: ['E'] };
  assert.equal(decodeFailure(encode(good)).name, 'E');
  for (const bad of [
    ...[1, null, undefined, [], {}, { ...good, name: 1 }, { ...good, message: null }, { ...good, names: 'E' }],
    ...[
      { ...good, names: [1] },
      { ...good, stack: 1 },
      { ...good, code: {} },
      { ...good, cause: 1 },
      { ...good, errors: 1 },
    ],
    ...[
      { ...good, cause: { failure: 1 } },
      { ...good, errors: [1] },
      { ...good, properties: 1 },
      { ...good, cause: {} },
    ],
  ]) {
    assert.throws(() => decodeFailure(encode(bad)), { code: 'PAYLOAD_CORRUPT' });
  }
  assert.throws(() => decodeFailure(new Uint8Array(0)), { code: 'PAYLOAD_CORRUPT' });
});
