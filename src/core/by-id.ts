/**
 * The rows by their ids, in the order in which they came.
 *
 * A `Map` would do for sixteen million jobs and no more, at twice the memory; and it reads the text of every id that it comes by, most of
 * which nobody has looked at for long (a sixth of the coordinator's time went there). Here only the one that is found is read: the others are
 * told apart by their hashes, which stand in the table (open addressing, linear probing; a gap is closed by moving back what follows it).
 */
import type { Id } from './records.js';

const leastSlots = 16;
/** Beyond this part of the slots in use, the way to a free one gets long. */
const fullest = 0.7;
/** So many places of rows that are gone are kept at least, before the list is made anew without them. */
const slack = 1024;

export class ById<Row extends { readonly id: Id }> {
  /** In the order in which they came; undefined: it is gone. */
  #rows: (Row | undefined)[] = [];
  #size = 0;
  /** Two numbers a slot: the row's place in the list, counted from 1 (0: the slot is free), and the hash of its id. */
  #slots = new Int32Array(2 * leastSlots);
  /** One less than there are slots, which is a power of two. */
  #mask = leastSlots - 1;
  readonly #walks = new Set<{ next: number }>();

  get size(): number {
    return this.#size;
  }

  has(id: Id): boolean {
    return this.#slots[2 * this.#find(id, hashOf(id))] !== 0;
  }

  get(id: Id): Row | undefined {
    const place = this.#slots[2 * this.#find(id, hashOf(id))]!;
    return place === 0 ? undefined : this.#rows[place - 1];
  }

  /** Comes behind all others. False: there is one with its id, and nothing has changed. */
  add(row: Row): boolean {
    if (this.#size + 1 > fullest * (this.#mask + 1)) this.#rebuild(2 * (this.#mask + 1));
    const hash = hashOf(row.id);
    const slot = this.#find(row.id, hash);
    if (this.#slots[2 * slot] !== 0) return false;
    this.#slots[2 * slot] = this.#rows.push(row);
    this.#slots[2 * slot + 1] = hash;
    this.#size++;
    return true;
  }

  delete(id: Id): void {
    const slot = this.#find(id, hashOf(id));
    const place = this.#slots[2 * slot]!;
    if (place === 0) return;
    this.#rows[place - 1] = undefined;
    this.#size--;
    this.#close(slot);
    if (this.#rows.length > 2 * this.#size + slack) this.#rebuild(slotsFor(this.#size));
  }

  /** All of them, also those that come while that goes on. */
  *values(): IterableIterator<Row> {
    const walk = { next: 0 };
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

  /** The slot of the row with this id, or the free one where it would be. */
  #find(id: Id, hash: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hash & mask;
    for (;;) {
      const place = slots[2 * slot]!;
      if (place === 0 || (slots[2 * slot + 1] === hash && this.#rows[place - 1]!.id === id)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Frees a slot: what came behind it because it was in use comes nearer. */
  #close(slot: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = slot;
    for (let next = (gap + 1) & mask; slots[2 * next] !== 0; next = (next + 1) & mask) {
      const home = slots[2 * next + 1]! & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[2 * gap] = slots[2 * next]!;
      slots[2 * gap + 1] = slots[2 * next + 1]!;
      gap = next;
    }
    slots[2 * gap] = 0;
  }

  /** With so many slots, and no places of what is gone. */
  #rebuild(slotCount: number): void {
    const places = new Int32Array(this.#rows.length);
    const rows: Row[] = [];
    for (const [index, row] of this.#rows.entries()) {
      if (row !== undefined) places[index] = rows.push(row);
    }
    for (const walk of this.#walks) {
      while (walk.next > 0 && places[walk.next - 1] === 0) walk.next--;
      walk.next = walk.next === 0 ? 0 : places[walk.next - 1]!;
    }
    const before = this.#slots;
    this.#rows = rows;
    this.#slots = new Int32Array(2 * slotCount);
    this.#mask = slotCount - 1;
    for (let from = 0; from < before.length; from += 2) {
      if (before[from] === 0) continue;
      const hash = before[from + 1]!;
      let slot = hash & this.#mask;
      while (this.#slots[2 * slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[2 * slot] = places[before[from]! - 1]!;
      this.#slots[2 * slot + 1] = hash;
    }
  }
}

/** Enough for twice as many. */
function slotsFor(size: number): number {
  let slots = leastSlots;
  while (2 * size > fullest * slots) slots *= 2;
  return slots;
}

/** Of all sixteen characters: ids that others made may differ in any of them. */
function hashOf(id: Id): number {
  let hash = 0;
  for (let at = 0; at < 16; at += 4) {
    const word =
      id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24);
    hash = Math.imul(hash ^ word, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
