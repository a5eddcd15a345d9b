/**
 * The readers of events, or of ended runs, and the items that each has not read yet.
 *
 * A reader asks again after it has handled a batch. Until then its items are kept here, up to its
 * limit; further ones are only counted.
 */

export type Batch<Item> = [items: Item[], dropped: number];

export interface Reader<Item> {
  readonly feed: Feed<Item>;
  readonly limit: number;
  unread: Item[];
  /** How many items followed those, and were not kept; infinite if that is not known. */
  dropped: number;
  answer: ((batch: Batch<Item>) => void) | undefined;
}

/**
 * A client can subscribe only after `open`. Up to this many earlier items are kept for the first
 * subscriber in this process.
 */
const openingLimit = 1000;

export class Feed<Item> {
  readonly #readers = new Set<Reader<Item>>();
  #opening: Reader<Item> | undefined = {
    feed: this,
    limit: openingLimit,
    unread: [],
    dropped: 0,
    answer: undefined,
  };
  #isOpening = true;

  get isHeard(): boolean {
    return this.#isOpening || this.#readers.size > 0;
  }

  /** `true` if a reader has subscribed. */
  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** Ends the opening: later items are kept for subscribed readers only. */
  opened(): void {
    this.#isOpening = false;
  }

  /** `fromOpening`: the reader also gets the items of the opening, if it is the first. */
  subscribe(limit: number, fromOpening: boolean): Reader<Item> {
    const { unread = [], dropped = 0 } = (fromOpening && this.#opening) || {};
    if (fromOpening) this.#opening = undefined;
    const kept = unread.slice(0, limit);
    const reader: Reader<Item> = {
      feed: this,
      limit,
      unread: kept,
      dropped: dropped + unread.length - kept.length,
      answer: undefined,
    };
    this.#readers.add(reader);
    return reader;
  }

  unsubscribe(reader: Reader<Item>): void {
    reader.answer?.([[], 0]);
    this.#readers.delete(reader);
  }

  /** Answers with the unread items, at once or with the next item. */
  read(reader: Reader<Item>, answer: (batch: Batch<Item>) => void): void {
    reader.answer = answer;
    flush(reader);
  }

  /** Keeps an item for each reader. The next `flush` sends it. */
  push(item: Item): void {
    const opening = this.#isOpening && this.#opening;
    for (const reader of opening ? [...this.#readers, opening] : this.#readers) {
      // Once an item was dropped, the following ones are dropped too, so that a reader gets a
      // gapless beginning.
      if (reader.dropped === 0 && reader.unread.length < reader.limit) reader.unread.push(item);
      else reader.dropped++;
    }
  }

  /** Notes that an unknown number of items is missing. The next `flush` sends it. */
  lose(): void {
    for (const reader of this.#readers) reader.dropped = Number.POSITIVE_INFINITY;
  }

  flush(): void {
    for (const reader of this.#readers) flush(reader);
  }
}

function flush<Item>(reader: Reader<Item>): void {
  const { answer, unread, dropped } = reader;
  if (answer === undefined || unread.length + dropped === 0) return;
  reader.answer = undefined;
  reader.unread = [];
  reader.dropped = 0;
  answer([unread, dropped]);
}
