/**
 * Numbers by id, in a hash table that allocates nothing while it holds about as many as before. A
 * `Map` makes a new table after as many changes as it has entries, and whenever it shrinks.
 */
import { hashOf } from './id-map.js';

const leastSlots = 64;
/** A larger table that is empty is given up. */
const mostKept = 4096;

export class IdNumbers {
  /** `undefined` for a free slot. An id stands in its own slot, or behind it without a gap. */
  #ids: (string | undefined)[] = freeSlots(leastSlots);
  #numbers: number[] = new Array(leastSlots).fill(0);
  #size = 0;

  has(id: string): boolean {
    return this.#ids[this.#slotOf(id)] !== undefined;
  }

  get(id: string): number | undefined {
    const slot = this.#slotOf(id);
    return this.#ids[slot] === undefined ? undefined : this.#numbers[slot];
  }

  set(id: string, number: number): void {
    const slot = this.#slotOf(id);
    this.#numbers[slot] = number;
    if (this.#ids[slot] !== undefined) return;
    this.#ids[slot] = id;
    this.#size++;
    if (2 * this.#size > this.#ids.length) this.#grow();
  }

  delete(id: string): void {
    const ids = this.#ids;
    const mask = ids.length - 1;
    let free = this.#slotOf(id);
    if (ids[free] === undefined) return;
    for (let slot = (free + 1) & mask; ids[slot] !== undefined; slot = (slot + 1) & mask) {
      const own = hashOf(ids[slot]!) & mask;
      // It would not be found behind a gap.
      if (((slot - own) & mask) < ((slot - free) & mask)) continue;
      ids[free] = ids[slot];
      this.#numbers[free] = this.#numbers[slot]!;
      free = slot;
    }
    ids[free] = undefined;
    this.#size--;
    if (this.#size === 0 && ids.length > mostKept) this.#renew(leastSlots);
  }

  /** Yields the ids, in no order. */
  *ids(): IterableIterator<string> {
    for (const id of this.#ids) if (id !== undefined) yield id;
  }

  /** Returns the slot of the id, or the free one where it belongs. */
  #slotOf(id: string): number {
    const ids = this.#ids;
    const mask = ids.length - 1;
    let slot = hashOf(id) & mask;
    while (ids[slot] !== undefined && ids[slot] !== id) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const ids = this.#ids;
    const numbers = this.#numbers;
    this.#renew(2 * ids.length);
    for (const [slot, id] of ids.entries()) if (id !== undefined) this.set(id, numbers[slot]!);
  }

  #renew(slots: number): void {
    this.#ids = freeSlots(slots);
    this.#numbers = new Array(slots).fill(0);
    this.#size = 0;
  }
}

const freeSlots = (slots: number): undefined[] => new Array(slots).fill(undefined);
