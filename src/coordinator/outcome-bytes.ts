/**
 * Outcomes and what is called with them, put together as bytes: nothing is decoded.
 */
import { calledWith, takesTurns } from '../core/callback.js';
import type { JobRecord, OutcomeKind, Payload } from '../core/records.js';
import { packCompleted } from '../protocol/completed-list.js';
import type { Store } from '../store/store.js';
import type { StoredPayload } from '../store/stored-payload.js';
import type { Run } from './pool-port.js';

const emptyList = packCompleted([]);
const nothing = new Uint8Array();

export function payloadBytes(store: Store, payload: Payload): Uint8Array {
  return store.bytes(payload as StoredPayload);
}

/** What comes after a job's own arguments: the completed parts for a postprocess, the outcome for a callback. */
export function fedTo(store: Store, job: JobRecord): Run['fed'] {
  if (job.form !== 'call') return ['list', completedParts(store, job)];
  if (!takesTurns(job)) return null;
  const done = calledWith(store, job);
  return [done.outcome as Exclude<OutcomeKind, 'none'>, outcomeBytes(store, done)];
}

export function outcomeBytes(store: Store, job: JobRecord): Uint8Array {
  if (job.outcome !== 'list') return job.result === null ? nothing : payloadBytes(store, job.result);
  // A list is that of the job's own parts, or of the parts of what it returned or passed on.
  if (job.form === 'serial' || job.form === 'parallel') return completedParts(store, job);
  const from = job.inner !== '' ? store.state.job(job.inner) : takesTurns(job) ? calledWith(store, job) : undefined;
  return from === undefined ? emptyList : outcomeBytes(store, from);
}

function completedParts(store: Store, whole: JobRecord): Uint8Array {
  const parts = store.state.parts(whole);
  return packCompleted(parts.map((part) => ({ id: part.id, kind: part.outcome, payload: outcomeBytes(store, part) })));
}
