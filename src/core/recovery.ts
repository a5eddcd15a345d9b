/**
 * What the last process left in the middle, put in order by the first command after opening.
 *
 * All of it is derived from the records. A job that is known to have begun was interrupted. One that was only claimed is a suspect:
 * with its batch it may have begun, or not; it goes back uncounted, to run alone, its start written first. What waits for parts goes
 * on by itself, and completed parts stay completed.
 */
import { JobCancelledError } from '../errors.js';
import { conclude, type Decision, putBack } from './job.js';
import { interrupted } from './retry.js';

export function recover(decision: Decision): void {
  for (const job of [...decision.state.jobs()]) {
    if (!job.claimed) continue;
    if (job.cancelled)
      conclude(decision, job, 'failure', decision.failure(new JobCancelledError('the job was cancelled')));
    else if (job.begun) interrupted(decision, job, 'process');
    else
      putBack(decision, job, (row) => {
        row.suspect = true;
      });
  }
}
