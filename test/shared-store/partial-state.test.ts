/**
 * A partial state is only as good as its guards: every method that a decision or a look can read is
 * either guarded, or listed here with the reason why it needs no guard.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { State } from '../../src/core/state/state.js';
import { View } from '../../src/core/state/view.js';
import { PartialState } from '../../src/store/shared/partial-state.js';

/** Read of complete records only, or of those that are loaded; never by a decision or a look. */
const readByOthers = [
  'nextTimer',
  'jobOfAgent',
  'calledBack',
  'restingCallbacks',
  'judge',
  'ratesUsed',
  'position',
  'isAnyWithAgent',
];
/** Composed of guarded reads. */
const composed = ['isEmpty', 'busy', 'lineage', 'lineageApart', 'quota', 'insertLike'];
/** Changes and their lists: they touch records already read, or identified by their key. */
const changing = [
  ...['copyFrom', 'change', 'annotate', 'changes', 'changedBuckets', 'keepChanges', 'ownPayload', 'pack', 'takePuts'],
  ...['load', 'unload', 'loadSetting', 'loadAnnotation', 'loaded'],
  ...['admit', 'expel', 'admitSetting', 'admitAnnotation', 'admitBucket'],
  // Called only by a store that no other process shares.
  ...['shiftRates', 'catchUpRates'],
];

describe('a partial state', () => {
  it('guards every read that a decision or a look can make', () => {
    const guarded = Object.getOwnPropertyNames(PartialState.prototype);
    const all = [View, State].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
    const unguarded = new Set(all.filter((name) => !guarded.includes(name)));
    assert.deepEqual([...unguarded].sort(), [...readByOthers, ...composed, ...changing].sort());
  });
});
