/** The places of the payloads of packed jobs: four numbers each, in pages of typed arrays. */
import { type Id, type Payload, type PayloadSlot, payloadSlots } from '../../core/records.js';
import type { PayloadColumns } from '../../core/state/payload-columns.js';
import { payloadHeadBytes } from './entries.js';
import type { LiveBytes } from './live-bytes.js';
import { StoredPayload } from './stored-payload.js';

const pageBits = 12;
const pageSeats = 1 << pageBits;
const lowBits = pageSeats - 1;
/** In each seat, for the arguments and then for the result: segment, offset, length, checksum. */
const numbersOfSeat = 8;
const most = 0xffff_ffff;
/** The segment of no payload. */
const nowhere = most;

export class PayloadPlaces implements PayloadColumns {
  readonly #pages: Uint32Array[] = [];

  /** Takes payloads that are only places. */
  take(seat: number, args: StoredPayload | null, result: StoredPayload | null): boolean {
    if (!isPlace(args) || !isPlace(result)) return false;
    while (this.#pages.length <= seat >> pageBits) this.#pages.push(new Uint32Array(numbersOfSeat * pageSeats));
    this.#write(seat, 'args', args);
    this.#write(seat, 'result', result);
    return true;
  }

  payload(seat: number, slot: PayloadSlot, job: Id): StoredPayload | null {
    const page = this.#page(seat);
    const at = indexOf(seat, slot);
    const segment = page[at]!;
    if (segment === nowhere) return null;
    // Not through a list: one large checksum would box all of its numbers, and a box in place of a
    // small integer changes the layout of all payloads.
    const offset = page[at + 1]!;
    const checksum = page[at + 3]!;
    return StoredPayload.at(job, { segment, offset, length: page[at + 2]! + payloadHeadBytes, checksum });
  }

  bytes(seat: number): number {
    const page = this.#page(seat);
    return page[indexOf(seat, 'args') + 2]! + page[indexOf(seat, 'result') + 2]!;
  }

  /** Subtracts the payloads in a seat from the live bytes. */
  remove(seat: number, live: LiveBytes, lsn: number): void {
    const page = this.#page(seat);
    for (const slot of payloadSlots) {
      const at = indexOf(seat, slot);
      if (page[at] !== nowhere) live.removeAt(page[at]!, page[at + 2]!, lsn);
    }
  }

  replace(seat: number, slot: PayloadSlot, payload: Payload): void {
    this.#write(seat, slot, payload as StoredPayload);
  }

  /** Places hold nothing that must be freed. */
  clear(): void {}

  #write(seat: number, slot: PayloadSlot, payload: StoredPayload | null): void {
    const page = this.#page(seat);
    const at = indexOf(seat, slot);
    if (payload === null) {
      page[at] = nowhere;
      page[at + 2] = 0;
      return;
    }
    page[at] = payload.segment;
    page[at + 1] = payload.offset;
    page[at + 2] = payload.byteLength;
    page[at + 3] = payload.checksum;
  }

  #page(seat: number): Uint32Array {
    return this.#pages[seat >> pageBits]!;
  }
}

const indexOf = (seat: number, slot: PayloadSlot) => numbersOfSeat * (seat & lowBits) + (slot === 'args' ? 0 : 4);

function isPlace(payload: StoredPayload | null): boolean {
  if (payload === null) return true;
  const { bytes, segment, offset, byteLength } = payload;
  return bytes === null && segment > 0 && segment < nowhere && offset <= most && byteLength <= most;
}
