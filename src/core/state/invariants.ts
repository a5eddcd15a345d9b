/**
 * Invariants of a job, checked on every change: cheap, and on in production. A decision that would
 * break one is a bug of callsheet, and is undone like a refused one.
 */
import type { JobRecord } from '../records.js';

/**
 * @throws if the change from this status and outcome to the job as it is now breaks an invariant.
 */
export function checkStep(job: JobRecord, status: JobRecord['status'], outcome: JobRecord['outcome']): void {
  if (outcome !== 'none' && job.outcome !== outcome) wrong(job, 'an outcome is stored once');
  if (status === 'completed' && job.status !== status) wrong(job, 'completed is the end');
  if (job.partsDone > job.parts || job.callbacksDone > job.callbacks) wrong(job, 'more members done than there are');
  if (job.claimed && job.queued) wrong(job, 'a job is in line or claimed, not both');
  if (job.begun && !job.claimed) wrong(job, 'begun without a claim');
  if (job.stage === 'policy' && (job.claimed || job.queued)) wrong(job, 'in line or claimed while its policy is asked');
  if (job.outcome !== 'none' && (job.claimed || job.queued)) wrong(job, 'in line or claimed after its call is over');
  if (status !== 'completed' && job.status === 'completed' && job.callbacksDone < job.callbacks)
    wrong(job, 'completed before its callbacks');
}

function wrong(job: JobRecord, what: string): never {
  throw new Error(`a decision would break an invariant on ${job.callable || job.form}: ${what}`);
}
