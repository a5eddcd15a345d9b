/**
 * A payload as a store holds it: its bytes, or only where they are, or both.
 */
import type { Payload } from '../core/records.js';
import type { Position } from '../journal/journal.js';

export class StoredPayload implements Payload {
  readonly byteLength: number;
  /** Null when only the position is kept. */
  bytes: Uint8Array | null;
  /** Null until it is written. */
  position: Position | null;

  private constructor(byteLength: number, bytes: Uint8Array | null, position: Position | null) {
    this.byteLength = byteLength;
    this.bytes = bytes;
    this.position = position;
  }

  static of(bytes: Uint8Array): StoredPayload {
    return new StoredPayload(bytes.byteLength, bytes, null);
  }

  static at(position: Position, bytes: Uint8Array | null, byteLength: number): StoredPayload {
    return new StoredPayload(byteLength, bytes, position);
  }
}
