/**
 * Open-addressing hash table from id to row, in insertion order.
 *
 * A `Map` stops at 2^24 entries, takes three times the memory, and reads cold id strings (a sixth
 * of the coordinator's CPU). Here the rows stand in a list in insertion order. An entry of `#table`
 * holds the row's index in the low bits, and bits of the id's hash in the high bits, so that most
 * mismatches never touch a row. A removed row leaves a hole in the list and its entry in the table.
 * Both are rebuilt when the table is full, or when most of the list is holes.
 */

const leastSlots = 1024;
/** The largest part of the slots in use. A rebuilt table uses half of them at most. */
const fullest = 0.75;

export class IdMap<Row extends { readonly id: string }> {
  /** From index 1 on; `undefined` for a removed row. */
  #rows: (Row | undefined)[] = [undefined];
  /** Index and hash; 0 for a free slot. */
  #table = new Int32Array(leastSlots);
  /**
   * The low bits: of an entry, the index; of a hash, the slot. The number of slots is a power of 2.
   */
  #mask = leastSlots - 1;
  #size = 0;
  /** Walks in either direction, each between the rows before and those from the index `next` on. */
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

  /** Adds a row behind all others. Returns `false`, and changes nothing, if its id is taken. */
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

  /**
   * Yields all rows, including those added during the walk; behind the row with the id `after` if
   * it is there.
   */
  *values(after = ''): IterableIterator<Row> {
    const walk = { next: this.#placeOf(after) + 1 };
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

  /** Yields the rows in reverse order, before the row with the id `before` if it is there. */
  *reversed(before = ''): IterableIterator<Row> {
    const walk = { next: this.#placeOf(before) || this.#rows.length };
    this.#walks.add(walk);
    try {
      while (walk.next > 1) {
        const row = this.#rows[--walk.next];
        if (row !== undefined) yield row;
      }
    } finally {
      this.#walks.delete(walk);
    }
  }

  /** Returns 0, the index of no row, for an unknown id. */
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

  /** Rebuilds list and table without holes, with room for as many rows again. */
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

/** Hashes all sixteen characters: ids that users made may differ in any of them. */
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
