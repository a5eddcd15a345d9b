import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeArguments, encodePayload } from '../../src/codec/payload.js';
import {
  changedCall,
  decodeCall,
  linkedTrace,
  type StoredTrace,
  traceFlag,
  traceOfPart,
  unknownTrace,
  withTrace,
} from '../../src/protocol/stored-call.js';

const limit = 1_000_000;
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the trace beside stored arguments', () => {
  it('comes back, and leaves the arguments as they are', () => {
    for (const trace of [unknownTrace, [1, parent], [6, parent, 'vendor=1']] as StoredTrace[])
      for (const args of [[], [1, { when: new Date(0), of: new Map([[1n, undefined]]) }], ['args', 'trace']]) {
        const bytes = withTrace(args.length === 0 ? null : encodeArguments(args), trace, limit);
        assert.deepEqual(decodeCall(bytes), { args, trace });
      }
    assert.deepEqual(decodeCall(encodeArguments([1])), { args: [1] });
    assert.deepEqual(decodeCall(null), { args: [] });
  });

  it('is left out where the arguments have no room for it', () => {
    const args = encodeArguments(['a'.repeat(100)]);
    assert.equal(withTrace(args, [0, parent], args.byteLength + 20), args);
    assert.equal(withTrace(null, [0, parent], 20), null);
  });

  it('stays with changed arguments, and so does the captured value', () => {
    const stored = (call: object) => encodePayload(call, { root: 'call', code: 'ARGUMENT_NOT_STORABLE' });
    const trace: StoredTrace = [1, parent];
    const captured = { args: new Map([[1, { trace: 'no' }]]) };
    const args = encodeArguments(['new', 2n]);
    for (const before of [
      { args: [1] },
      { args: [], captured },
      { args: [[{}]], captured, trace },
      { args: [1], trace },
    ]) {
      assert.deepEqual(decodeCall(changedCall(stored(before), { args })), { ...before, args: ['new', 2n] });
      assert.deepEqual(decodeCall(changedCall(stored(before), { args: null })), { ...before, args: [] });
      assert.deepEqual(decodeCall(changedCall(stored(before), { trace: [0] })), { ...before, trace: [0] });
    }
    assert.equal(changedCall(encodeArguments([1]), { args: null }), null);
    assert.deepEqual(changedCall(encodeArguments([1]), { args }), args);
    assert.deepEqual(decodeCall(changedCall(null, { trace })), { args: [], trace });
    assert.deepEqual(decodeCall(changedCall(encodeArguments([1]), { trace })), { args: [1], trace });
    assert.throws(() => changedCall(stored({ args: [1], captured }).subarray(0, 9), { args }), {
      code: 'PAYLOAD_CORRUPT',
    });
  });

  it('counts as unknown if it has another form', () => {
    for (const trace of ['text', null, [], [0.5], ['0', parent], [0, 1], [0, parent, 'a=1', 'more'], { 0: 1 }]) {
      const bytes = encodePayload({ args: [1], trace }, { root: 'call', code: 'ARGUMENT_NOT_STORABLE' });
      assert.deepEqual(decodeCall(bytes), { args: [1], trace: unknownTrace });
    }
  });

  it('is that of few parts of a large whole', () => {
    const all: StoredTrace = [traceFlag.parts, parent];
    const traced = (count: number) =>
      Array.from({ length: count }, (_, index) => traceOfPart(all, index)).filter((trace) => trace !== undefined)
        .length;
    assert.deepEqual([64, 128, 1000, 1_000_000].map(traced), [64, 96, 191, 510]);
    assert.equal(traceOfPart([traceFlag.child, parent], 0), undefined);
    assert.equal(traceOfPart(undefined, 0), undefined);
    const { child, parts, childParts } = traceFlag;
    assert.deepEqual(traceOfPart([child | parts, parent], 0), [parts, parent]);
    assert.deepEqual(traceOfPart([parts | childParts, parent, 'a=1'], 0), [child | parts | childParts, parent, 'a=1']);
  });

  it('is linked for jobs that a job puts', () => {
    const { child, parts, childParts } = traceFlag;
    assert.deepEqual(linkedTrace([child | parts | childParts, parent]), [parts, parent]);
    assert.deepEqual(linkedTrace([child, parent], []), [0]);
  });
});
