/**
 * A payload that a database keeps apart from its row: it is so large that only the looks that ask
 * for its bytes read it.
 */
import type { Id, Payload, PayloadSlot } from '../../core/records.js';

/** Payloads up to this size come with their rows. */
export const nearBytes = 1 << 20;

export class FarPayload implements Payload {
  readonly job: Id;
  readonly slot: PayloadSlot;
  readonly byteLength: number;
  /** Differs between two states of the row. */
  readonly version: string;

  constructor(job: Id, slot: PayloadSlot, byteLength: number, version: string) {
    this.job = job;
    this.slot = slot;
    this.byteLength = byteLength;
    this.version = version;
  }

  /** The same for the same bytes. */
  get key(): string {
    return `${this.slot} ${this.version} ${this.job}`;
  }
}
