/**
 * Serial and parallel: the whole of several jobs.
 *
 * A whole in its line is a job like any other. Claimed, it takes no thread: it puts its parts in line, all of them (parallel) or one
 * after another (serial), and waits in `active`. When the last part is done its callable, the postprocess, is queued; it gets the
 * completed parts in order. Without one the whole's value is that list. A part that fails does not stop the others.
 *
 * The parts know their whole; the whole counts. So an interruption anywhere loses nothing: what is counted is done. A part is done when
 * its call is over and the callbacks that it had when it began are completed, so these can still add parts.
 */
import { JobStatusError } from '../errors.js';
import type { JobSpec } from './commands.js';
import { cancel, cancelledFailure, conclude, createJob, type Decision, enqueue, putBack } from './job.js';
import type { JobRecord } from './records.js';

/** Whether it is made of parts that it waits for. */
export const isWhole = ({ form }: JobRecord) => form === 'serial' || form === 'parallel';

/** The whole has its turn. */
export function putParts(decision: Decision, whole: JobRecord): void {
  if (whole.partsDone === whole.parts) partsDone(decision, whole);
  else if (whole.form === 'serial') putNext(decision, whole, 0);
  else for (const part of decision.state.parts(whole)) if (part.status === 'new') enqueue(decision, part);
}

/** More parts, for a whole whose postprocess has not had its turn. */
export function addParts(decision: Decision, whole: JobRecord, specs: readonly JobSpec[]): void {
  const open = isWhole(whole) && (whole.stage === 'parts' || whole.stage === 'waiting');
  if (!open || whole.outcome !== 'none')
    throw new JobStatusError('parts can be added to a serial or parallel before its last part is done');
  const { state } = decision;
  let index = whole.parts;
  state.change(whole, (row) => {
    row.parts += specs.length;
  });
  for (const spec of specs) {
    const part = createJob(decision, spec, { ...placeOf(whole), role: 'part', parent: whole.id, index: index++ });
    if (whole.stage === 'waiting' && whole.form === 'parallel') enqueue(decision, part);
  }
}

/** Whatever may have made a part done has happened. */
export function notePart(decision: Decision, part: JobRecord): void {
  if (part.counted || part.outcome === 'none' || part.callbacksDone < part.awaitedCallbacks) return;
  const { state } = decision;
  state.change(part, (row) => {
    row.counted = true;
  });
  const whole = state.job(part.parent)!;
  state.change(whole, (row) => {
    row.partsDone++;
  });
  // A whole that was ended otherwise only counts; one that has not had its turn takes the part as done when it has.
  if (whole.outcome !== 'none' || whole.stage !== 'waiting') return;
  if (whole.partsDone === whole.parts) partsDone(decision, whole);
  // A part that was ended before its turn leaves the turn with whoever has it.
  else if (whole.form === 'serial' && part.eligible !== 0) putNext(decision, whole, part.index + 1);
}

/** The whole is over, however it ended: parts that are not have nobody left who waits for them. */
export function endParts(decision: Decision, whole: JobRecord): void {
  if (whole.partsDone === whole.parts) return;
  const failure = cancelledFailure(decision);
  for (const part of decision.state.parts(whole)) if (part.outcome === 'none') cancel(decision, part, failure);
}

/** The next part from here on that is still to be done: some may have been ended before their turn. */
function putNext(decision: Decision, whole: JobRecord, from: number): void {
  const parts = decision.state.parts(whole);
  let index = from;
  while (parts[index]!.counted) index++;
  enqueue(decision, parts[index]!);
}

function partsDone(decision: Decision, whole: JobRecord): void {
  if (whole.callable === '') conclude(decision, whole, 'list', null);
  else
    putBack(decision, whole, (row) => {
      row.front = false;
      row.eligible = decision.state.nextPosition();
    });
}

const placeOf = ({ owner, queue, level, only }: JobRecord) => ({ owner, queue, level, only });
