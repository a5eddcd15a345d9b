/**
 * Begun jobs whose end is in sight: those that are limited in time, and those that were told to
 * stop. A thread whose job does not stop when it is told to is ended, with all that it has.
 */
import type { Id } from '../../core/records.js';
import { setLongTimeout, type Timer } from '../long-timeout.js';
import type { Run } from './pool-port.js';
import type { Thread } from './thread.js';

interface Ending {
  /** Why it was told to stop; `none`: it was not yet. */
  readonly reason: 'stop' | 'timeout' | 'none';
  readonly timer: Timer;
}

export class StopTimers {
  /** How long a job that is to stop may go on. */
  readonly #graceMs: number;
  readonly #byJob = new Map<Id, Ending>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** A timed job has begun. */
  limit(thread: Thread, slot: number, run: Run): void {
    if (this.#byJob.has(run.job)) return;
    const timer = setLongTimeout(() => this.stop(thread, slot, run, 'timeout'), run.timeoutMs);
    this.#byJob.set(run.job, { reason: 'none', timer });
  }

  /** Tells a begun job to stop; ends its thread if it does not. */
  stop(thread: Thread, slot: number, run: Run, reason: 'stop' | 'timeout'): void {
    const ending = this.#byJob.get(run.job);
    if (ending !== undefined && ending.reason !== 'none') return;
    // It has ended by itself, and its outcome is on its way.
    if (!thread.board.isBegun(slot)) return;
    ending?.timer.clear();
    thread.board.stop(slot);
    thread.say(['stop', slot]);
    const end = () => {
      if (thread.board.isBegun(slot)) thread.end();
    };
    const timer = setLongTimeout(end, this.#graceMs);
    this.#byJob.set(run.job, { reason, timer });
  }

  /** The job has ended, or was never begun. True if it was told to stop since its time was over. */
  take(job: Id): boolean {
    const ending = this.#byJob.get(job);
    if (ending === undefined) return false;
    ending.timer.clear();
    this.#byJob.delete(job);
    return ending.reason === 'timeout';
  }

  /** Nobody is told or ended any more. */
  clear(): void {
    for (const { timer } of this.#byJob.values()) timer.clear();
  }
}
