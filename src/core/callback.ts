/**
 * Callbacks: jobs that are called with a job's outcome, one after another, in the order in which
 * they were added.
 *
 * A callback has its turn when the job's call is over and the callbacks before it are completed. It
 * stands in no line and takes no place of a quota: its turn is its claim, and it keeps the place of
 * its job's agent.
 *
 * A choice (made by `addCallbacks`) runs the side that fits the job's outcome, and takes that
 * side's outcome. Without such a side it takes the job's own outcome, so that its own callbacks see
 * it.
 */

import type { JobSpec } from './commands.js';
import { notePart } from './composite.js';
import type { Decision } from './decision.js';
import { runnerOf } from './dispatchers.js';
import { complete, conclude, createMembers, start } from './job.js';
import type { JobRecord } from './records.js';
import type { View } from './state/view.js';

/** Adds callbacks at any time. Those of a completed job run at once. */
export function addCallbacks(decision: Decision, job: JobRecord, specs: readonly JobSpec[]): void {
  const { state } = decision;
  const first = job.callbacks;
  state.change(job, (row) => {
    row.callbacks += specs.length;
  });
  createMembers(decision, job, 'callback', specs, first);
  if (job.outcome !== 'none') goOn(decision, job);
}

/**
 * Runs the next callback, or completes the job. Some callbacks were ended before their turn. Those
 * of a large whole wait until it has cancelled its parts.
 */
export function goOn(decision: Decision, job: JobRecord): void {
  const { state } = decision;
  if (job.cursor !== 0) return;
  const next = state.nextCallback(job, job.callbacksDone);
  const done = next?.index ?? job.callbacks;
  if (done > job.callbacksDone) {
    state.change(job, (row) => {
      row.callbacksDone = done;
    });
  }
  if (next !== undefined) {
    if (next.status === 'new') runCallback(decision, next);
  } else if (job.status === 'callbacks') complete(decision, job);
}

/** Runs a callback whose turn has come; of a choice, the side that fits. */
export function runCallback(decision: Decision, callback: JobRecord): void {
  const { state } = decision;
  const above = state.job(callback.parent)!;
  const agent = runnerOf(decision, above);
  if (callback.form !== 'choice') return start(decision, callback, agent);
  const role = above.outcome === 'failure' ? 'onFailure' : 'onSuccess';
  const side = state.parts(callback).find((part) => part.role === role);
  state.change(callback, (row) => {
    row.status = 'active';
    row.stage = 'waiting';
    row.agent = agent;
  });
  if (side === undefined) conclude(decision, callback, above);
  else if (side.outcome !== 'none') conclude(decision, callback, side);
  else start(decision, side, agent);
}

/** Returns the job whose outcome the callback is called with. */
export function calledWith(view: View, callback: JobRecord): JobRecord {
  const above = view.job(callback.parent)!;
  return callback.role === 'callback' ? above : view.job(above.parent)!;
}

/** Continues the job or the choice whose callback or side is completed. */
export function callbackCompleted(decision: Decision, callback: JobRecord): void {
  const { state, effects } = decision;
  const above = state.job(callback.parent)!;
  if (callback.outcome === 'failure' && callback.form === 'call') {
    effects.push({ type: 'log', gate: 'decided', level: 'fatal', message: 'a callback failed', job: callback.id });
  }
  if (callback.role === 'callback') {
    if (above.outcome !== 'none') goOn(decision, above);
    if (above.role === 'part') notePart(decision, above);
  } else if (above.status === 'active' && above.outcome === 'none') {
    conclude(decision, above, callback);
  }
}
