/** Completed roots in the order in which they completed. */
import type { JobRow } from './job-row.js';

/** Forgotten roots that stay in the list before `trim` copies it without them. */
const slack = 1024;

/** The roots that are kept together, for reading. */
export interface KeptRoots<Root> {
  readonly count: number;
  /** Bytes of the arguments and results of all that is forgotten with them. */
  readonly bytes: number;
  /** The root that completed first. */
  readonly oldest: Root | undefined;
}

export class Roots implements KeptRoots<JobRow> {
  bytes = 0;
  /** Oldest first. Those before `#oldest` are forgotten, but may still be put back. */
  #roots: JobRow[] = [];
  #oldest = 0;

  get count(): number {
    return this.#roots.length - this.#oldest;
  }

  get oldest(): JobRow | undefined {
    return this.#roots[this.#oldest];
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
    return this.#roots[this.#oldest++]!;
  }

  /** Undoes the last `takeOldest`. */
  putBack(): void {
    this.#oldest--;
  }

  /**
   * Frees the roots that were taken, which cannot be put back any more, when they are half of the
   * list.
   */
  trim(): void {
    if (this.#oldest <= slack || this.#oldest <= this.#roots.length / 2) return;
    this.#roots = this.#roots.slice(this.#oldest);
    this.#oldest = 0;
  }
}

const isOfThisMoment = (other: JobRow, row: JobRow) => other.completedAt === row.completedAt && other.id > row.id;
const isLater = (other: JobRow, row: JobRow) => other.completedAt > row.completedAt || isOfThisMoment(other, row);
