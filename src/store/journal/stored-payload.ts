/**
 * A payload as a store holds it: its bytes, or only where they are in the journal, or both. There
 * are as many as jobs, so where they are is in plain fields, not in an object more.
 */
import type { Id, Payload } from '../../core/records.js';
import type { Position } from '../../journal/journal.js';
import { payloadHeadBytes } from './entries.js';

/**
 * Payloads up to this size stay in memory once they are written; of larger ones the journal has
 * them.
 */
export const keptBytes = 1024;
/** Behind so many jobs of its queue, a job waits long enough to have its arguments read back. */
export const keptJobs = 10_000;

export class StoredPayload implements Payload {
  /** The bytes; or how many they are, when only the place is kept. */
  private kept: Uint8Array | number;
  /**
   * The job under whose id it is written; empty until that is known. Jobs may share an outcome, but
   * not an entry.
   */
  owner: Id = '';
  /** The segment that its entry is in; 0 until it is written. */
  segment = 0;
  #offset = 0;
  /** As a signed number, which takes no memory of its own. */
  #checksum = 0;

  private constructor(kept: Uint8Array | number) {
    this.kept = kept;
  }

  get byteLength(): number {
    return typeof this.kept === 'number' ? this.kept : this.kept.byteLength;
  }

  /** Null when only the place is kept. */
  get bytes(): Uint8Array | null {
    return typeof this.kept === 'number' ? null : this.kept;
  }

  /** Only the place is kept from now on. */
  evict(): void {
    this.kept = this.byteLength;
  }

  static of(bytes: Uint8Array): StoredPayload {
    return new StoredPayload(bytes);
  }

  /**
   * A job's payload, whose entry is there: when the job runs, or someone asks, is early enough to
   * read it.
   */
  static at(owner: Id, position: Position): StoredPayload {
    const payload = new StoredPayload(position.length - payloadHeadBytes);
    payload.owner = owner;
    payload.place(position);
    return payload;
  }

  /** A job's payload of which nothing is left: whoever reads it is told that it is damaged. */
  static lost(owner: Id): StoredPayload {
    const payload = new StoredPayload(0);
    payload.owner = owner;
    return payload;
  }

  get isLost(): boolean {
    return this.segment === 0 && this.bytes === null;
  }

  /** Its entry has been written there. */
  place({ segment, offset, checksum }: Position): void {
    this.segment = segment;
    this.#offset = offset;
    this.#checksum = checksum | 0;
  }

  /** Where its entry is. */
  get position(): Position {
    return {
      segment: this.segment,
      offset: this.#offset,
      length: this.byteLength + payloadHeadBytes,
      checksum: this.#checksum >>> 0,
    };
  }
}
