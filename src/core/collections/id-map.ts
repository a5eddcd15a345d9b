/**
 * Open-addressing hash table from id to row, in insertion order.
 *
 * A `Map` stops at 2^24 entries, takes three times the memory, and reads cold id strings (a sixth
 * of the coordinator's CPU). Here the rows stand in a list in insertion order. An entry of `#table`
 * holds the row's index in the low bits, and bits of the id's hash in the high bits, so that most
 * mismatches never touch a row. A removed row leaves a hole in the list and its entry in the table.
 * Both are rebuilt when the table is full, or when most of the list is holes.
 *
 * In the place of a row may stand a number, for a job that has its id elsewhere (`PackedIds`).
 */

const leastSlots = 1024;
/** The largest part of the slots in use. A rebuilt table uses half of them at most. */
const fullest = 0.75;

/** Finds the ids for which the map holds numbers. */
export interface PackedIds {
  /** Returns a quarter of the id, as `idWordOf` does. */
  idWord(packed: number, word: number): number;
}

/** `Packed` is `number` if numbers may stand in the place of rows. */
export class IdMap<Row extends { readonly id: string }, Packed extends number = never> {
  /** From index 1 on; `undefined` for a removed row. */
  #rows: (Row | Packed | undefined)[] = [undefined];
  /** Index and hash; 0 for a free slot. */
  #table = new Int32Array(leastSlots);
  /**
   * The low bits: of an entry, the index; of a hash, the slot. The number of slots is a power of 2.
   */
  #mask = leastSlots - 1;
  #size = 0;
  /** Walks in either direction, each between the rows before and those from the index `next` on. */
  readonly #walks = new Set<{ next: number }>();
  readonly #packedIds: PackedIds | undefined;

  constructor(packedIds?: PackedIds) {
    this.#packedIds = packedIds;
  }

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    return this.#placeOf(id) !== 0;
  }

  get(id: string): Row | Packed | undefined {
    return this.#rows[this.#placeOf(id)];
  }

  /** Adds a row behind all others. Returns `false`, and changes nothing, if its id is taken. */
  add(row: Row): boolean {
    if (this.has(row.id)) return false;
    this.#add(row);
    return true;
  }

  /** Adds a number behind all rows. Its id must not be taken. */
  addPacked(packed: Packed): void {
    this.#add(packed);
  }

  #add(entry: Row | Packed): void {
    if (this.#rows.length > fullest * this.#table.length) this.#renew();
    this.#enter(entry, this.#rows.push(entry) - 1);
    this.#size++;
  }

  /** Puts a number into the place of a row, or a row into that of its number. */
  replace(id: string, entry: Row | Packed): void {
    this.#rows[this.#placeOf(id)] = entry;
  }

  delete(id: string): void {
    this.#delete(this.#placeOf(id));
  }

  deletePacked(packed: Packed): void {
    this.#delete(this.#placeOfPacked(packed));
  }

  #delete(place: number): void {
    if (place === 0) return;
    this.#rows[place] = undefined;
    this.#size--;
    if (this.#rows.length > leastSlots && this.#size < this.#rows.length / 4) this.#renew();
  }

  /**
   * Yields all rows, including those added during the walk; behind the row with the id `after` if
   * it is there.
   */
  *values(after = ''): IterableIterator<Row | Packed> {
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
  *reversed(before = ''): IterableIterator<Row | Packed> {
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
      const entry = this.#rows[place];
      if (typeof entry === 'number' ? this.#isId(entry, id) : entry?.id === id) return place;
    }
  }

  #placeOfPacked(packed: Packed): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = this.#hashOfPacked(packed) & mask; ; slot = (slot + 1) & mask) {
      const number = table[slot]!;
      if (number === 0) return 0;
      const place = number & mask;
      if (this.#rows[place] === packed) return place;
    }
  }

  #isId(packed: number, id: string): boolean {
    const ids = this.#packedIds!;
    for (let word = 0; word < 4; word++) if (ids.idWord(packed, word) !== idWordOf(id, word)) return false;
    return true;
  }

  #hashOfPacked(packed: number): number {
    const ids = this.#packedIds!;
    let hash = 0;
    for (let word = 0; word < 4; word++) hash = mixed(hash, ids.idWord(packed, word));
    return hash;
  }

  #enter(entry: Row | Packed, place: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const hash = typeof entry === 'number' ? this.#hashOfPacked(entry) : hashOf(entry.id);
    let slot = hash & mask;
    while (table[slot] !== 0) slot = (slot + 1) & mask;
    table[slot] = (hash & ~mask) | place;
  }

  /** Rebuilds list and table without holes, with room for as many rows again. */
  #renew(): void {
    const rows = this.#rows;
    const walks = [...this.#walks].sort((a, b) => a.next - b.next);
    let at = 0;
    let kept = 1;
    // In place: a new list of 100,000 would be garbage soon, and the table, too.
    for (let place = 1; place < rows.length; place++) {
      for (; walks[at]?.next === place; at++) walks[at]!.next = kept;
      const row = rows[place];
      if (row !== undefined) rows[kept++] = row;
    }
    for (; at < walks.length; at++) walks[at]!.next = kept;
    rows.length = kept;
    let slots = leastSlots;
    while (2 * this.#size > slots) slots *= 2;
    if (slots === this.#table.length) this.#table.fill(0);
    else this.#table = new Int32Array(slots);
    this.#mask = slots - 1;
    for (let place = 1; place < kept; place++) this.#enter(rows[place]!, place);
  }
}

/** Hashes all sixteen characters: ids that users made may differ in any of them. */
export function hashOf(id: string): number {
  let hash = 0;
  for (let word = 0; word < 4; word++) hash = mixed(hash, idWordOf(id, word));
  return hash;
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

/** Returns a quarter of an id as a number: four characters, the first one in the lowest byte. */
export function idWordOf(id: string, word: number): number {
  const at = 4 * word;
  return (
    id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)
  );
}
