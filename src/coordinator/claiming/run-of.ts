/** Makes a run of a claimed job: everything that a thread needs to know. */
import { type Id, type JobRecord, takesTurns } from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import type { Records } from '../../store/store.js';
import type { Run } from '../pool/pool-port.js';
import { fedTo } from './outcome-bytes.js';

/** @throws {JournalCorruptError} what the job would be called with is damaged. */
export function runOf(records: Records, job: JobRecord, expectedMs: number): Run {
  const { id, fence, callable, queue, agent, timeoutMs, log } = job;
  return {
    job: id,
    fence,
    parent: parentOf(records.view, job),
    isPart: job.role === 'part',
    callable,
    attempt: job.attempts + (job.begun ? 0 : 1),
    queue,
    agent,
    free: takesTurns(job),
    expectedMs,
    timeoutMs,
    log,
    args: job.args === null ? null : records.bytes(job.args),
    fed: fedTo(records, job),
    thread: 0,
  };
}

/**
 * Returns the parent of a job as users know it. Chunks of a map, and the choice between a pair of
 * callbacks, are internal.
 */
function parentOf(view: View, job: JobRecord): Id {
  let above = job.parent === '' ? undefined : view.job(job.parent);
  while (above?.form === 'chunk' || above?.form === 'choice') above = view.job(above.parent);
  return above?.id ?? '';
}
