/**
 * Puts the jobs of a dead process in order, in the process that notices the death.
 *
 * Everything is derived from the records. Any claimed job may have killed the process, and most
 * likely none did: so each becomes a suspect, and goes back uncounted. It may have begun, so its
 * next run is another attempt.
 *
 * A suspect that is claimed when a process dies again waits a little, so that the jobs behind it
 * have their turn. Then it runs alone, beside no job but those cleared of the same suspicion, and
 * is claimed as `active`. If the process dies once more, this start counts and no other job is
 * suspected; the job fails when its interruptions are used up. So a poison job is found, its
 * neighbours are never charged for it, and a kill -9 from outside costs no parallelism.
 *
 * A job that must not begin twice fails at once. A begun job with an own policy waits for its
 * answer; a policy that was being asked is asked again. A whole that waits for parts continues by
 * itself, and completed parts stay completed.
 */
import { type Decision, tellInterrupted } from './decision.js';
import { concludeCancelled, countAttempt, expireIfLate } from './job.js';
import { isOwnPolicy, policyOf } from './policy.js';
import type { JobRecord } from './records.js';
import { aloneAt, interrupted, interruptedUncounted, runAgain, type Suspicion } from './retry.js';

/** `claimed` holds the jobs that the process had claimed. */
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
  // Attempt numbers must not repeat, and the record of this start may be lost.
  if (mayHaveBegun) countAttempt(decision, job);
  runAgain(decision, job, suspicion, suspicion.alone ? aloneAt(decision, job) : 0);
}

const none: Suspicion = { suspect: false, alone: false };
