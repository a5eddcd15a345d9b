/**
 * A payload of the journal store: its bytes, or only their place in the journal, or both. There are
 * as many as jobs, so the place is in plain fields, which saves an object each.
 */
import type { Id, Payload } from '../../core/records.js';
import type { Position } from '../../journal/journal.js';
import { payloadHeadBytes } from './entries.js';

/** Payloads up to this size stay in memory after they are written. Larger ones are read back. */
export const keptBytes = 1024;
/**
 * A job queued behind more than this many others has its arguments evicted from memory. They are
 * read back when it is claimed.
 */
export const keptJobs = 10_000;

export class StoredPayload implements Payload {
  /** The bytes, or their number when only the place is kept. */
  private kept: Uint8Array | number;
  /** The job that the entry names, or empty. Jobs may share an outcome, but not an entry. */
  owner: Id = '';
  /** The entry's segment, or 0 until it is written. */
  segment = 0;
  #offset = 0;
  /** Signed, since V8 keeps a signed 32-bit number without an object of its own. */
  #checksum = 0;

  private constructor(kept: Uint8Array | number) {
    this.kept = kept;
  }

  get byteLength(): number {
    return typeof this.kept === 'number' ? this.kept : this.kept.byteLength;
  }

  /** `null` when only the place is kept. */
  get bytes(): Uint8Array | null {
    return typeof this.kept === 'number' ? null : this.kept;
  }

  /** The offset of the entry in its segment. */
  get offset(): number {
    return this.#offset;
  }

  /** The checksum of the entry, as a signed number. */
  get checksum(): number {
    return this.#checksum;
  }

  /** Drops the bytes and keeps the place. */
  evict(): void {
    this.kept = this.byteLength;
  }

  static of(bytes: Uint8Array): StoredPayload {
    return new StoredPayload(bytes);
  }

  /** A job's payload with an entry in the journal. Its bytes are read when first asked for. */
  static at(owner: Id, position: Position): StoredPayload {
    const payload = new StoredPayload(position.length - payloadHeadBytes);
    payload.owner = owner;
    payload.place(position.segment, position.offset, position.checksum | 0);
    return payload;
  }

  /** A job's payload with a lost entry. Reading it throws `JournalCorruptError`. */
  static lost(owner: Id): StoredPayload {
    const payload = new StoredPayload(0);
    payload.owner = owner;
    return payload;
  }

  get isLost(): boolean {
    return this.segment === 0 && this.bytes === null;
  }

  /** Sets the place of the written entry. `checksum` is signed. */
  place(segment: number, offset: number, checksum: number): void {
    this.segment = segment;
    // Floored, since V8 then stores a small integer. A number out of an array of floats would give
    // this field a box in every payload.
    this.#offset = Math.floor(offset);
    this.#checksum = checksum;
  }

  /** The place of the entry. */
  get position(): Position {
    return {
      segment: this.segment,
      offset: this.#offset,
      length: this.byteLength + payloadHeadBytes,
      checksum: this.#checksum >>> 0,
    };
  }
}
