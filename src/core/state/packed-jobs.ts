/**
 * Completed jobs as numbers in typed arrays: eighty bytes each instead of several objects, which
 * the garbage collector neither marks nor moves.
 *
 * Only a plain job is packed: a root that succeeded in one run and singles itself out by nothing
 * but its id, position, times and payloads. All else is equal for many jobs and lies in their
 * *kind*. A job is found by its *seat* (`seats.ts`). The arrays lie in pages, so that growing
 * copies nothing.
 */
import { idWordOf } from '../collections/id-map.js';
import type { Id, Payload, PayloadSlot } from '../records.js';
import { JobRow } from './job-row.js';
import { Kinds } from './kinds.js';
import type { PayloadColumns } from './payload-columns.js';

const pageBits = 12;
const pageSeats = 1 << pageBits;
const lowBits = pageSeats - 1;
const mostMs = 0xffff_ffff;
const idLength = 16;
/** With a kind: the job is forgotten, and may be remembered again. */
const goneBit = 0x8000;

class Page {
  /** Four to an id, the first character in the lowest byte. */
  readonly ids = new Int32Array(4 * pageSeats);
  readonly eligible = new Float64Array(pageSeats);
  readonly putAt = new Float64Array(pageSeats);
  /** Milliseconds from the put to the start, and from there to the end. */
  readonly waitedMs = new Uint32Array(pageSeats);
  readonly ranMs = new Uint32Array(pageSeats);
  /** 0 for a seat without a packed job. */
  readonly kinds = new Uint16Array(pageSeats);
}

export class PackedJobs {
  readonly #pages: Page[] = [];
  readonly #kinds = new Kinds();
  readonly #payloads: PayloadColumns;

  constructor(payloads: PayloadColumns) {
    this.#payloads = payloads;
  }

  /** Packs a job. Returns `false`, and changes nothing, if it cannot be packed now. */
  pack(seat: number, row: JobRow): boolean {
    const { id, putAt, firstStartAt, endAt } = row;
    const waitedMs = firstStartAt - putAt;
    const ranMs = endAt - firstStartAt;
    if (!isPlain(row) || !isDuration(waitedMs) || !isDuration(ranMs) || !isPackable(id)) return false;
    const kind = this.#kinds.find(row);
    if (kind === 0 || !this.#payloads.take(seat, row.args, row.result)) return false;
    const page = this.#ownPage(seat);
    const at = seat & lowBits;
    for (let word = 0; word < 4; word++) page.ids[4 * at + word] = idWordOf(id, word);
    page.eligible[at] = row.eligible;
    page.putAt[at] = putAt;
    page.waitedMs[at] = waitedMs;
    page.ranMs[at] = ranMs;
    page.kinds[at] = kind;
    this.#kinds.add(kind, 1);
    return true;
  }

  /** Returns a job as a row of its own, which no index has. */
  rowOf(seat: number): JobRow {
    const page = this.#page(seat);
    const at = seat & lowBits;
    const id = this.idOf(seat);
    const row = new JobRow(this.kindOf(seat));
    const startAt = page.putAt[at]! + page.waitedMs[at]!;
    // Floored, since V8 then stores a small integer. The box that the array returns would change
    // the layout of all rows, and undo all compiled code that reads one.
    row.becomeAnother(id, Math.floor(page.eligible[at]!), page.putAt[at]!);
    row.args = this.#payloads.payload(seat, 'args', id);
    row.firstStartAt = startAt;
    row.lastStartAt = startAt;
    row.endAt = startAt + page.ranMs[at]!;
    row.completedAt = row.endAt;
    row.result = this.#payloads.payload(seat, 'result', id);
    return row;
  }

  /** Returns a row with all that the job shares with others. */
  kindOf(seat: number): JobRow {
    return this.#kinds.rowOf(this.#page(seat).kinds[seat & lowBits]! & ~goneBit);
  }

  /** `true` if the seat has a packed job, or one that is forgotten and may be remembered. */
  has(seat: number): boolean {
    const page = this.#pages[seat >> pageBits];
    return page !== undefined && page.kinds[seat & lowBits] !== 0;
  }

  isGone(seat: number): boolean {
    return (this.#page(seat).kinds[seat & lowBits]! & goneBit) !== 0;
  }

  setGone(seat: number, isGone: boolean): void {
    const { kinds } = this.#page(seat);
    const at = seat & lowBits;
    kinds[at] = isGone ? kinds[at]! | goneBit : kinds[at]! & ~goneBit;
  }

  /** Frees a seat. */
  clear(seat: number): void {
    const { kinds } = this.#page(seat);
    const at = seat & lowBits;
    this.#kinds.add(kinds[at]! & ~goneBit, -1);
    kinds[at] = 0;
    this.#payloads.clear(seat);
  }

  completedAt(seat: number): number {
    const { putAt, waitedMs, ranMs } = this.#page(seat);
    const at = seat & lowBits;
    return putAt[at]! + waitedMs[at]! + ranMs[at]!;
  }

  bytes(seat: number): number {
    return this.#payloads.bytes(seat);
  }

  replacePayload(seat: number, slot: PayloadSlot, payload: Payload): void {
    this.#payloads.replace(seat, slot, payload);
  }

  /** Returns a quarter of the id, as `idWordOf` does. */
  idWord(seat: number, word: number): number {
    return this.#page(seat).ids[4 * (seat & lowBits) + word]!;
  }

  idOf(seat: number): Id {
    const { ids } = this.#page(seat);
    const at = 4 * (seat & lowBits);
    const a = ids[at]!;
    const b = ids[at + 1]!;
    const c = ids[at + 2]!;
    const d = ids[at + 3]!;
    // A string is made once, of one-byte characters; joining parts would make a tree of them.
    return String.fromCharCode(
      a & 0xff,
      (a >> 8) & 0xff,
      (a >> 16) & 0xff,
      a >>> 24,
      b & 0xff,
      (b >> 8) & 0xff,
      (b >> 16) & 0xff,
      b >>> 24,
      c & 0xff,
      (c >> 8) & 0xff,
      (c >> 16) & 0xff,
      c >>> 24,
      d & 0xff,
      (d >> 8) & 0xff,
      (d >> 16) & 0xff,
      d >>> 24,
    );
  }

  #page(seat: number): Page {
    return this.#pages[seat >> pageBits]!;
  }

  #ownPage(seat: number): Page {
    const number = seat >> pageBits;
    while (this.#pages.length <= number) this.#pages.push(new Page());
    return this.#pages[number]!;
  }
}

/** `true` if nothing but the columns and its kind makes out the job. */
function isPlain(row: JobRow): boolean {
  return (
    row.status === 'completed' &&
    row.outcome === 'value' &&
    row.role === 'root' &&
    row.form === 'call' &&
    row.firstStartAt === row.lastStartAt &&
    row.endAt === row.completedAt &&
    row.callbacks === 0 &&
    row.callbackRows.length === 0 &&
    row.only === '' &&
    row.unique === '' &&
    row.inner === '' &&
    row.awaiters === 0 &&
    row.retryOf === '' &&
    row.retriedBy === '' &&
    row.asked === null &&
    row.beginAfter === 0 &&
    row.dueAt === 0 &&
    row.deadline === 0 &&
    row.places.length === 0
  );
}

const isDuration = (ms: number) => ms >= 0 && ms <= mostMs && Number.isInteger(ms);

function isPackable(id: Id): boolean {
  let bits = 0;
  for (let at = 0; at < id.length; at++) bits |= id.charCodeAt(at);
  return id.length === idLength && bits <= 0xff;
}
