/** Makes the command that retries a job: the ids of the copy come from here. */
import { newId } from '../../codec/id.js';
import type { Command } from '../../core/commands.js';
import type { Id, JobRecord } from '../../core/records.js';
import { planRetry } from '../../core/run-again.js';
import { decodeStored } from '../../protocol/completed-jobs.js';
import type { WireRetry } from '../../protocol/messages.js';
import type { Store } from '../../store/store.js';
import { retriedChunks } from '../claiming/failed-items.js';
import { requireJob } from './remembered.js';

/**
 * @throws {JobForgottenError | JobStatusError} the job cannot be retried.
 * @throws {JournalCorruptError} its arguments are damaged.
 * @throws {NotStorableError} buffers were moved to it, or to a member that would run again.
 */
export function retryFromWire(store: Store, owner: Id, wire: WireRetry): Extract<Command, { type: 'retry' }> {
  const { args, ...rest } = wire;
  const job = requireJob(store.state, wire.job);
  const { ids, run } = planRetry(store.state, job, wire);
  // The arguments of members are read when they begin: a damaged one fails alone.
  if (args === undefined && job.args !== null) store.bytes(job.args);
  for (const one of run) if (one !== job || args === undefined) requireBuffers(store, one);
  return {
    ...rest,
    ...(args !== undefined && { args: args === null ? null : store.payload(args) }),
    owner,
    ids: Array.from({ length: ids }, newId),
    ...(job.form === 'map' && { chunks: retriedChunks(store, job, owner) }),
  };
}

/** Only a `memory` job that begins at most once can have had buffers of its own. */
function requireBuffers(store: Store, { level, policy, args }: JobRecord): void {
  if (level === 'memory' && policy === 'never' && args !== null)
    decodeStored(store.bytes(args), { reference: () => undefined });
}
