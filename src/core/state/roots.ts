/** Completed roots in the order in which they completed, by their seats. */
import type { JobRow } from './job-row.js';
import type { Seats } from './seats.js';

/** The least number of forgotten roots for which `trim` packs the list. */
const slack = 256;
/** The list is packed when more than this part of it is forgotten. */
const mostGone = 1 / 32;

/** The roots that are kept together, for reading. */
export interface KeptRoots<Root> {
  readonly count: number;
  /** Bytes of the arguments and results of all that is forgotten with them. */
  readonly bytes: number;
  /** The root to forget first: none whose list is the result of another job. */
  readonly oldest: Root | undefined;
  /** The time at which it completed. */
  readonly oldestAt: number | undefined;
}

export class Roots implements KeptRoots<JobRow> {
  bytes = 0;
  readonly #seats: Seats;
  /** Oldest first. Those before `#oldest` are forgotten, but may still be put back. */
  readonly #roots: number[] = [];
  #oldest = 0;
  /** The number of forgotten roots behind `#oldest`, which may be put back, too. */
  #gone = 0;
  /** Walks to the older roots, each before the roots from the index `next` on. */
  readonly #walks = new Set<{ next: number }>();

  constructor(seats: Seats) {
    this.#seats = seats;
  }

  get count(): number {
    return this.#roots.length - this.#oldest - this.#gone;
  }

  get oldest(): JobRow | undefined {
    const seat = this.#roots[this.#next()];
    return seat === undefined ? undefined : this.#seats.look(seat);
  }

  get oldestAt(): number | undefined {
    const seat = this.#roots[this.#next()];
    return seat === undefined ? undefined : this.#seats.completedAt(seat);
  }

  /** Returns the place of the oldest root that is there, and may be forgotten if `isFree`. */
  #next(isFree = true): number {
    let at = this.#oldest;
    while (at < this.#roots.length && this.#isPassed(this.#roots[at]!, isFree)) at++;
    return at;
  }

  #isPassed(seat: number, isFree: boolean): boolean {
    return (this.#gone > 0 && !this.#seats.isThere(seat)) || (isFree && this.#seats.hasAwaiters(seat));
  }

  /** Yields the roots that are there, the newest first, while others come and go. */
  *newest(): IterableIterator<JobRow> {
    const walk = { next: this.#roots.length };
    this.#walks.add(walk);
    try {
      while (walk.next > 0) {
        const seat = this.#roots[--walk.next]!;
        if (this.#seats.isThere(seat)) yield this.#seats.look(seat);
      }
    } finally {
      this.#walks.delete(walk);
    }
  }

  /** Adds a root that completed after all others, or in the same moment. */
  add(row: JobRow): void {
    this.#add(row, false);
  }

  addInOrder(row: JobRow): void {
    this.#add(row, true);
  }

  #add(row: JobRow, isAnyTime: boolean): void {
    this.#seats.add(row);
    const roots = this.#roots;
    let at = roots.push(row.seat) - 1;
    for (; at > this.#oldest && this.#goesBehind(roots[at - 1]!, row, isAnyTime); at--) roots[at] = roots[at - 1]!;
    roots[at] = row.seat;
  }

  /**
   * `true` if the root in a seat belongs behind this one. Unless `isAnyTime`, both must have
   * completed in one moment.
   */
  #goesBehind(seat: number, row: JobRow, isAnyTime: boolean): boolean {
    const completedAt = this.#seats.completedAt(seat);
    if (completedAt === row.completedAt) return this.#seats.id(seat) > row.id;
    return isAnyTime && completedAt > row.completedAt;
  }

  remove(row: JobRow): void {
    const at = this.#roots.lastIndexOf(row.seat);
    this.#roots.splice(at, 1);
    for (const walk of this.#walks) if (walk.next > at) walk.next--;
    this.#seats.free(row.seat);
  }

  /** Takes out the oldest root, which must be forgotten next. Returns its seat. */
  takeOldest(): number {
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

  /** Undoes the last `takeOldest` or `takeOut`, which took the root in this seat. */
  putBack(seat: number): void {
    const oldest = this.#oldest;
    const at = this.#roots[oldest - 1] === seat ? oldest - 1 : this.#roots.lastIndexOf(seat);
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

  /** Frees the roots that were taken, which cannot be put back any more, when they are many. */
  trim(): void {
    this.#pass();
    const taken = this.#oldest + this.#gone;
    if (taken <= slack || taken <= this.#roots.length * mostGone) return;
    const walks = [...this.#walks].sort((a, b) => a.next - b.next);
    const roots = this.#roots;
    let kept = 0;
    let walk = 0;
    // In place: a new list of 100,000 would be garbage soon.
    for (let at = 0; at < roots.length; at++) {
      const seat = roots[at]!;
      for (; walks[walk]?.next === at; walk++) walks[walk]!.next = kept;
      if (at < this.#oldest || (this.#gone > 0 && !this.#seats.isThere(seat))) this.#seats.free(seat);
      else roots[kept++] = seat;
    }
    for (; walk < walks.length; walk++) walks[walk]!.next = kept;
    roots.length = kept;
    this.#oldest = 0;
    this.#gone = 0;
  }
}
