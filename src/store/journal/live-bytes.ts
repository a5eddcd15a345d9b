/**
 * How many bytes of payloads each segment holds that some record refers to: derived from the
 * records when the journal is opened, and kept up with what is written, moved and dropped. Never
 * stored.
 */
import type { JobRecord, Payload } from '../../core/records.js';
import { payloadHeadBytes } from './entries.js';
import type { StoredPayload } from './stored-payload.js';

/** What an entry costs beside the payload: its head, and its row in the frame's table. */
const entryOverheadBytes = payloadHeadBytes + 8;

export class LiveBytes {
  readonly #bySegment = new Map<number, number>();
  /** For each segment without live bytes that had some: the LSN of the frame that made it so. */
  readonly #emptiedAt = new Map<number, number>();
  #total = 0;

  static of(jobs: Iterable<JobRecord>): LiveBytes {
    const live = new LiveBytes();
    for (const { args, result } of jobs) {
      if (args !== null) live.add(args as StoredPayload);
      if (result !== null) live.add(result as StoredPayload);
    }
    return live;
  }

  /** Of all segments. */
  get total(): number {
    return this.#total;
  }

  /** Whether a segment has become empty, perhaps, since it was deleted. */
  get someEmptied(): boolean {
    return this.#emptiedAt.size > 0;
  }

  of(segment: number): number {
    return this.#bySegment.get(segment) ?? 0;
  }

  segments(): ReadonlySet<number> {
    return new Set(this.#bySegment.keys());
  }

  add({ segment, byteLength }: StoredPayload): void {
    if (segment === 0) return;
    const bytes = byteLength + entryOverheadBytes;
    this.#total += bytes;
    this.#bySegment.set(segment, this.of(segment) + bytes);
  }

  /** Nobody refers to this payload any more, says the frame with this LSN. */
  remove(payload: Payload, lsn: number): void {
    const { segment, byteLength } = payload as StoredPayload;
    if (segment === 0) return;
    const bytes = byteLength + entryOverheadBytes;
    this.#total -= bytes;
    const left = this.of(segment) - bytes;
    if (left > 0) {
      this.#bySegment.set(segment, left);
      return;
    }
    this.#bySegment.delete(segment);
    this.#emptiedAt.set(segment, lsn);
  }

  /** Whether the segment may go: nothing in it is live, and what made it so is on the disk. */
  isGone(segment: number, syncedLsn: number): boolean {
    return !this.#bySegment.has(segment) && (this.#emptiedAt.get(segment) ?? 0) <= syncedLsn;
  }

  /** The segment has been deleted. */
  deleted(segment: number): void {
    this.#emptiedAt.delete(segment);
  }
}
