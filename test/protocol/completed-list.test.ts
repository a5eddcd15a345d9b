/** Completed parts as bytes: joined without decoding a payload, and read lazily. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFailure, failureFrom } from '../../src/codec/failure.js';
import { idToText, newId } from '../../src/codec/id.js';
import { encodePayload } from '../../src/codec/payload.js';
import { CompletedJobs } from '../../src/protocol/completed-jobs.js';
import {
  type CompletedItem,
  packCompleted,
  packReference,
  unpackCompleted,
} from '../../src/protocol/completed-list.js';
import { storable } from '../codec/payload-cases.js';
import { seedOf } from '../harness/randomness.js';

const value = (of: unknown): CompletedItem => ({
  id: newId(),
  kind: 'value',
  payload: encodePayload(of, { root: 'result', code: 'RESULT_NOT_STORABLE' }),
});
const failure = (error: unknown): CompletedItem => ({
  id: newId(),
  kind: 'failure',
  payload: encodeFailure(failureFrom(error)),
});

describe('a list of completed jobs', () => {
  it('round-trips any payloads', (t) => {
    const item = fc.record(
      {
        id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        kind: fc.constantFrom('value' as const, 'failure', 'list'),
        payload: fc.uint8Array({ maxLength: 300 }),
      },
      { noNullPrototype: true },
    );
    const property = fc.property(fc.array(item), (items) => {
      const read = unpackCompleted(packCompleted(items));
      assert.deepEqual(
        read.map(({ id, kind, payload }) => ({ id, kind, payload: Uint8Array.from(payload) })),
        items,
      );
    });
    fc.assert(property, { seed: seedOf(t), numRuns: 300 });
  });

  it('[7.1] returns the values of any payloads', (t) => {
    const property = fc.property(fc.array(storable, { maxLength: 20 }), (values) => {
      const jobs = new CompletedJobs(packCompleted(values.map(value)));
      assert.deepStrictEqual(
        Array.from(jobs, ({ result }) => result),
        values,
      );
    });
    fc.assert(property, { seed: seedOf(t), numRuns: 300 });
  });

  it('[7.1] has as many entries as jobs, in a buffer of exactly its size', () => {
    for (const length of [0, 1, 15, 16, 70_000]) {
      const list = Array.from({ length }, (_, index) => (index % 3 === 0 ? { index } : new Set([index])));
      const packed = packCompleted(list.map(value));
      assert.equal(packed.buffer.byteLength, packed.length);
      assert.deepStrictEqual(
        Array.from(new CompletedJobs(packed), ({ result }) => result),
        list,
      );
    }
  });

  it('[7.2] takes the deepest values allowed, in lists within lists', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_000; level++) deep = [deep];
    const inner: CompletedItem = { id: newId(), kind: 'list', payload: packCompleted([value(deep)]) };
    const outer: CompletedItem = { id: newId(), kind: 'list', payload: packCompleted([inner]) };
    const jobs = new CompletedJobs<CompletedJobs<CompletedJobs>>(packCompleted([outer]));
    assert.deepEqual(jobs.at(0)!.result.at(0)!.result.at(0)!.result, deep);
  });

  it('can be read at any offset of a buffer', () => {
    const packed = packCompleted([value(1), value('two')]);
    const shifted = new Uint8Array(packed.length + 3);
    shifted.set(packed, 3);
    assert.deepEqual(
      Array.from(new CompletedJobs(shifted.subarray(3)), ({ result }) => result),
      [1, 'two'],
    );
  });

  it('[7.1] has length, at and iteration, and each job its id and its result or failure', () => {
    const items = [value({ a: 1 }), failure(new RangeError('too far')), value(undefined)];
    const jobs = new CompletedJobs(packCompleted(items));
    assert.equal(jobs.length, 3);
    assert.deepEqual(
      Array.from(jobs, ({ id }) => id),
      items.map(({ id }) => idToText(id)),
    );
    assert.deepEqual(jobs.at(0)!.result, { a: 1 });
    assert.equal(jobs.at(-2)!.failure!.message, 'too far');
    assert.throws(() => jobs.at(1)!.result, { code: 'JOB_FAILED', message: 'too far' });
    assert.deepEqual([jobs.at(2)!.result, jobs.at(2)!.failure], [undefined, undefined]);
    for (const index of [3, -4, 99]) assert.equal(jobs.at(index), undefined);
    assert.equal(jobs.at(0), jobs.at(-3), 'the same job is the same object');
  });

  it('[7.2] holds other lists', () => {
    const inner: CompletedItem = { id: newId(), kind: 'list', payload: packCompleted([value(1), value(2)]) };
    const jobs = new CompletedJobs<CompletedJobs<number>>(packCompleted([inner, inner]));
    assert.deepEqual(
      Array.from(jobs, ({ result }) => Array.from(result, (job) => job.result)),
      [
        [1, 2],
        [1, 2],
      ],
    );
  });

  it('[7.5] that is long is fetched piece by piece in either direction and keeps only the last piece', () => {
    const items = Array.from({ length: 1_000 }, (_, index) => value(index));
    const asked: number[] = [];
    const now = (_: string, from: number) => {
      asked.push(from);
      return packCompleted(items.slice(from, from + 300));
    };
    const whole = packReference({ whole: newId(), length: items.length });
    const jobs = new CompletedJobs<number>(whole, { pieces: { now, later: async () => now('', 0) } }, 'pages');
    assert.equal(jobs.length, 1_000);
    assert.deepEqual(
      Array.from(jobs, ({ result }) => result),
      Array.from(items.keys()),
    );
    assert.deepEqual(asked, [0, 300, 600, 900]);
    asked.length = 0;
    for (let index = -1; index >= -1_000; index--) assert.equal(jobs.at(index)!.result, 1_000 + index);
    assert.ok(asked.length <= 8, `backwards it was asked ${asked.length} times`);
    for (const index of [1_000, -1_001, 1.5, Number.NaN]) assert.equal(jobs.at(index), undefined);
  });

  it('[7.5] that is too long to be passed whole is refused with the name of the limit', () => {
    const whole = packReference({ whole: newId(), length: 500_000 });
    assert.throws(() => new CompletedJobs(whole, {}, 'pages'), {
      code: 'PAYLOAD_TOO_LARGE',
      message: /500000 completed parts, .* 256 MiB/,
    });
  });

  it('decodes a payload only when its job is read', () => {
    const jobs = new CompletedJobs(
      packCompleted([{ id: newId(), kind: 'value', payload: new Uint8Array([0xc1]) }, value(7)]),
    );
    assert.equal(jobs.length, 2);
    assert.equal(jobs.at(1)!.result, 7);
    assert.throws(() => jobs.at(0)!.result, { code: 'PAYLOAD_CORRUPT' });
  });
});
