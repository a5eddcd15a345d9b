/**
 * Limits on the completed jobs that are kept: age, count and bytes (contract 2.12). The strictest
 * applies. Failed roots have limits of their own, so that later successes do not push them out. A
 * root is deleted with all its members, so that nothing a parent needs is missing. A root whose
 * list is the result of another job stays as long as that one.
 */

import { JobStatusError } from '../errors.js';
import { type KeptLimits, levelGate, type Retention } from './commands.js';
import type { Decision } from './decision.js';
import { othersHold } from './dispatchers.js';
import type { Id, JobRecord } from './records.js';
import type { Kept } from './state/completed.js';
import type { View } from './state/view.js';
import { releaseLists } from './waits.js';

const dayMs = 24 * 3600 * 1000;
const mebibyte = 1024 * 1024;

/**
 * Seven days, 100,000 jobs, 256 MiB of their arguments and results. Of failed jobs 30 days, 10,000
 * jobs, 256 MiB.
 */
export const defaultRetention: Retention = {
  ...{ ageMs: 7 * dayMs, count: 100_000, bytes: 256 * mebibyte },
  failed: { ageMs: 30 * dayMs, count: 10_000, bytes: 256 * mebibyte },
};

/**
 * The most jobs forgotten in one decision: `part` of those in excess, within `least` and `most`.
 * That is more than complete meanwhile; the rest follows with the next decision. A root is
 * forgotten with all its members, so the last one may exceed it.
 */
const forgottenAtOnce = { least: 256, part: 0.25, most: 4096 };

/** The kept roots while any of them exceeds a limit. */
export interface Excess {
  readonly kept: number;
  /** Those of a kind that exceed its count; without a bound if another limit is exceeded. */
  readonly most: number;
}

/** Returns `undefined` if no kept root exceeds a limit. */
export function excessOf(view: View, keep: Retention, now: number): Excess | undefined {
  const kinds = [
    ['succeeded', keep],
    ['failed', keep.failed],
  ] as const;
  const tooMuch = kinds.filter(([kept, limits]) => exceeds(view, kept, limits, now));
  if (tooMuch.length === 0) return undefined;
  const most = tooMuch.map(([kept, limits]) =>
    exceeds(view, kept, { ...limits, count: Number.POSITIVE_INFINITY }, now)
      ? Number.POSITIVE_INFINITY
      : view.kept(kept).count - limits.count,
  );
  return { kept: view.kept('succeeded').count + view.kept('failed').count, most: Math.max(...most) };
}

function exceeds(view: View, kept: Kept, keep: KeptLimits, now: number): boolean {
  const { oldestAt, count, bytes } = view.kept(kept);
  if (oldestAt === undefined) return false;
  return count > keep.count || bytes > keep.bytes || oldestAt < now - keep.ageMs;
}

export function forgetCompleted(decision: Decision, keep: Retention): void {
  const held = othersHold(decision.state, decision.dispatcher);
  forgetKept(decision, 'succeeded', keep, held);
  forgetKept(decision, 'failed', keep.failed, held);
}

/**
 * A job is left to its process while that may have a handle: it takes the outcome first. The
 * younger ones wait for that.
 */
function forgetKept(
  { state, now, holding, effects }: Decision,
  kept: Kept,
  keep: KeptLimits,
  held: ReadonlyMap<Id, Id>,
): void {
  const { least, part, most } = forgottenAtOnce;
  const tooMany = state.kept(kept).count - keep.count;
  const atOnce = Math.min(most, Math.max(least, Math.ceil(tooMany * part)));
  for (let left = atOnce; left > 0 && exceeds(state, kept, keep, now); ) {
    if (held.size > 0 && isHeld(state.kept(kept).oldest!, held)) return;
    const job = state.forgetOldest(kept, holding);
    left -= 1 + (job?.parts ?? 0);
    // A packed job has no parts, and no list of another.
    if (job === undefined) continue;
    releaseLists(state, job);
    if (holding) effects.push({ type: 'forgotten', gate: levelGate(job.level), job });
  }
}

function isHeld({ id, owner }: JobRecord, held: ReadonlyMap<Id, Id>): boolean {
  const from = held.get(owner);
  return from !== undefined && id >= from;
}

/** Forgets a completed root with all its members, before its time. */
export function forgetJob({ state, holding, effects }: Decision, job: JobRecord): void {
  if (job.role !== 'root') throw new JobStatusError('the job belongs to another, and is forgotten with it');
  if (job.status !== 'completed')
    throw new JobStatusError(`the job is ${job.status}: only a completed job can be forgotten`);
  if (!isAtRest(state, job)) throw new JobStatusError('callbacks of the job are not completed');
  if (job.awaiters > 0) throw new JobStatusError('another job that is remembered has its list as its result');
  state.forgetRoot(job);
  releaseLists(state, job);
  if (holding) effects.push({ type: 'forgotten', gate: levelGate(job.level), job });
}

/** The most roots of level `memory` that one decision forgets. */
const memoryAtOnce = 256;

/** `true` if `forgetMemory` has something to do. */
export function hasOldMemory(view: View, owner: Id, until: number): boolean {
  return view.memoryRoots(owner, 1).some(({ putAt }) => putAt <= until);
}

/**
 * Forgets the jobs of level `memory` that an earlier process put, finished or not, with all their
 * members. One that is awaited is forgotten after the job that awaits it.
 */
export function forgetMemory({ state, holding, effects }: Decision, owner: Id, until: number): void {
  for (const job of state.memoryRoots(owner, memoryAtOnce)) {
    if (job.putAt > until) continue;
    const isCompleted = job.status === 'completed';
    if (isCompleted) state.forgetRoot(job);
    else state.forgetOpen(job);
    releaseLists(state, job);
    if (isCompleted && holding) effects.push({ type: 'forgotten', gate: 'decided', job });
  }
}

/** `false` if a callback that was added late has its turn, at any depth. */
function isAtRest(view: View, job: JobRecord): boolean {
  const isOver = (member: JobRecord) =>
    (member.status === 'completed' || member.status === 'new') && isAtRest(view, member);
  return view.callbacks(job).every(isOver) && view.parts(job).every(isOver);
}
