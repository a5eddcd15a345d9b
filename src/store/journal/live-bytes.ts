/**
 * Counts each segment's live payload bytes, those that some record refers to. Derived from the
 * records when the journal is opened, then updated with each write, move and drop. Never stored.
 */
import type { JobRecord } from '../../core/records.js';
import { payloadHeadBytes } from './entries.js';
import type { StoredPayload } from './stored-payload.js';

/** Bytes of an entry beside its payload: its head, and its row in the frame's table. */
const entryOverheadBytes = payloadHeadBytes + 8;

export class LiveBytes {
  readonly #bySegment = new Map<number, number>();
  /** For each segment that lost its last live bytes: the LSN of the frame that dropped them. */
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

  get total(): number {
    return this.#total;
  }

  /** `true` if a segment may have become empty and is not deleted yet. */
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

  /** Subtracts a payload that has no reference since the frame with this LSN. */
  remove({ segment, byteLength }: Pick<StoredPayload, 'segment' | 'byteLength'>, lsn: number): void {
    this.removeAt(segment, byteLength, lsn);
  }

  /** Does the same for a payload that is only a place. */
  removeAt(segment: number, byteLength: number, lsn: number): void {
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

  /** Whether the segment can be deleted: no byte in it is live, and a sync covers the reason. */
  isGone(segment: number, syncedLsn: number): boolean {
    return !this.#bySegment.has(segment) && (this.#emptiedAt.get(segment) ?? 0) <= syncedLsn;
  }

  deleted(segment: number): void {
    this.#emptiedAt.delete(segment);
  }
}
