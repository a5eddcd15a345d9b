/**
 * A sorted queue for items that mostly come in their order: the jobs of one lane.
 *
 * An item that belongs behind all others is appended to a list. Adding it compares it with the last
 * one only, and removing the first compares nothing. An item that belongs before the last one, such
 * as a job that was put back, goes into a heap.
 */
import { Heap } from './heap.js';

/** Gaps that the list may have before it is copied without them. */
const slack = 1024;

export class LineUp<T> {
  /** In order; `undefined` for a removed item. The last entry is an item. */
  #list: (T | undefined)[] = [];
  /** Index of the first item; the length of the list if it has none. */
  #first = 0;
  #size = 0;
  readonly #early: Heap<T>;
  readonly #before: (a: T, b: T) => boolean;
  readonly #place: (item: T, position: number) => void;

  /**
   * `place` is called with an item's position whenever it changes. `remove` takes that position.
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

  remove(position: number): void {
    if (position < 0) return this.#early.remove(-1 - position);
    this.#list[position] = undefined;
    this.#size--;
    while (this.#first < this.#list.length && this.#list[this.#first] === undefined) this.#first++;
    if (this.#first === this.#list.length) this.#clear();
    while (this.#list.length > 0 && this.#list.at(-1) === undefined) this.#list.pop();
    if (this.#list.length > 2 * this.#size + slack) this.#close();
  }

  /** The items that came before others which were there already, in no particular order. */
  get early(): readonly T[] {
    return this.#early.items;
  }

  /** Returns the item behind that at this position, `early` left out. */
  behind(position: number): T | undefined {
    let at = position + 1;
    while (at < this.#list.length && this.#list[at] === undefined) at++;
    return this.#list[at];
  }

  /**
   * Returns the first item that is not passed, `early` left out. The items before a passed one must
   * be passed, too.
   */
  firstNot(isPassed: (item: T) => boolean): T | undefined {
    let found: T | undefined;
    for (let from = this.#first, to = this.#list.length; from < to; ) {
      const middle = (from + to) >> 1;
      let at = middle;
      while (at < to && this.#list[at] === undefined) at++;
      if (at < to && isPassed(this.#list[at]!)) from = at + 1;
      else {
        if (at < to) found = this.#list[at];
        to = middle;
      }
    }
    return found;
  }

  /** Yields all items in order. */
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

  #close(): void {
    const there = this.#list.filter((item) => item !== undefined);
    for (const [position, item] of there.entries()) this.#place(item, position);
    this.#list = there;
    this.#first = 0;
  }
}
