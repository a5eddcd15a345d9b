/** The payloads of packed jobs in a store that holds all bytes in memory. */
import type { Id, Payload, PayloadSlot } from '../core/records.js';
import type { PayloadColumns } from '../core/state/payload-columns.js';

export class HeldPayloads implements PayloadColumns {
  readonly #args: (Payload | null)[] = [];
  readonly #results: (Payload | null)[] = [];

  take(seat: number, args: Payload | null, result: Payload | null): boolean {
    this.#args[seat] = args;
    this.#results[seat] = result;
    return true;
  }

  payload(seat: number, slot: PayloadSlot, _job: Id): Payload | null {
    return (slot === 'args' ? this.#args : this.#results)[seat]!;
  }

  bytes(seat: number): number {
    return (this.#args[seat]?.byteLength ?? 0) + (this.#results[seat]?.byteLength ?? 0);
  }

  replace(seat: number, slot: PayloadSlot, payload: Payload): void {
    (slot === 'args' ? this.#args : this.#results)[seat] = payload;
  }

  clear(seat: number): void {
    this.#args[seat] = null;
    this.#results[seat] = null;
  }
}
