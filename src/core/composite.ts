/**
 * Serial and parallel: the whole of several jobs.
 *
 * A whole in its line is a job like any other. Claimed, it takes no thread: it puts its parts in
 * line, all of them (parallel) or one after another (serial), and waits in `active`. When the last
 * part is done its callable, the postprocess, is queued; it gets the completed parts in order.
 * Without one the whole's value is that list. A part that fails does not stop the others.
 *
 * The parts know their whole; the whole counts. So an interruption anywhere loses nothing: what is
 * counted is done. A part is done when its call is over and the callbacks that it had when it began
 * are completed, so these can still add parts.
 */

import { JobStatusError } from '../errors.js';
import type { JobSpec } from './commands.js';
import type { Decision } from './decision.js';
import { beginWaiting, cancel, cancelledFailure, conclude, createJob, enqueue, putBack } from './job.js';
import { chunkItems, type JobRecord, placeOf } from './records.js';
import type { State } from './state/state.js';

/** The whole has its turn. */
export function putParts(decision: Decision, whole: JobRecord): void {
  if (finishIfDone(decision, whole)) return;
  if (whole.form === 'serial') return putNext(decision, whole, 0);
  for (const part of decision.state.parts(whole)) {
    if (part.status !== 'new') continue;
    if (part.form === 'chunk') beginWaiting(decision, part);
    else enqueue(decision, part);
  }
}

/** More parts, for a whole whose postprocess has not had its turn. */
export function addParts(decision: Decision, whole: JobRecord, specs: readonly JobSpec[]): void {
  const takesParts = whole.form === 'serial' || whole.form === 'parallel';
  const open = takesParts && (whole.stage === 'parts' || whole.stage === 'waiting');
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
  // A whole that was ended otherwise only counts; one that has not had its turn takes the part as
  // done when it has.
  if (whole.outcome !== 'none' || whole.stage !== 'waiting') return;
  if (finishIfDone(decision, whole)) return;
  // A part that was ended before its turn leaves the turn with whoever has it.
  if (whole.form === 'serial' && part.eligible !== 0) putNext(decision, whole, part.index + 1);
}

/** The whole is over, however it ended: parts that are not have nobody left who waits for them. */
export function endParts(decision: Decision, whole: JobRecord): void {
  if (whole.partsDone === whole.parts) return;
  const failure = cancelledFailure(decision);
  for (const part of decision.state.parts(whole)) if (part.outcome === 'none') cancel(decision, part, failure);
}

/**
 * The next part from here on that is still to be done: some may have been ended before their turn.
 */
function putNext(decision: Decision, whole: JobRecord, from: number): void {
  const { state } = decision;
  const parts = state.parts(whole);
  let index = from;
  while (parts[index]!.counted) index++;
  const next = parts[index]!;
  if (next.outcome === 'none') return enqueue(decision, next);
  // Ended before its turn, with callbacks that still run: it has the turn now, and passes it on
  // when these are done.
  state.change(next, (row) => {
    row.eligible = state.nextPosition();
  });
}

/** The last part is done, and no more can come: what becomes of them is next. */
export function finishIfDone(decision: Decision, whole: JobRecord): boolean {
  if (!isDone(decision.state, whole)) return false;
  if (whole.form === 'chunk') decision.effects.push({ type: 'fold', gate: 'decided', job: whole.id });
  else if (whole.callable === '') conclude(decision, whole, 'list', null);
  else
    putBack(decision, whole, (row) => {
      row.front = false;
      row.eligible = decision.state.nextPosition();
    });
  return true;
}

/**
 * Whether all parts of a whole are done that it will ever have: only the last chunk of an open map
 * can have more.
 */
export function isDone(state: State, whole: JobRecord): boolean {
  if (whole.partsDone < whole.parts) return false;
  if (whole.form !== 'chunk') return !whole.open;
  const map = state.job(whole.parent)!;
  return !map.open || whole.parts === chunkItems;
}
