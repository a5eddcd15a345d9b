const ignorePosition = () => {};

/**
 * A binary heap that reports the position of each item, so that any item can be removed without a
 * search. Adding an item behind all others costs O(1). For items that mostly come in their order,
 * see `LineUp`.
 */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  readonly #place: (item: T, index: number) => void;

  /**
   * `place` is called with an item's position whenever it changes. `remove` takes that position.
   */
  constructor(before: (a: T, b: T) => boolean, place: (item: T, index: number) => void) {
    this.#before = before;
    this.#place = place;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The items, in no particular order. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Yields the items in their order, lazily: the n-th costs O(log n). */
  *inOrder(): IterableIterator<T> {
    const frontier = new Heap<number>((a, b) => this.#before(this.#items[a]!, this.#items[b]!), ignorePosition);
    if (this.#items.length > 0) frontier.add(0);
    for (let at = frontier.first(); at !== undefined; at = frontier.first()) {
      frontier.remove(0);
      yield this.#items[at]!;
      // The children of an item come after it.
      if (2 * at + 1 < this.#items.length) frontier.add(2 * at + 1);
      if (2 * at + 2 < this.#items.length) frontier.add(2 * at + 2);
    }
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /** Returns the first accepted item. Looks at the items before it, and at one more for each. */
  firstWhere(accepts: (item: T) => boolean): T | undefined {
    const first = this.#items[0];
    if (first === undefined || accepts(first)) return first;
    for (const item of this.inOrder()) if (accepts(item)) return item;
    return undefined;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  remove(index: number): void {
    const last = this.#items.pop()!;
    if (index === this.#items.length) return;
    this.#rise(index, last);
    this.#sink(index);
  }

  /** Must be called after a change of the order of the item at this position. */
  reorder(index: number): void {
    this.#rise(index, this.#items[index]!);
    this.#sink(index);
  }

  #rise(index: number, item: T): void {
    const items = this.#items;
    let at = index;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above]!;
      if (!this.#before(item, parent)) break;
      items[at] = parent;
      this.#place(parent, at);
      at = above;
    }
    items[at] = item;
    this.#place(item, at);
  }

  #sink(index: number): void {
    const items = this.#items;
    const item = items[index]!;
    let at = index;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child++;
      const below = items[child]!;
      if (!this.#before(below, item)) break;
      items[at] = below;
      this.#place(below, at);
      at = child;
    }
    if (at === index) return;
    items[at] = item;
    this.#place(item, at);
  }
}
