/**
 * Which thread gets which job, and how many at once.
 *
 * A batch is about a millisecond of work by what its callables took before, one job where that is long or unknown. A thread has the
 * batch that it runs and at most one ahead, of short jobs only, so that these never wait for a commit and a long one never waits in vain.
 */
import { slotCount } from '../protocol/board.js';
import type { Estimates } from './estimates.js';

const batchMs = 1;
const batchJobs = slotCount / 2;
/** A job that takes longer is not given to a busy thread: an idle one may come first. */
const aheadMs = 10;

interface Open<T> {
  readonly thread: number;
  readonly idle: boolean;
  readonly items: T[];
  ms: number;
}

/** Fills the room of all threads, job by job in their order; idle threads first. */
export class Batches<T> {
  readonly #estimates: Estimates;
  readonly #open: Open<T>[];
  #current = 0;

  constructor(loads: readonly { readonly thread: number; readonly batches: number }[], estimates: Estimates) {
    this.#estimates = estimates;
    this.#open = loads
      .filter(({ batches }) => batches < 2)
      .sort((a, b) => a.batches - b.batches)
      .map(({ thread, batches }) => ({ thread, idle: batches === 0, items: [], ms: 0 }));
  }

  /** False: no thread has room for it now. */
  place(callable: string, item: T): boolean {
    const ms = this.#estimates.of(callable);
    while (this.#current < this.#open.length) {
      const open = this.#open[this.#current]!;
      const fits =
        open.items.length === 0 ? open.idle || ms <= aheadMs : open.items.length < batchJobs && open.ms + ms <= batchMs;
      if (fits) {
        open.items.push(item);
        open.ms += ms;
        return true;
      }
      // An idle thread that has its batch leaves the rest to the others; a busy one that cannot take this job ends the search.
      if (open.items.length === 0) return false;
      this.#current++;
    }
    return false;
  }

  /** What was placed, thread by thread. */
  get filled(): readonly { readonly thread: number; readonly items: readonly T[] }[] {
    return this.#open.filter(({ items }) => items.length > 0);
  }
}
