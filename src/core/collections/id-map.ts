/**
 * The rows by their ids, in the order in which they came.
 *
 * A `Map` would do for sixteen million jobs and no more, in three times the memory; and it reads
 * the text of every id that it comes by, most of which nobody has looked at for long (a sixth of
 * the coordinator's time went there). Here the rows stand in a list, and a table of numbers tells
 * where: at the hash of an id, or in a place after it, is the row's place in the list, and above
 * that as many bits of the hash as there is room for, by which nearly all others are told apart
 * without a look at them. What goes leaves a hole in the list and its number in the table; when the
 * table is full, or most of the list is holes, both are made anew.
 */

const leastSlots = 1024;
/** Of the slots, so many are in use at most, and half of them after both were made anew. */
const fullest = 0.75;

export class ById<Row extends { readonly id: string }> {
  /** From place 1 on; undefined: it is gone. */
  #rows: (Row | undefined)[] = [undefined];
  /** Place and hash; 0 is free. */
  #table = new Int32Array(leastSlots);
  /**
   * The bits of a place, and those of a hash that say which slot: all lower ones, since the number
   * of slots is a power of two.
   */
  #mask = leastSlots - 1;
  #size = 0;
  readonly #walks = new Set<{ next: number }>();

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    return this.#placeOf(id) !== 0;
  }

  get(id: string): Row | undefined {
    return this.#rows[this.#placeOf(id)];
  }

  /** Comes behind all others. False: there is one with its id, and nothing has changed. */
  add(row: Row): boolean {
    if (this.has(row.id)) return false;
    if (this.#rows.length > fullest * this.#table.length) this.#renew();
    this.#enter(row, this.#rows.push(row) - 1);
    this.#size++;
    return true;
  }

  delete(id: string): void {
    const place = this.#placeOf(id);
    if (place === 0) return;
    this.#rows[place] = undefined;
    this.#size--;
    if (this.#rows.length > leastSlots && this.#size < this.#rows.length / 4) this.#renew();
  }

  /** All of them, also those that come while that goes on. */
  *values(): IterableIterator<Row> {
    const walk = { next: 1 };
    this.#walks.add(walk);
    try {
      while (walk.next < this.#rows.length) {
        const row = this.#rows[walk.next++];
        if (row !== undefined) yield row;
      }
    } finally {
      this.#walks.delete(walk);
    }
  }

  /** 0, where there is nothing, for an id that is not there. */
  #placeOf(id: string): number {
    const table = this.#table;
    const mask = this.#mask;
    const hash = hashOf(id);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = table[slot]!;
      if (number === 0) return 0;
      if (((number ^ hash) & ~mask) !== 0) continue;
      const place = number & mask;
      if (this.#rows[place]?.id === id) return place;
    }
  }

  #enter({ id }: Row, place: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const hash = hashOf(id);
    let slot = hash & mask;
    while (table[slot] !== 0) slot = (slot + 1) & mask;
    table[slot] = (hash & ~mask) | place;
  }

  /** Without what is gone, and with room for as many more as are there. */
  #renew(): void {
    const rows: (Row | undefined)[] = [undefined];
    const walks = [...this.#walks].sort((a, b) => a.next - b.next);
    let at = 0;
    for (let place = 1; place < this.#rows.length; place++) {
      for (; walks[at]?.next === place; at++) walks[at]!.next = rows.length;
      const row = this.#rows[place];
      if (row !== undefined) rows.push(row);
    }
    for (; at < walks.length; at++) walks[at]!.next = rows.length;
    let slots = leastSlots;
    while (2 * this.#size > slots) slots *= 2;
    this.#rows = rows;
    this.#table = new Int32Array(slots);
    this.#mask = slots - 1;
    for (let place = 1; place < rows.length; place++) this.#enter(rows[place]!, place);
  }
}

/** Of all sixteen characters: ids that others made may differ in any of them. */
function hashOf(id: string): number {
  let hash = 0;
  for (let at = 0; at < 16; at += 4) {
    const word =
      id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24);
    hash = Math.imul(hash ^ word, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
