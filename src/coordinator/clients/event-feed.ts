/**
 * Who listens to what happens, and what each has not read yet.
 *
 * A reader asks for more when it has read what it got, so what it leaves unread is here: up to its
 * limit, and beyond that it is counted only.
 */
import type { Event } from '../../core/events.js';
import { CallsheetError } from '../../errors.js';
import type { EventBatch } from '../../protocol/messages.js';

interface Reader {
  readonly limit: number;
  unread: Event[];
  /** How many more there were after those. */
  dropped: number;
  answer: ((batch: EventBatch) => void) | undefined;
}

/**
 * Who opens a runtime can listen only when it is open: so much of what happens until then is kept
 * for the first who does.
 */
const openingLimit = 1000;

export class EventFeed {
  readonly #readers = new Map<number, Reader>();
  #opening: Reader | undefined = { limit: openingLimit, unread: [], dropped: 0, answer: undefined };
  #isOpening = true;

  get isHeard(): boolean {
    return this.#isOpening || this.#readers.size > 0;
  }

  /** All that happened while the runtime opened has been told. */
  opened(): void {
    this.#isOpening = false;
  }

  subscribe(reader: number, limit: number): void {
    const { unread = [], dropped = 0 } = this.#opening ?? {};
    this.#opening = undefined;
    const kept = unread.slice(0, limit);
    this.#readers.set(reader, {
      limit,
      unread: kept,
      dropped: dropped + unread.length - kept.length,
      answer: undefined,
    });
  }

  unsubscribe(reader: number): void {
    this.#readers.get(reader)?.answer?.([[], 0]);
    this.#readers.delete(reader);
  }

  /** Answers with what has happened since the last time; at once, or when something has. */
  read(id: number, answer: (batch: EventBatch) => void): void {
    const reader = this.#readers.get(id);
    // Only a coordinator that was started in place of another does not know who reads.
    if (reader === undefined)
      throw new CallsheetError('COORDINATOR_DIED', 'events were lost when the coordinator died');
    reader.answer = answer;
    flush(reader);
  }

  /** Kept for all that listen; they are told with the next `flush`. */
  push(event: Event): void {
    const opening = this.#isOpening && this.#opening;
    for (const reader of opening ? [...this.#readers.values(), opening] : this.#readers.values()) {
      // What comes after something that was dropped is dropped, too: what is read is what happened,
      // up to a point.
      if (reader.dropped === 0 && reader.unread.length < reader.limit) reader.unread.push(event);
      else reader.dropped++;
    }
  }

  flush(): void {
    for (const reader of this.#readers.values()) flush(reader);
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
