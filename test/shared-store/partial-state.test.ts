/**
 * A partial state is as good as its guards: whatever a decision can read of a state is guarded, or
 * told here to need no guard.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { State } from '../../src/core/state/state.js';
import { View } from '../../src/core/state/view.js';
import { PartialState } from './partial-state.js';

/** Read by coordinators, stores and tests, whose states have all there is; never by a decision. */
const readByOthers = [
  ...[
    'size',
    'nextTimer',
    'queued',
    'queuedJobs',
    'scheduled',
    'busy',
    'openQueues',
    'timedJobs',
    'agentsOf',
    'heldQuotas',
    'calledBack',
  ],
  ...[
    'firstQueued',
    'firstManyQueued',
    'laneOf',
    'judge',
    'annotation',
    'annotations',
    'annotationsOf',
    'completedBy',
    'ratesUsed',
  ],
];
/** Composed of reads that are guarded themselves. */
const composed = ['isEmpty'];
/** Change it, or say what was changed: what was read before, or what is found by its key alone. */
const changing = [
  ...['change', 'annotate', 'rollback', 'changes', 'changedBuckets', 'keepChanges', 'ownPayload'],
  ...['load', 'unload', 'loadSetting', 'loadAnnotation', 'loaded'],
  ...['admit', 'expel', 'admitSetting', 'admitAnnotation', 'admitBucket'],
  // Only where nobody else decides.
  ...['shiftRates', 'catchUpRates'],
];

describe('a partial state', () => {
  it('guards whatever a decision can read', () => {
    const guarded = Object.getOwnPropertyNames(PartialState.prototype);
    const all = [View, State].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
    const unguarded = new Set(all.filter((name) => !guarded.includes(name)));
    assert.deepEqual([...unguarded].sort(), [...readByOthers, ...composed, ...changing].sort());
  });
});
