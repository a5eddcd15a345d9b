const ignorePosition = () => {};

/**
 * A binary heap that knows where its items are, so that any of them can be taken out at once: the
 * shape of the state's ordered indices (what mostly comes in its order is a `LineUp`). Putting an
 * item behind all others costs O(1).
 */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  readonly #place: (item: T, index: number) => void;

  /**
   * `place` is told each item's position whenever it changes; a caller hands that position to
   * `remove`.
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

  /**
   * The items in their order, as far as one wants them: each costs as much as it has come before.
   */
  *inOrder(): IterableIterator<T> {
    const frontier = new Heap<number>((a, b) => this.#before(this.#items[a]!, this.#items[b]!), ignorePosition);
    if (this.#items.length > 0) frontier.add(0);
    for (let at = frontier.first(); at !== undefined; at = frontier.first()) {
      frontier.remove(0);
      yield this.#items[at]!;
      // Whatever goes behind an item is below it.
      if (2 * at + 1 < this.#items.length) frontier.add(2 * at + 1);
      if (2 * at + 2 < this.#items.length) frontier.add(2 * at + 2);
    }
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /**
   * The first that is accepted. Only the items that stand before it are looked at, and one more for
   * each.
   */
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

  /** Takes out the item at this position. */
  remove(index: number): void {
    const last = this.#items.pop()!;
    if (index === this.#items.length) return;
    this.#rise(index, last);
    this.#sink(index);
  }

  /** Puts the item at this position where it belongs now, after its order has changed. */
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
