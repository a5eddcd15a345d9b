/**
 * Compositions: a serial or a parallel is the whole of several jobs.
 *
 * A whole stands in line like any other job. When claimed it takes no thread: it puts its parts in
 * line, all of them (parallel) or one after another (serial), and waits in `active`. When the last
 * part is done, its callable (the postprocess) is queued, and receives the completed parts in
 * order. Without a postprocess the whole's value is that list. A failed part does not stop the
 * others.
 *
 * A part names its whole, and the whole only counts, so that an interruption anywhere loses
 * nothing. A part is done when its call is over and the callbacks that it had at its start are
 * completed: until then these can add parts.
 */

import { JobStatusError } from '../errors.js';
import type { JobSpec } from './commands.js';
import { askedForMs, type Decision } from './decision.js';
import { beginWaiting, cancel, cancelledFailure, conclude, createJob, enqueue, putBack } from './job.js';
import { listOf } from './outcome.js';
import { chunkItems, type JobRecord, placeOf } from './records.js';
import type { State } from './state/state.js';

/** Puts the parts of a whole whose turn has come. */
export function putParts(decision: Decision, whole: JobRecord): void {
  if (finishIfDone(decision, whole)) return;
  if (whole.form === 'serial') return putNext(decision, whole, 0);
  for (const part of decision.state.unendedParts(whole)) {
    if (part.form === 'chunk') beginWaiting(decision, part);
    else enqueue(decision, part);
  }
}

/** Adds parts to a whole whose last part is not done. */
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

/** Counts a part that may have become done, and continues its whole. */
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
  // A whole that has ended only counts; one whose turn has not come looks at its parts then.
  if (whole.outcome !== 'none' || whole.stage !== 'waiting') return;
  if (finishIfDone(decision, whole)) return;
  // A part that was ended before its turn passes no turn on: another part has it.
  if (whole.form === 'serial' && part.eligible !== 0) putNext(decision, whole, part.index + 1);
}

/** Cancels the unfinished parts of a whole that has ended: no job waits for them any more. */
export function endParts(decision: Decision, whole: JobRecord): void {
  if (whole.partsDone === whole.parts) return;
  const failure = cancelledFailure(decision);
  // The end of one part may end another, which had returned it.
  for (const part of decision.state.unendedParts(whole)) if (part.outcome === 'none') cancel(decision, part, failure);
}

/** Puts the first part from `from` on that is not done. */
function putNext(decision: Decision, whole: JobRecord, from: number): void {
  const { state } = decision;
  const next = state.nextPart(whole, from)!;
  if (next.outcome === 'none') return enqueue(decision, next);
  // It was ended before its turn, with callbacks that still run: it passes the turn on later.
  state.change(next, (row) => {
    row.eligible = state.nextPosition();
  });
}

/** Folds a chunk, concludes a whole or queues its postprocess; returns false if parts are left. */
export function finishIfDone(decision: Decision, whole: JobRecord): boolean {
  if (!isDone(decision.state, whole)) return false;
  if (whole.form === 'chunk') askToFold(decision, whole);
  else if (whole.callable === '') conclude(decision, whole, listOf(null));
  else
    putBack(decision, whole, (row) => {
      row.front = false;
      row.eligible = decision.state.nextPosition();
    });
  return true;
}

/** Asks for the fold of a chunk, and asks again later: the process that is asked may die. */
function askToFold(decision: Decision, chunk: JobRecord): void {
  decision.state.change(chunk, (row) => {
    row.dueAt = decision.now + askedForMs;
  });
  decision.effects.push({ type: 'fold', gate: 'decided', job: chunk.id });
}

/** `true` if all parts are done and no more can come. An open map's last chunk can get more. */
export function isDone(state: State, whole: JobRecord): boolean {
  if (whole.partsDone < whole.parts) return false;
  if (whole.form !== 'chunk') return !whole.open;
  const map = state.job(whole.parent)!;
  return !map.open || whole.parts === chunkItems;
}
