/** The time limit of items: fixed, or a part of the median of those that succeeded. */

import type { TimeLimit } from '../values.js';

/** Successes before the median counts. */
const leastTimes = 3;
/** The times that are kept. */
const mostTimes = 1000;
/** A limit that follows the median is not shorter: times differ by chance. */
const leastMs = 1000;

export class Median {
  #times: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#times[this.#next] = ms;
    this.#next = (this.#next + 1) % mostTimes;
  }

  /** Returns the limit of an item that begins now; `undefined` for none. */
  limit(of: TimeLimit | undefined): number | undefined {
    if (of === undefined) return undefined;
    if ('ms' in of) return of.ms;
    if (this.#times.length < leastTimes) return undefined;
    const sorted = this.#times.toSorted((a, b) => a - b);
    return Math.max(leastMs, (sorted[sorted.length >> 1]! * of.percent) / 100);
  }
}
