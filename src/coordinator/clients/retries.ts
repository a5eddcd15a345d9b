/** Makes the command that retries a job: the ids of the copy come from here. */
import { newId } from '../../codec/id.js';
import type { Command } from '../../core/commands.js';
import type { Id, JobRecord } from '../../core/records.js';
import { planRetry } from '../../core/run-again.js';
import { decodeStored } from '../../protocol/completed-jobs.js';
import type { WireRetry } from '../../protocol/messages.js';
import type { Records, Store } from '../../store/store.js';
import { retriedChunks } from '../claiming/failed-items.js';
import { requireJob } from './remembered.js';

type Retry = Extract<Command, { type: 'retry' }>;

/**
 * @throws {JobForgottenError | JobStatusError} the job cannot be retried.
 * @throws {JournalCorruptError} its arguments are damaged.
 * @throws {NotStorableError} buffers were moved to it, or to a member that would run again.
 */
export function retryFromWire(records: Records, payload: Store['payload'], owner: Id, wire: WireRetry): Retry {
  const { args, ...rest } = wire;
  const job = requireJob(records.view, wire.job);
  const { ids, run } = planRetry(records.view, job, wire);
  // The arguments of members are read when they begin: a damaged one fails alone.
  if (args === undefined && job.args !== null) records.bytes(job.args);
  for (const one of run) if (one !== job || args === undefined) requireBuffers(records, one);
  return {
    ...rest,
    ...(args !== undefined && { args: args === null ? null : payload(args) }),
    owner,
    ids: Array.from({ length: ids }, newId),
    ...(job.form === 'map' && { chunks: retriedChunks(records, payload, job, owner) }),
  };
}

/** Only a `memory` job that begins at most once can have had buffers of its own. */
function requireBuffers(records: Records, { level, policy, args }: JobRecord): void {
  if (level === 'memory' && policy === 'never' && args !== null)
    decodeStored(records.bytes(args), { reference: () => undefined });
}
