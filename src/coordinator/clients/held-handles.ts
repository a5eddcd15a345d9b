/**
 * Which jobs a client may still ask about whatever their age, since it has handles of them that a
 * put of several gave.
 *
 * A put of a million costs one range here, not a million entries: a client makes its ids in
 * ascending order, so those of one put lie between its first and its last, and no other put's among
 * them. What of them is forgotten is told to the client, which keeps it as long as it has the
 * handles; then it says so, and nothing is left.
 */
import { Members } from '../../core/collections/members.js';
import type { Id } from '../../core/records.js';

interface Range {
  /** The first job's id, by which the client knows the handles. */
  readonly hand: Id;
  readonly last: Id;
}

export class HeldHandles {
  /** Ascending. */
  readonly #ranges: Range[] = [];
  /** Jobs that were there before: a unique key made a put's job one of these. */
  readonly #others = new Members<Id>();
  readonly #othersOf = new Map<Id, readonly Id[]>();

  /** How many puts. */
  get size(): number {
    return this.#ranges.length;
  }

  /**
   * A put was made of the jobs from `hand` to `last`; `same` are those that they turned out to be,
   * where not all are new.
   */
  hold(hand: Id, last: Id, same: readonly Id[] = none): void {
    this.#ranges.splice(this.#placeOf(hand), 0, { hand, last });
    const others = same.filter((id) => id < hand || id > last);
    if (others.length === 0) return;
    this.#othersOf.set(hand, others);
    for (const id of others) this.#others.add(id, hand);
  }

  /** Nobody has these handles any more. */
  release(hand: Id): void {
    const place = this.#placeOf(hand);
    if (this.#ranges[place]?.hand === hand) this.#ranges.splice(place, 1);
    for (const id of this.#othersOf.get(hand) ?? none) this.#others.remove(id, hand);
    this.#othersOf.delete(hand);
  }

  /** The hands that this job is in. */
  handsOf(job: Id): readonly Id[] {
    const place = this.#placeOf(job);
    const found = [...this.#others.of(job)];
    for (const range of [this.#ranges[place], this.#ranges[place - 1]])
      if (range !== undefined && range.hand <= job && job <= range.last) found.push(range.hand);
    return found;
  }

  /** The place of the first range that does not begin before this id. */
  #placeOf(id: Id): number {
    let [from, to] = [0, this.#ranges.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#ranges[middle]!.hand < id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

const none: readonly never[] = [];
