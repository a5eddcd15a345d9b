/** Completed roots in the order in which they completed. */
import type { JobRow } from './job-row.js';

/** Forgotten roots that stay in the list before `trim` copies it without them. */
const slack = 1024;

/** The roots that are kept together, for reading. */
export interface KeptRoots<Root> {
  readonly count: number;
  /** Bytes of the arguments and results of all that is forgotten with them. */
  readonly bytes: number;
  /** The root to forget first: none whose list is the result of another job. */
  readonly oldest: Root | undefined;
}

export class Roots implements KeptRoots<JobRow> {
  bytes = 0;
  /** Oldest first. Those before `#oldest` are forgotten, but may still be put back. */
  #roots: JobRow[] = [];
  #oldest = 0;
  /** The number of forgotten roots behind `#oldest`, which may be put back, too. */
  #gone = 0;

  get count(): number {
    return this.#roots.length - this.#oldest - this.#gone;
  }

  get oldest(): JobRow | undefined {
    return this.#roots[this.#next()];
  }

  /** Returns the place of the oldest root that is there, and may be forgotten if `isFree`. */
  #next(isFree = true): number {
    let at = this.#oldest;
    const isPassed = (row: JobRow | undefined) =>
      row !== undefined && ((this.#gone > 0 && !row.isThere) || (isFree && row.awaiters > 0));
    while (isPassed(this.#roots[at])) at++;
    return at;
  }

  /** Yields the roots that are there, the newest first, while others come and go. */
  *newest(): IterableIterator<JobRow> {
    // `trim` makes a new list.
    const roots = this.#roots;
    for (let at = roots.length - 1; at >= 0; at--) {
      const row = roots[at];
      if (row === undefined || !row.isThere) continue;
      yield row;
    }
  }

  /** Adds a root that completed after all others, or in the same moment. */
  add(row: JobRow): void {
    this.#add(row, isOfThisMoment);
  }

  addInOrder(row: JobRow): void {
    this.#add(row, isLater);
  }

  #add(row: JobRow, goesBehind: (other: JobRow, row: JobRow) => boolean): void {
    const roots = this.#roots;
    let at = roots.push(row) - 1;
    for (; at > this.#oldest && goesBehind(roots[at - 1]!, row); at--) roots[at] = roots[at - 1]!;
    roots[at] = row;
  }

  remove(row: JobRow): void {
    this.#roots.splice(this.#roots.lastIndexOf(row), 1);
  }

  takeOldest(): JobRow {
    this.#pass();
    const at = this.#next();
    if (at === this.#oldest) this.#oldest++;
    else this.#gone++;
    return this.#roots[at]!;
  }

  /** Takes out any root, which must be forgotten next. */
  takeOut(): void {
    this.#gone++;
  }

  /** Undoes the last `takeOldest` or `takeOut`, which took this root. */
  putBack(row: JobRow): void {
    const oldest = this.#oldest;
    const at = this.#roots[oldest - 1] === row ? oldest - 1 : this.#roots.lastIndexOf(row);
    if (at >= oldest) this.#gone--;
    else {
      this.#gone += oldest - at - 1;
      this.#oldest = at;
    }
  }

  /** Passes the forgotten roots at the begin. */
  #pass(): void {
    const at = this.#next(false);
    this.#gone -= at - this.#oldest;
    this.#oldest = at;
  }

  /**
   * Frees the roots that were taken, which cannot be put back any more, when they are half of the
   * list.
   */
  trim(): void {
    this.#pass();
    const taken = this.#oldest + this.#gone;
    if (taken <= slack || taken <= this.#roots.length / 2) return;
    this.#roots = this.#roots.slice(this.#oldest).filter(({ isThere }) => isThere);
    this.#oldest = 0;
    this.#gone = 0;
  }
}

const isOfThisMoment = (other: JobRow, row: JobRow) => other.completedAt === row.completedAt && other.id > row.id;
const isLater = (other: JobRow, row: JobRow) => other.completedAt > row.completedAt || isOfThisMoment(other, row);
