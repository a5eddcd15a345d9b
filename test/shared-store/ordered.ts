/** A list that is always in order, as an index of a database is. */
export class Ordered<Item> {
  readonly #goesBefore: (a: Item, b: Item) => boolean;
  readonly #items: Item[] = [];

  constructor(goesBefore: (a: Item, b: Item) => boolean) {
    this.#goesBefore = goesBefore;
  }

  add(item: Item): void {
    this.#items.splice(this.#firstNotBefore(item), 0, item);
  }

  /** Removes the item that has the same place in the order. */
  remove(item: Item): void {
    this.#items.splice(this.#firstNotBefore(item), 1);
  }

  /** Yields the items behind a place, or all items. */
  *behind(place: Item | undefined): IterableIterator<Item> {
    let at = place === undefined ? 0 : this.#firstNotBefore(place);
    if (place !== undefined && at < this.#items.length && !this.#goesBefore(place, this.#items[at]!)) at++;
    for (; at < this.#items.length; at++) yield this.#items[at]!;
  }

  #firstNotBefore(item: Item): number {
    let [least, most] = [0, this.#items.length];
    while (least < most) {
      const middle = (least + most) >> 1;
      if (this.#goesBefore(this.#items[middle]!, item)) least = middle + 1;
      else most = middle;
    }
    return least;
  }
}
