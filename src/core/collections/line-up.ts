/**
 * Items in an order, most of which come in that order: the jobs of one lane.
 *
 * What comes behind all others stands in a list, and leaves it from the front: neither costs a look
 * at any other item. Only what comes before its turn (a job that was put back) is in a heap.
 */
import { Heap } from './heap.js';

/** So many gaps are left in the list at least, before it is made anew without them. */
const slack = 1024;

export class LineUp<T> {
  /** In their order; undefined: it left. The last one is there. */
  #list: (T | undefined)[] = [];
  /** The first that is there; the length of the list if none is. */
  #first = 0;
  #size = 0;
  readonly #early: Heap<T>;
  readonly #before: (a: T, b: T) => boolean;
  readonly #place: (item: T, position: number) => void;

  /**
   * `place` is told each item's position whenever it changes; a caller hands that position to
   * `remove`.
   */
  constructor(before: (a: T, b: T) => boolean, place: (item: T, position: number) => void) {
    this.#before = before;
    this.#place = place;
    this.#early = new Heap(before, (item, index) => place(item, -1 - index));
  }

  get size(): number {
    return this.#size + this.#early.size;
  }

  first(): T | undefined {
    const first = this.#list[this.#first];
    const early = this.#early.first();
    if (early === undefined || first === undefined) return first ?? early;
    return this.#before(early, first) ? early : first;
  }

  add(item: T): void {
    const last = this.#list.at(-1);
    if (last !== undefined && this.#before(item, last)) return this.#early.add(item);
    this.#place(item, this.#list.push(item) - 1);
    this.#size++;
  }

  /** Takes out the item at this position. */
  remove(position: number): void {
    if (position < 0) return this.#early.remove(-1 - position);
    this.#list[position] = undefined;
    this.#size--;
    while (this.#first < this.#list.length && this.#list[this.#first] === undefined) this.#first++;
    if (this.#first === this.#list.length) this.#clear();
    while (this.#list.length > 0 && this.#list.at(-1) === undefined) this.#list.pop();
    if (this.#list.length > 2 * this.#size + slack) this.#close();
  }

  /** All items in their order. */
  *[Symbol.iterator](): IterableIterator<T> {
    const early = this.#early.inOrder();
    let next = early.next();
    for (let at = this.#first; at < this.#list.length; at++) {
      const item = this.#list[at];
      if (item === undefined) continue;
      for (; !next.done && this.#before(next.value, item); next = early.next()) yield next.value;
      yield item;
    }
    for (; !next.done; next = early.next()) yield next.value;
  }

  #clear(): void {
    this.#list = [];
    this.#first = 0;
  }

  /** Closes the gaps. */
  #close(): void {
    const there = this.#list.filter((item) => item !== undefined);
    for (const [position, item] of there.entries()) this.#place(item, position);
    this.#list = there;
    this.#first = 0;
  }
}
