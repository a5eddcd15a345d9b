/**
 * What becomes of a job that was interrupted, or that failed.
 *
 * The policies that ship are answered here. `default`: own errors are final, an interrupted job runs again, nine times at most.
 * `forever`: without that end. `never`: begun once at most, whatever happens.
 */
import type { InterruptionCause } from './commands.js';
import { conclude, type Decision, putBack } from './job.js';
import type { BuiltinPolicy, JobRecord, Payload } from './records.js';

/** How many interruptions a policy forgives. */
const interruptionLimits: Record<BuiltinPolicy, number> = { default: 9, forever: Number.POSITIVE_INFINITY, never: 0 };

/**
 * A begun job lost its thread or its process. `failure` is the outcome if that was once too often. An interruption by a clean close
 * is the runtime's doing, not the job's, and does not count; but what must not begin twice does not, whoever's doing it was.
 */
export function interrupted(decision: Decision, job: JobRecord, cause: InterruptionCause, failure: Payload): void {
  const interruptions = job.interruptions + (cause === 'close' ? 0 : 1);
  const again = cause === 'close' ? job.policy !== 'never' : interruptions <= interruptionLimits[job.policy];
  if (again) return putBack(decision, job, { interruptions });
  decision.state.update(job, { interruptions });
  conclude(decision, job, 'failure', failure);
}
