/**
 * Serial and parallel: the whole of several jobs.
 *
 * A whole in its line is a job like any other. Claimed, it takes no thread: it puts its parts in line, all of them (parallel) or one
 * after another (serial), and waits in `active`. When the last part is completed its callable, the postprocess, is queued; it gets
 * the completed parts in order. Without one the whole's value is that list. A part that fails does not stop the others.
 *
 * The parts know their whole; the whole counts. So an interruption anywhere loses nothing: what is counted is done.
 */
import { conclude, type Decision, enqueue, putBack } from './job.js';
import type { JobRecord } from './records.js';

/** The whole has its turn. */
export function putParts(decision: Decision, whole: JobRecord): void {
  if (whole.partsDone === whole.parts) partsDone(decision, whole);
  else if (whole.form === 'serial') putNext(decision, whole);
  else for (const part of decision.state.parts(whole)) enqueue(decision, part);
}

/** One of the whole's parts is completed. */
export function partCompleted(decision: Decision, part: JobRecord): void {
  const { state } = decision;
  const whole = state.job(part.parent)!;
  state.update(whole, { partsDone: whole.partsDone + 1 });
  if (whole.partsDone === whole.parts) partsDone(decision, whole);
  else if (whole.form === 'serial') putNext(decision, whole);
}

function putNext(decision: Decision, whole: JobRecord): void {
  enqueue(decision, decision.state.parts(whole)[whole.partsDone]!);
}

function partsDone(decision: Decision, whole: JobRecord): void {
  if (whole.callable === '') conclude(decision, whole, 'list', null);
  else putBack(decision, whole, { stage: 'call', front: false, eligible: decision.state.nextPosition() });
}
