/**
 * The memory that the coordinator and one worker thread share: a word for each claimed job, and a
 * ring of outcomes.
 *
 * A job's word decides who has it. The worker (to begin it) and the coordinator (to take it back)
 * compete for it by compare-exchange, so a job that was not begun can be taken back at any moment,
 * and nobody has to guess whether it ran.
 *
 *   free ──assign──▶ assigned ──begin──▶ begun ──publish──▶ done ──▶ free
 *                        └────take back──▶ free
 *
 * Slots are used again, and a worker may come late to one that was taken back: so a word also
 * counts its uses, and a worker begins just the use that it was told of.
 *
 * An outcome is in the ring before the word says `done` and before the next job begins, so the end
 * of the thread at any point loses no finished job. An outcome that has no room goes over the
 * thread's port instead, which outlives the thread too.
 *
 * A word to stop is kept beside each slot's: a job that computes can read it without giving up its
 * thread.
 *
 * Layout, in 32-bit words: [0] bytes written to the ring so far, [1] bytes read from it, [2] raised
 * with every message to the worker, [4..] one word a slot, then one to stop each; then the ring. In
 * the ring: size of the record, slot, kind, sizes of payload, note and inner (words), start and run
 * time (doubles), payload, note, inner, padding to 8.
 */
import { codeOf } from '../core/records.js';

/** Two batches of 256 jobs: the one that runs, and the one ahead of it. */
export const slotCount = 512;

const written = 0;
const read = 1;
const mail = 2;
const words = 4;
const stops = words + slotCount;
const ringStart = (stops + slotCount) * 4;
const ringBytes = 256 * 1024;
const headBytes = 40;
/** A payload larger than this goes over the port: the ring is for many small ones. */
const largestInRing = ringBytes / 8;
/** One up to this many bytes is copied by a loop: a call costs more. */
const shortBytes = 64;

/** The low two bits of a word; the rest counts the uses of the slot. */
const state = { free: 0, assigned: 1, begun: 2, done: 3 } as const;
const stateBits = 3;

/**
 * `thrown` asks the policy, `failure` was returned and so meant, `job` takes another job's outcome.
 */
export const reportKinds = ['value', 'thrown', 'failure', 'job'] as const;
export type ReportKind = (typeof reportKinds)[number];

/** How a job's call ended, as its thread says it. */
export interface RunReport {
  readonly slot: number;
  readonly kind: ReportKind;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ranMs: number;
  /** Nothing where `kind` is `job`. */
  readonly payload: Uint8Array;
  /** `thrown`: the names of the error and its classes, in lines. `job`: the other job's id. */
  readonly note: string;
  /** What the job asked for, packed; empty for nothing. */
  readonly inner: Uint8Array;
}

export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #ring: Buffer;
  /** The same bytes: numbers read through a Buffer cost several times as much. */
  readonly #numbers: DataView;
  #isBroken = false;

  constructor(buffer = new SharedArrayBuffer(ringStart + ringBytes)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, stops + slotCount);
    this.#ring = Buffer.from(buffer, ringStart, ringBytes);
    this.#numbers = new DataView(buffer, ringStart, ringBytes);
  }

  /** The coordinator: this slot's job may be begun. Gives the word to begin it with. */
  assign(slot: number): number {
    const use = (Atomics.load(this.#words, words + slot) | stateBits) + 1;
    Atomics.store(this.#words, words + slot, use | state.assigned);
    return use | state.assigned;
  }

  /** The coordinator: true if the job was not begun, and now cannot be. */
  takeBack(slot: number): boolean {
    const word = Atomics.load(this.#words, words + slot);
    if ((word & stateBits) !== state.assigned) return false;
    return Atomics.compareExchange(this.#words, words + slot, word, word & ~stateBits) === word;
  }

  /** The coordinator: the slot may be used again. */
  release(slot: number): void {
    Atomics.and(this.#words, words + slot, ~stateBits);
  }

  isAssigned(slot: number): boolean {
    return (Atomics.load(this.#words, words + slot) & stateBits) === state.assigned;
  }

  isBegun(slot: number): boolean {
    return (Atomics.load(this.#words, words + slot) & stateBits) === state.begun;
  }

  /** The worker: true if the job is still to be run, and nobody can take it back from now on. */
  begin(slot: number, assigned: number): boolean {
    const begun = (assigned & ~stateBits) | state.begun;
    return Atomics.compareExchange(this.#words, words + slot, assigned, begun) === assigned;
  }

  /** The coordinator: the job in this slot is to stop. */
  stop(slot: number): void {
    Atomics.store(this.#words, stops + slot, Atomics.load(this.#words, words + slot) & ~stateBits);
  }

  /** The worker: whether the job that was begun with this word is to stop. */
  isStopped(slot: number, assigned: number): boolean {
    return Atomics.load(this.#words, stops + slot) === (assigned & ~stateBits);
  }

  /** The coordinator: a message is in the worker's port; if it sleeps for one, it wakes. */
  ring(): void {
    Atomics.add(this.#words, mail, 1);
    Atomics.notify(this.#words, mail);
  }

  /** The worker: how many messages were announced so far. */
  get rung(): number {
    return Atomics.load(this.#words, mail);
  }

  /** The worker: sleeps until more were announced than this, so long at most. */
  sleep(rung: number, timeoutMs: number): void {
    Atomics.wait(this.#words, mail, rung, timeoutMs);
  }

  /**
   * The worker: the outcome of the job that was begun with this word. False: there was no room, and
   * nothing has changed. Throws in a thread that is broken.
   */
  publish({ slot, kind, startedAt, ranMs, payload, note, inner }: RunReport, assigned: number): boolean {
    const bytes = payload.byteLength + note.length + inner.byteLength;
    if (bytes > largestInRing) return false;
    const size = (headBytes + bytes + 7) & ~7;
    const head = Atomics.load(this.#words, written) >>> 0;
    const used = (head - (Atomics.load(this.#words, read) >>> 0)) >>> 0;
    const at = head % ringBytes;
    const skip = at + size > ringBytes ? ringBytes - at : 0;
    if (used + skip + size > ringBytes) return false;
    const numbers = this.#numbers;
    if (skip > 0) numbers.setUint32(at, 0, true);
    const start = (at + skip) % ringBytes;
    numbers.setUint32(start, size, true);
    numbers.setUint32(start + 4, slot, true);
    numbers.setUint32(start + 8, codeOf(reportKinds, kind), true);
    numbers.setUint32(start + 12, payload.byteLength, true);
    numbers.setUint32(start + 16, note.length, true);
    numbers.setUint32(start + 20, inner.byteLength, true);
    numbers.setFloat64(start + 24, startedAt, true);
    numbers.setFloat64(start + 32, ranMs, true);
    // A job may have broken what writes it, so that nothing is written.
    if (numbers.getUint32(start, true) !== size) throw new Error('an outcome cannot be written');
    const body = start + headBytes;
    if (payload.byteLength > shortBytes) this.#ring.set(payload, body);
    else for (let at = 0; at < payload.length; at++) this.#ring[body + at] = payload[at]!;
    if (note !== '') this.#ring.write(note, body + payload.byteLength, note.length, 'latin1');
    if (inner.byteLength > 0) this.#ring.set(inner, body + payload.byteLength + note.length);
    Atomics.store(this.#words, written, (head + skip + size) | 0);
    this.publishedElsewhere(slot, assigned);
    return true;
  }

  /**
   * The worker: the outcome went over the port. By now the coordinator may have it, and have given
   * the slot to another job.
   */
  publishedElsewhere(slot: number, assigned: number): void {
    const use = assigned & ~stateBits;
    Atomics.compareExchange(this.#words, words + slot, use | state.begun, use | state.done);
  }

  /**
   * The coordinator: the outcomes since the last call. Several have their bytes in one copy. A job
   * may have broken what the worker writes them with: from the first one on that cannot be, none is
   * read any more.
   */
  drain(): readonly RunReport[] {
    const reports: RunReport[] = [];
    const head = Atomics.load(this.#words, written) >>> 0;
    let tail = Atomics.load(this.#words, read) >>> 0;
    while (tail !== head && !this.#isBroken) {
      const from = tail % ringBytes;
      const left = (head - tail) >>> 0;
      const toEnd = ringBytes - from;
      this.#isBroken = left > ringBytes || left % 8 !== 0 || from % 8 !== 0;
      if (this.#isBroken) break;
      const bytes = this.#runBytes(from, Math.min(left, toEnd));
      const isSkipped = bytes === 0 && left > toEnd && this.#numbers.getUint32(from, true) === 0;
      if (bytes > 0) {
        const run = new Uint8Array(this.#ring.subarray(from, from + bytes));
        this.#isBroken = !readReports(run, reports);
      } else if (!isSkipped) this.#isBroken = true;
      tail = (tail + (isSkipped ? toEnd : bytes)) >>> 0;
    }
    Atomics.store(this.#words, read, tail | 0);
    return reports;
  }

  /** The coordinator: whether what the worker said made no sense. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** How many of these bytes of the ring are copied at once; 0 where there is no outcome. */
  #runBytes(from: number, length: number): number {
    let bytes = 0;
    while (bytes < length) {
      const size = this.#numbers.getUint32(from + bytes, true);
      const fits = size >= headBytes && size % 8 === 0 && bytes + size <= length;
      if (!fits || (bytes > 0 && bytes + size > runBytes)) break;
      bytes += size;
    }
    return bytes;
  }
}

/**
 * Outcomes are copied in runs of so many bytes, since a copy of each costs more. A long one is
 * alone: what keeps one keeps its whole run.
 */
const runBytes = 4096;

const nothing = new Uint8Array();

/** False: there is one that cannot be. */
function readReports(run: Uint8Array, reports: RunReport[]): boolean {
  const { buffer } = run;
  const numbers = new DataView(buffer);
  const view = (at: number, length: number) => (length === 0 ? nothing : new Uint8Array(buffer, at, length));
  for (let at = 0; at < run.length; ) {
    const size = numbers.getUint32(at, true);
    const slot = numbers.getUint32(at + 4, true);
    const kind = reportKinds[numbers.getUint32(at + 8, true)];
    const payloadBytes = numbers.getUint32(at + 12, true);
    const noteAt = at + headBytes + payloadBytes;
    const noteBytes = numbers.getUint32(at + 16, true);
    const innerBytes = numbers.getUint32(at + 20, true);
    if (kind === undefined || headBytes + payloadBytes + noteBytes + innerBytes > size) return false;
    reports.push({
      slot,
      kind,
      startedAt: numbers.getFloat64(at + 24, true),
      ranMs: numbers.getFloat64(at + 32, true),
      payload: view(at + headBytes, payloadBytes),
      note: noteBytes === 0 ? '' : Buffer.from(buffer, noteAt, noteBytes).toString('latin1'),
      inner: view(noteAt + noteBytes, innerBytes),
    });
    at += size;
  }
  return true;
}
