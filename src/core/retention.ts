/**
 * Limits on the completed jobs that are kept: age, count and bytes (contract 2.12). The strictest
 * applies. A root is deleted with all its members, so that nothing a parent needs is missing.
 */

import { levelGate, type Retention } from './commands.js';
import type { Decision } from './decision.js';
import type { State } from './state/state.js';

/** Seven days, 100,000 jobs, 256 MiB of their arguments and results. */
export const defaultRetention: Retention = { ageMs: 7 * 24 * 3600 * 1000, count: 100_000, bytes: 256 * 1024 * 1024 };

/**
 * The most jobs forgotten in one decision: `part` of those in excess, within `least` and `most`.
 * That is more than complete meanwhile; the rest follows with the next decision.
 */
const forgottenAtOnce = { least: 256, part: 0.25, most: 4096 };

/** `true` if a completed job exceeds a limit. */
export function hasForgettable(state: State, keep: Retention, now: number): boolean {
  const oldest = state.oldestCompleted;
  if (oldest === undefined) return false;
  return (
    state.completedCount > keep.count || state.completedBytes > keep.bytes || oldest.completedAt < now - keep.ageMs
  );
}

export function forgetCompleted({ state, now, effects }: Decision, keep: Retention): void {
  const { least, part, most } = forgottenAtOnce;
  const tooMany = state.completedCount - keep.count;
  const atOnce = Math.min(most, Math.max(least, Math.ceil(tooMany * part)));
  for (let left = atOnce; left > 0 && hasForgettable(state, keep, now); left--) {
    const job = state.forgetOldest();
    effects.push({ type: 'forgotten', gate: levelGate(job.level), job });
  }
}
