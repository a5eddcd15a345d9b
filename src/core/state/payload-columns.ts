/**
 * The payloads of packed jobs (`packed-jobs.ts`), by seat. Only a store knows what a payload is, so
 * each store that packs has columns of its own.
 */
import type { Id, Payload, PayloadSlot } from '../records.js';

export interface PayloadColumns {
  /**
   * Takes in the payloads of the job in a seat. Returns `false`, and takes nothing, if they do not
   * fit into columns, or not yet.
   */
  take(seat: number, args: Payload | null, result: Payload | null): boolean;
  /** Returns a payload of the job in a seat, which has this id. */
  payload(seat: number, slot: PayloadSlot, job: Id): Payload | null;
  /** Returns the bytes of both payloads. */
  bytes(seat: number): number;
  /** Replaces a payload that is there by an equal one. */
  replace(seat: number, slot: PayloadSlot, payload: Payload): void;
  clear(seat: number): void;
}
