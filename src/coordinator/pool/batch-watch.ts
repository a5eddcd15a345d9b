/**
 * Decides when to read the outcomes of a thread: at the end of a batch or a little later; and, if a
 * batch is not over when it should be, at growing intervals while the thread is at the same run.
 *
 * A batch that ends in time is not looked at, since a look costs as much as a dozen short jobs. A
 * batch that takes longer than expected is noticed soon, since others may wait behind it.
 */
import type { Batch, Thread } from './thread.js';

/**
 * The result of a look: the thread is at the same run as before, at another, or needs no more
 * looks.
 */
export type Seen = 'same' | 'other' | 'enough';

/**
 * Delay before a batch is first looked at: `least` if it is short or of unknown duration, up to
 * `most` otherwise.
 */
const firstLookMs = { least: 5, most: 30 };
const longestLookMs = 1000;

interface Watched {
  dueAt: number;
  afterMs: number;
}

export class BatchWatch {
  readonly #look: (thread: Thread) => Seen;
  readonly #watched = new Map<Thread, Watched>();
  #timer: { readonly at: number; readonly timeout: ReturnType<typeof setTimeout> } | undefined;

  constructor(look: (thread: Thread) => Seen) {
    this.#look = look;
  }

  /** Watches a thread that was given a batch expected to take `expectedMs`. */
  watch(thread: Thread, expectedMs: number): void {
    const { least, most } = firstLookMs;
    const afterMs = Number.isFinite(expectedMs) ? Math.min(Math.max(2 * expectedMs, least), most) : least;
    this.#watched.set(thread, { dueAt: performance.now() + afterMs, afterMs: least });
    this.#setTimer();
  }

  leave(thread: Thread): void {
    this.#watched.delete(thread);
    if (this.#watched.size === 0) this.end();
  }

  end(): void {
    this.#watched.clear();
    clearTimeout(this.#timer?.timeout);
    this.#timer = undefined;
  }

  /**
   * Sets the timer, unless it rings early enough. Ringing early costs less than a new timer for
   * each batch.
   */
  #setTimer(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#watched.values()) at = Math.min(at, dueAt);
    if (!Number.isFinite(at) || (this.#timer !== undefined && this.#timer.at <= at)) return;
    clearTimeout(this.#timer?.timeout);
    this.#timer = { at, timeout: setTimeout(() => this.#ring(), Math.max(0, Math.ceil(at - performance.now()))) };
  }

  #ring(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [thread, watched] of this.#watched) {
      if (watched.dueAt > now) continue;
      const seen = this.#look(thread);
      if (seen === 'enough') this.#watched.delete(thread);
      else {
        watched.afterMs = seen === 'same' ? Math.min(watched.afterMs * 2, longestLookMs) : firstLookMs.least;
        watched.dueAt = now + watched.afterMs;
      }
    }
    this.#setTimer();
  }
}

const longestSettlingWaitMs = 8;
/** The time that the outcomes need to become stored, and the jobs put for them to be claimed. */
const roundTripMs = 5;

/**
 * Returns how long the outcomes of a batch may wait to be settled together with others, while its
 * thread runs `next`. A frame for a few short jobs costs as much as the jobs. The wait ends early
 * enough for the thread to get more, and no outcome waits as long as if it were in the next batch.
 */
export function settlingWaitMs({ runs, expectedMs }: Pick<Batch, 'runs' | 'expectedMs'>): number {
  if (runs.size === 1) return 0;
  return Math.max(0, Math.floor(Math.min(longestSettlingWaitMs, expectedMs / 2, expectedMs - roundTripMs)));
}
