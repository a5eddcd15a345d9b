/**
 * The timers of begun jobs that have a time limit or were asked to stop. If a job does not stop
 * when asked, its thread is ended, with all its runs.
 */
import type { Id } from '../../core/records.js';
import { setLongTimeout, type Timer } from '../long-timeout.js';
import type { Run } from './pool-port.js';
import type { Thread } from './thread.js';

interface Ending {
  /** The reason for asking the job to stop; `none` if it was not asked yet. */
  readonly reason: 'stop' | 'timeout' | 'none';
  readonly timer: Timer;
}

export class StopTimers {
  readonly #graceMs: number;
  readonly #byJob = new Map<Id, Ending>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Starts the time limit of a job that has begun. */
  limit(thread: Thread, slot: number, run: Run): void {
    if (this.#byJob.has(run.job)) return;
    const timer = setLongTimeout(() => this.stop(thread, slot, run, 'timeout'), run.timeoutMs);
    this.#byJob.set(run.job, { reason: 'none', timer });
  }

  /** Asks a begun job to stop, and ends its thread after the grace if it does not. */
  stop(thread: Thread, slot: number, run: Run, reason: 'stop' | 'timeout'): void {
    const ending = this.#byJob.get(run.job);
    if (ending !== undefined && ending.reason !== 'none') return;
    // The job has ended by itself, and its outcome is on its way.
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

  /**
   * Clears the timers of a job that ended or was not begun. Returns `true` if its time limit was
   * exceeded.
   */
  take(job: Id): boolean {
    const ending = this.#byJob.get(job);
    if (ending === undefined) return false;
    ending.timer.clear();
    this.#byJob.delete(job);
    return ending.reason === 'timeout';
  }

  clear(): void {
    for (const { timer } of this.#byJob.values()) timer.clear();
  }
}
