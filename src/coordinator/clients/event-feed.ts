/**
 * The readers of events, and the events that each has not read yet.
 *
 * A reader asks again after it has handled a batch. Until then its events are kept here, up to its
 * limit; further ones are only counted.
 */
import type { Event } from '../../core/events.js';
import type { EventBatch } from '../../protocol/messages.js';

export interface Reader {
  readonly limit: number;
  unread: Event[];
  /** How many events followed those, and were not kept. */
  dropped: number;
  answer: ((batch: EventBatch) => void) | undefined;
}

/**
 * A client can subscribe only after `open`. Up to this many earlier events are kept for the first
 * subscriber in this process.
 */
const openingLimit = 1000;

export class EventFeed {
  readonly #readers = new Set<Reader>();
  #opening: Reader | undefined = { limit: openingLimit, unread: [], dropped: 0, answer: undefined };
  #isOpening = true;

  get isHeard(): boolean {
    return this.#isOpening || this.#readers.size > 0;
  }

  /** Ends the opening: later events are kept for subscribed readers only. */
  opened(): void {
    this.#isOpening = false;
  }

  /** `fromOpening`: the reader also gets the events of the opening, if it is the first. */
  subscribe(limit: number, fromOpening: boolean): Reader {
    const { unread = [], dropped = 0 } = (fromOpening && this.#opening) || {};
    if (fromOpening) this.#opening = undefined;
    const kept = unread.slice(0, limit);
    const reader = { limit, unread: kept, dropped: dropped + unread.length - kept.length, answer: undefined };
    this.#readers.add(reader);
    return reader;
  }

  unsubscribe(reader: Reader): void {
    reader.answer?.([[], 0]);
    this.#readers.delete(reader);
  }

  /** Answers with the unread events, at once or with the next event. */
  read(reader: Reader, answer: (batch: EventBatch) => void): void {
    reader.answer = answer;
    flush(reader);
  }

  /** Keeps an event for each reader. The next `flush` sends it. */
  push(event: Event): void {
    const opening = this.#isOpening && this.#opening;
    for (const reader of opening ? [...this.#readers, opening] : this.#readers) {
      // Once an event was dropped, the following ones are dropped too, so that a reader gets a
      // gapless beginning.
      if (reader.dropped === 0 && reader.unread.length < reader.limit) reader.unread.push(event);
      else reader.dropped++;
    }
  }

  flush(): void {
    for (const reader of this.#readers) flush(reader);
  }
}

function flush(reader: Reader): void {
  const { answer, unread, dropped } = reader;
  if (answer === undefined || unread.length === 0) return;
  reader.answer = undefined;
  reader.unread = [];
  reader.dropped = 0;
  answer([unread, dropped]);
}
