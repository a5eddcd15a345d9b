/**
 * The completed roots by their seats. A root has its seat, a small number, from its completion
 * until nothing can bring it back. In the seat is its row, or the job is packed into columns until
 * somebody looks at it.
 */
import type { PackedIds } from '../collections/id-map.js';
import type { Id, Payload, PayloadSlot } from '../records.js';
import type { JobRow } from './job-row.js';
import { PackedJobs } from './packed-jobs.js';
import type { PayloadColumns } from './payload-columns.js';

export class Seats implements PackedIds {
  readonly #rows: (JobRow | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #packed: PackedJobs | undefined;

  /** Without columns for payloads, no job is packed. */
  constructor(payloads?: PayloadColumns) {
    this.#packed = payloads === undefined ? undefined : new PackedJobs(payloads);
  }

  /** Gives a row a seat. */
  add(row: JobRow): void {
    row.seat = this.#free.pop() ?? this.#rows.length;
    this.#rows[row.seat] = row;
  }

  /** Frees a seat. */
  free(seat: number): void {
    if (this.#packed?.has(seat)) this.#packed.clear(seat);
    this.#rows[seat] = undefined;
    this.#free.push(seat);
  }

  /** Returns the row in a seat; `undefined` if the job is packed. */
  row(seat: number): JobRow | undefined {
    return this.#rows[seat];
  }

  /** `false` if the job is forgotten. */
  isThere(seat: number): boolean {
    const row = this.#rows[seat];
    return row === undefined ? !this.#packed!.isGone(seat) : row.isThere;
  }

  /** `true` if other jobs have the job's outcome as theirs. No such job is packed. */
  hasAwaiters(seat: number): boolean {
    return (this.#rows[seat]?.awaiters ?? 0) > 0;
  }

  completedAt(seat: number): number {
    return this.#rows[seat]?.completedAt ?? this.#packed!.completedAt(seat);
  }

  id(seat: number): Id {
    return this.#rows[seat]?.id ?? this.#packed!.idOf(seat);
  }

  /** Returns the job for reading: its row, or one made of the columns that no index has. */
  look(seat: number): JobRow {
    return this.#rows[seat] ?? this.#packed!.rowOf(seat);
  }

  /** Packs the job of a row if that is possible. The row is no longer the job's then. */
  pack(row: JobRow): boolean {
    if (!this.#packed?.pack(row.seat, row)) return false;
    this.#rows[row.seat] = undefined;
    row.isThere = false;
    return true;
  }

  /** Makes the row of a packed job again. */
  unpack(seat: number): JobRow {
    const packed = this.#packed!;
    const row = packed.rowOf(seat);
    row.seat = seat;
    row.tallyCell = packed.kindOf(seat).tallyCell;
    row.isThere = true;
    packed.clear(seat);
    this.#rows[seat] = row;
    return row;
  }

  /** Returns all that a packed job shares with others. */
  kind(seat: number): JobRow {
    return this.#packed!.kindOf(seat);
  }

  bytes(seat: number): number {
    return this.#packed!.bytes(seat);
  }

  replacePayload(seat: number, slot: PayloadSlot, payload: Payload): void {
    this.#packed!.replacePayload(seat, slot, payload);
  }

  /** Forgets a packed job, or remembers it again. */
  setGone(seat: number, isGone: boolean): void {
    this.#packed!.setGone(seat, isGone);
  }

  idWord(seat: number, word: number): number {
    return this.#packed!.idWord(seat, word);
  }
}
