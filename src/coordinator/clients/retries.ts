/**
 * Makes the commands that retry and change a job. The ids of a copy come from here. Other arguments
 * keep the data that the put stored beside them.
 */
import { newId } from '../../codec/id.js';
import type { Command } from '../../core/commands.js';
import type { Id, JobRecord } from '../../core/records.js';
import { planRetry } from '../../core/run-again.js';
import { decodeStored } from '../../protocol/completed-jobs.js';
import type { WireChange, WireRetry } from '../../protocol/messages.js';
import { type CallChanges, changedCall } from '../../protocol/stored-call.js';
import type { Records, Store } from '../../store/store.js';
import { retriedChunks } from '../claiming/failed-items.js';
import { requireJob } from './remembered.js';

type Retry = Extract<Command, { type: 'retry' }>;
type Change = Extract<Command, { type: 'change' }>;

/**
 * @throws {JobForgottenError | JobStatusError} the job cannot be retried.
 * @throws {JournalCorruptError} its arguments are damaged.
 * @throws {NotStorableError} buffers were moved to it, or to a member that would run again.
 */
export function retryFromWire(records: Records, payload: Store['payload'], owner: Id, wire: WireRetry): Retry {
  const { args, trace, ...rest } = wire;
  const job = requireJob(records.view, wire.job);
  const { ids, run } = planRetry(records.view, job, wire);
  // The arguments of members are read when they begin: a damaged one fails alone.
  if (args === undefined && job.args !== null) records.bytes(job.args);
  for (const one of run) if (one !== job || args === undefined) requireBuffers(records, one);
  return {
    ...rest,
    ...((args !== undefined || trace !== undefined) && { args: changedArgs(records, payload, job, { args, trace }) }),
    owner,
    ids: Array.from({ length: ids }, newId),
    ...(job.form === 'map' && { chunks: retriedChunks(records, payload, job, owner) }),
  };
}

/** @throws {JobForgottenError | JournalCorruptError} its arguments cannot be read. */
export function changeFromWire(records: Records, payload: Store['payload'], { args, ...rest }: WireChange): Change {
  if (args === undefined) return rest;
  return { ...rest, args: changedArgs(records, payload, requireJob(records.view, rest.job), { args }) };
}

function changedArgs(records: Records, payload: Store['payload'], { args: stored }: JobRecord, changes: CallChanges) {
  const changed = changedCall(stored === null ? null : records.bytes(stored), changes);
  return changed === null ? null : payload(changed);
}

/** Only a `memory` job that begins at most once can have had buffers of its own. */
function requireBuffers(records: Records, { level, policy, args }: JobRecord): void {
  if (level === 'memory' && policy === 'never' && args !== null)
    decodeStored(records.bytes(args), { reference: () => undefined });
}
