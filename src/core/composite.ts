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
 *
 * A whole that puts many parts, or ends before them and cancels them, does so in several decisions,
 * so that none is long. Its `cursor` says how far it has come, and each decision asks for the next.
 * To others it looks as if all had been cancelled at once: a part of a whole that has ended is
 * cancelled by whatever happens to it first, and the callbacks of the whole begin after that.
 */

import { JobStatusError } from '../errors.js';
import { goOn } from './callback.js';
import type { JobSpec } from './commands.js';
import { askedForMs, type Decision } from './decision.js';
import { beginWaiting, cancel, cancelledFailure, conclude, createJob, enqueue, putBack } from './job.js';
import { listOf } from './outcome.js';
import { chunkItems, type JobRecord, placeOf } from './records.js';
import type { State } from './state/state.js';
import type { View } from './state/view.js';

/** After this time, any process goes on with the parts of a whole. */
const askedAgainMs = 5_000;

/** Puts the parts of a whole whose turn has come. */
export function putParts(decision: Decision, whole: JobRecord): void {
  if (finishIfDone(decision, whole)) return;
  if (whole.form === 'serial') putNext(decision, whole, 0);
  else passParts(decision, whole, 0);
}

/** `true` if a part that is added now is put at once. */
export const putsNewParts = ({ form, stage, cursor }: JobRecord) =>
  form !== 'serial' && stage === 'waiting' && cursor === 0;

/**
 * `true` if the job is below a whole that has ended, and has not cancelled all of its parts yet.
 */
export function isLeftBehind(view: View, job: JobRecord): boolean {
  let above = job.role === 'part' ? view.job(job.parent) : undefined;
  while (above !== undefined) {
    if (above.cursor !== 0 && above.outcome !== 'none') return true;
    above = above.role === 'part' ? view.job(above.parent) : undefined;
  }
  return false;
}

/** Goes on where the last decision about the parts of a whole had to stop. */
export function goOnWithParts(decision: Decision, whole: JobRecord): void {
  if (whole.cursor === 0) return;
  passParts(decision, whole, whole.cursor);
  if (whole.cursor !== 0 || whole.outcome === 'none') return;
  goOn(decision, whole);
  if (whole.role === 'part') notePart(decision, whole);
}

/**
 * Puts the parts of a whole from this one on, or cancels them if it has ended: as many as the
 * decision has room for, and at least one.
 */
function passParts(decision: Decision, whole: JobRecord, from: number): void {
  const { state, now, effects } = decision;
  const failure = whole.outcome === 'none' ? undefined : cancelledFailure(decision);
  const { parts, next } = state.unendedFrom(whole, from, Math.max(1, decision.partsLeft));
  let left = next;
  for (const part of parts) {
    if (decision.partsLeft <= 0 && part !== parts[0]) {
      left = part.index;
      break;
    }
    // The end of one part may end another, which had returned it.
    if (part.outcome !== 'none') continue;
    decision.partsLeft--;
    if (failure !== undefined) cancel(decision, part, failure);
    else if (part.form === 'chunk') beginWaiting(decision, part);
    else enqueue(decision, part);
  }
  const cursor = left < whole.parts ? left : 0;
  if (cursor === whole.cursor) return;
  state.change(whole, (row) => {
    row.cursor = cursor;
    // The process that is asked to go on may die.
    row.dueAt = cursor === 0 ? 0 : now + askedAgainMs;
  });
  if (cursor !== 0) effects.push({ type: 'goOn', gate: 'decided', job: whole.id });
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
    if (putsNewParts(whole)) enqueue(decision, part);
  }
}

/** Counts a part that may have become done, and continues its whole. */
export function notePart(decision: Decision, part: JobRecord): void {
  if (part.counted || part.outcome === 'none' || part.cursor !== 0 || part.callbacksDone < part.awaitedCallbacks)
    return;
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
  if (whole.partsDone < whole.parts) passParts(decision, whole, 0);
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
