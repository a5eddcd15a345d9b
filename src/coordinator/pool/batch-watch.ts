/**
 * When the threads are looked after: once what they were given should long be over, and then less
 * often as long as they are at the same.
 *
 * A batch that ends in its time is not looked at, since each look costs as much as a dozen short
 * jobs; one that takes longer than it was expected to is noticed soon, since others may wait behind
 * it.
 */
import type { Thread } from './thread.js';

/**
 * What was seen: the thread is at the same run as before, or at another; or there is nothing more
 * to look for.
 */
export type Seen = 'same' | 'other' | 'enough';

/**
 * The first look at what is short, or of which nobody knows how long it takes; and at what is not.
 */
const firstLookMs = { least: 5, most: 30 };
const longestLookMs = 1000;

interface Watched {
  dueAt: number;
  afterMs: number;
}

export class BatchWatch {
  readonly #look: (thread: Thread) => Seen;
  readonly #looked: () => void;
  readonly #watched = new Map<Thread, Watched>();
  #timer: { readonly at: number; readonly timeout: ReturnType<typeof setTimeout> } | undefined;

  /** `looked` hears when all that were due have been looked at. */
  constructor(look: (thread: Thread) => Seen, looked: () => void) {
    this.#look = look;
    this.#looked = looked;
  }

  /** The thread has something to do from now on, which is expected to take so long. */
  watch(thread: Thread, expectedMs: number): void {
    const { least, most } = firstLookMs;
    const afterMs = Number.isFinite(expectedMs) ? Math.min(Math.max(2 * expectedMs, least), most) : least;
    this.#watched.set(thread, { dueAt: performance.now() + afterMs, afterMs: least });
    this.#setTimer();
  }

  /** It has nothing to do any more. */
  leave(thread: Thread): void {
    this.#watched.delete(thread);
    if (this.#watched.size === 0) this.end();
  }

  /** Nothing is looked at any more. */
  end(): void {
    this.#watched.clear();
    clearTimeout(this.#timer?.timeout);
    this.#timer = undefined;
  }

  /** A timer that rings too early costs less than one that is set anew for every batch. */
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
    let hasLooked = false;
    for (const [thread, watched] of this.#watched) {
      if (watched.dueAt > now) continue;
      hasLooked = true;
      const seen = this.#look(thread);
      if (seen === 'enough') this.#watched.delete(thread);
      else {
        watched.afterMs = seen === 'same' ? Math.min(watched.afterMs * 2, longestLookMs) : firstLookMs.least;
        watched.dueAt = now + watched.afterMs;
      }
    }
    this.#setTimer();
    if (hasLooked) this.#looked();
  }
}
