/**
 * What a process that died left in the middle, put in order by whoever notices.
 *
 * All of it is derived from the records. Every job that was claimed may have been what killed the
 * process, and most likely none was: so it becomes a suspect, and goes back uncounted. It may have
 * begun, so its next run is another attempt.
 *
 * A process that dies while a suspect is claimed once more is another matter: the suspect then
 * waits a little, so that those behind it have their turn, and runs alone, with nothing beside it
 * but what has been cleared of the same, and claimed as `active`. If the process dies of that too,
 * the start counts and nobody else is suspected; when the count is spent the job fails. So a poison
 * is found, its neighbours are never counted for it, and a kill -9 from outside costs no
 * parallelism.
 *
 * What must not begin twice fails at once; a job with a policy of its own that had begun waits for
 * what that says. A policy that was being asked is asked again. What waits for parts goes on by
 * itself, and completed parts stay completed.
 */
import { type Decision, tellInterrupted } from './decision.js';
import { concludeCancelled, countAttempt, expireIfLate } from './job.js';
import { isOwnPolicy, policyOf } from './policy.js';
import type { JobRecord } from './records.js';
import { aloneAt, interrupted, interruptedUncounted, runAgain, type Suspicion } from './retry.js';

/** These are the jobs that the process had claimed. */
export function recover(decision: Decision, claimed: readonly JobRecord[]): void {
  const blamed = claimed.find((job) => job.alone && job.begun);
  for (const job of claimed) {
    const policy = policyOf(decision.state, job);
    const suspicion = blamed === undefined ? { suspect: true, alone: job.suspect } : none;
    if (job.cancelled) {
      concludeCancelled(decision, job);
    } else if (job.begun && (job === blamed || policy === 'never')) {
      interrupted(decision, job, 'process');
    } else if (job.begun && isOwnPolicy(policy)) {
      interruptedUncounted(decision, job, policy, suspicion);
    } else {
      if (suspicion.suspect && job.begun) tellInterrupted(decision, job, 'process');
      putBackUncounted(decision, job, suspicion);
    }
  }
}

function putBackUncounted(decision: Decision, job: JobRecord, suspicion: Suspicion): void {
  const mayHaveBegun = !job.begun;
  expireIfLate(decision, job);
  if (job.outcome !== 'none') return;
  // No attempt number may repeat, and the start of this run may be lost.
  if (mayHaveBegun) countAttempt(decision, job);
  runAgain(decision, job, suspicion, suspicion.alone ? aloneAt(decision, job) : 0);
}

const none: Suspicion = { suspect: false, alone: false };
