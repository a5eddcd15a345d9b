/**
 * Jobs for which one client still has handles from a put of several: their outcomes are sent before
 * retention forgets them.
 *
 * A put of a million jobs costs one range here. A client makes its ids in ascending order, so the
 * ids of one put lie between its first and its last, and no id of its other puts lies among them;
 * ids of other clients may. The client keeps an outcome that it was sent as long as it has the
 * handles. Then it sends `release`.
 */
import { Members } from '../../core/collections/members.js';
import type { Id } from '../../core/records.js';

interface Range {
  /** The id of the first job, by which the client knows the handles. */
  readonly hand: Id;
  readonly last: Id;
}

export class HeldHandles {
  /** In ascending order. */
  readonly #ranges: Range[] = [];
  /** Jobs of earlier puts, which a put got in place of new ones by a unique key. */
  readonly #others = new Members<Id>();
  readonly #othersOf = new Map<Id, readonly Id[]>();

  /** The number of puts. */
  get size(): number {
    return this.#ranges.length;
  }

  /** The first job of the first put; undefined without any. */
  get first(): Id | undefined {
    return this.#ranges[0]?.hand;
  }

  /**
   * Registers the handles of a put of the jobs from `hand` to `last`. `same` lists the jobs in
   * their places, unless all are new.
   */
  hold(hand: Id, last: Id, same: readonly Id[] = none): void {
    this.#ranges.splice(this.#placeOf(hand), 0, { hand, last });
    const others = same.filter((id) => id < hand || id > last);
    if (others.length === 0) return;
    this.#othersOf.set(hand, others);
    for (const id of others) this.#others.add(id, hand);
  }

  /** Ends the registration: the client has none of these handles any more. */
  release(hand: Id): void {
    const place = this.#placeOf(hand);
    if (this.#ranges[place]?.hand === hand) this.#ranges.splice(place, 1);
    for (const id of this.#othersOf.get(hand) ?? none) this.#others.remove(id, hand);
    this.#othersOf.delete(hand);
  }

  /** Returns the `hand` of each put that has a handle of this job. */
  handsOf(job: Id): readonly Id[] {
    const place = this.#placeOf(job);
    const found = [...this.#others.of(job)];
    for (const range of [this.#ranges[place], this.#ranges[place - 1]])
      if (range !== undefined && range.hand <= job && job <= range.last) found.push(range.hand);
    return found;
  }

  /** Returns the index of the first range that begins at or after this id. */
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
