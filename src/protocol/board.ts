/**
 * The memory that the coordinator and one worker thread share: a word for each claimed job, and a
 * ring of reports of ended runs.
 *
 * The word of a job decides which side has it. The worker (to begin it) and the coordinator (to
 * take it back) compete for it by compare-exchange. So a job that was not begun can be taken back
 * at any moment, and it is always certain whether a job ran.
 *
 *    free ──assign──▶ assigned ──begin──▶ begun ──publish──▶ done ──▶ free
 *                         └────take back──▶ free
 *
 * Slots are reused, and a worker may come late to a slot that was taken back. Therefore a word also
 * counts its uses, and a worker begins exactly the use that its batch names.
 *
 * A report is in the ring before the word becomes `done` and before the next job begins, so no
 * finished job is lost, whenever the thread ends. A report without room in the ring goes over the
 * thread's port, which outlives the thread too.
 *
 * A dispatcher that others may have declared dead must begin no more jobs. Its coordinator may be
 * stopped by then, or the whole process. So the coordinator sets a moment in advance, and the
 * worker checks it at each begin.
 *
 * Beside the word of each slot stands a stop word. A job that computes can read it without yielding
 * its thread.
 *
 * Layout, in 32-bit words:
 *
 *    [0]   bytes written to the ring so far
 *    [1]   bytes read from the ring so far
 *    [2]   count of messages announced to the worker
 *    [3]   the moment from which no job may begin; 0 for none
 *    [4]   1 if runs are traced whose jobs carry no trace
 *    [5]   not used: what follows begins at a multiple of 8 bytes
 *    [6..] one word a slot, then one stop word a slot
 *    then the ring
 *
 * A record of the ring: its size, slot, kind, sizes of payload, note and inner (words), start and
 * run time (doubles), payload, note, inner, padding to 8 bytes.
 */
import { codeOf } from '../core/records.js';

/** Room for two batches of 256 jobs: the running batch and the one ahead. */
export const slotCount = 512;

const written = 0;
const read = 1;
const mail = 2;
const beginLimit = 3;
const tracing = 4;
const words = 6;
const stops = words + slotCount;
const ringStart = (stops + slotCount) * 4;
const ringBytes = 256 * 1024;
const headBytes = 40;
/** A larger report goes over the port: the ring is for many small ones. */
const largestInRing = ringBytes / 8;
/** Payloads up to this size are copied by a loop, which costs less than a call. */
const shortBytes = 64;

/** States in the low two bits of a word. The other bits count the uses of the slot. */
const state = { free: 0, assigned: 1, begun: 2, done: 3 } as const;
const stateBits = 3;

/**
 * `thrown`: the retry policy decides. `failure`: a failure returned on purpose, never retried.
 * `job`: the outcome of another job becomes this one's.
 */
export const reportKinds = ['value', 'thrown', 'failure', 'job'] as const;
export type ReportKind = (typeof reportKinds)[number];

/** The end of a job's call, as its thread reports it. */
export interface RunReport {
  readonly slot: number;
  readonly kind: ReportKind;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ranMs: number;
  /** Empty if `kind` is `job`. */
  readonly payload: Uint8Array;
  /**
   * `thrown`, `failure`: the names of the error and its classes, and its place, one a line. `job`:
   * the id of the other job.
   */
  readonly note: string;
  /** The packed inner commands of the job; empty if it has none. */
  readonly inner: Uint8Array;
}

/** Milliseconds on a clock that cannot be set, and that is the same in all threads of a process. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
/** A word holds 50 days. A limit is compared over half of them, ahead and behind. */
const farMs = 2 ** 30;
/** Kept here, because a job may replace the one of `process`. */
const { hrtime } = process;

export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #ring: Buffer;
  /** A view of the ring: reading numbers through a Buffer costs several times as much. */
  readonly #numbers: DataView;
  readonly #monotonic: () => number;
  #isBroken = false;
  readonly #report: { -readonly [Field in keyof RunReport]: RunReport[Field] } = {
    ...{ slot: 0, kind: 'value', startedAt: 0, ranMs: 0 },
    ...{ payload: nothing, note: '', inner: nothing },
  };

  constructor(buffer = new SharedArrayBuffer(ringStart + ringBytes), monotonic = monotonicMs) {
    this.buffer = buffer;
    this.#monotonic = monotonic;
    this.#words = new Int32Array(buffer, 0, stops + slotCount);
    this.#ring = Buffer.from(buffer, ringStart, ringBytes);
    this.#numbers = new DataView(buffer, ringStart, ringBytes);
  }

  /** Coordinator: offers the job in this slot. Returns the word with which the worker begins it. */
  assign(slot: number): number {
    const use = (Atomics.load(this.#words, words + slot) | stateBits) + 1;
    Atomics.store(this.#words, words + slot, use | state.assigned);
    return use | state.assigned;
  }

  /**
   * Coordinator: takes a job back. `true` if it was not begun; it then cannot be begun any more.
   */
  takeBack(slot: number): boolean {
    const word = Atomics.load(this.#words, words + slot);
    if ((word & stateBits) !== state.assigned) return false;
    return Atomics.compareExchange(this.#words, words + slot, word, word & ~stateBits) === word;
  }

  /** Coordinator: frees the slot for the next job. */
  release(slot: number): void {
    Atomics.and(this.#words, words + slot, ~stateBits);
  }

  isAssigned(slot: number): boolean {
    return (Atomics.load(this.#words, words + slot) & stateBits) === state.assigned;
  }

  isBegun(slot: number): boolean {
    return (Atomics.load(this.#words, words + slot) & stateBits) === state.begun;
  }

  /**
   * Coordinator: lets no job begin here from this moment of the monotonic clock on. A moment that
   * is weeks away is no limit.
   */
  beginUntil(moment: number): void {
    const isFar = moment - this.#monotonic() > farMs;
    Atomics.store(this.#words, beginLimit, isFar ? 0 : Math.floor(moment) | 0 || 1);
  }

  /** Coordinator: lets the worker trace runs of jobs that carry no trace, too. */
  traceRuns(isOn: boolean): void {
    Atomics.store(this.#words, tracing, isOn ? 1 : 0);
  }

  /** Worker: `true` if runs of jobs that carry no trace are traced. */
  get tracesRuns(): boolean {
    return Atomics.load(this.#words, tracing) === 1;
  }

  /**
   * Worker: begins a job. `false` if it was taken back, or if no job may begin any more. A begun
   * job cannot be taken back.
   */
  begin(slot: number, assigned: number): boolean {
    const limit = Atomics.load(this.#words, beginLimit);
    if (limit !== 0 && ((limit - Math.floor(this.#monotonic())) | 0) <= 0) return false;
    const begun = (assigned & ~stateBits) | state.begun;
    return Atomics.compareExchange(this.#words, words + slot, assigned, begun) === assigned;
  }

  /** Coordinator: asks the job in this slot to stop. */
  stop(slot: number): void {
    Atomics.store(this.#words, stops + slot, Atomics.load(this.#words, words + slot) & ~stateBits);
  }

  /** Worker: `true` if the job begun with this word must stop. */
  isStopped(slot: number, assigned: number): boolean {
    return Atomics.load(this.#words, stops + slot) === (assigned & ~stateBits);
  }

  /**
   * Coordinator: announces a message in the worker's port and wakes a worker that sleeps for one.
   */
  ring(): void {
    Atomics.add(this.#words, mail, 1);
    Atomics.notify(this.#words, mail);
  }

  /** Worker: the count of messages announced so far. */
  get rung(): number {
    return Atomics.load(this.#words, mail);
  }

  /** Worker: sleeps until `rung` differs from this value, `timeoutMs` at most. */
  sleep(rung: number, timeoutMs: number): void {
    Atomics.wait(this.#words, mail, rung, timeoutMs);
  }

  /**
   * Worker: publishes the report of the job begun with this word. Returns `false` and changes
   * nothing if the ring has no room. Throws if the thread is broken.
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
    // A job may have broken `DataView`, so that nothing was written.
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
   * Worker: marks a run as done after its report went over the port. The coordinator may already
   * have read the report and given the slot to another job; then nothing changes.
   */
  publishedElsewhere(slot: number, assigned: number): void {
    const use = assigned & ~stateBits;
    Atomics.compareExchange(this.#words, words + slot, use | state.begun, use | state.done);
  }

  /**
   * Coordinator: passes each report since the last call to `take`. Returns their number. The report
   * is one object for all, valid during the call. Its bytes may be kept; several reports share one
   * copied buffer. A job may have broken the code that writes reports: reading stops for good at
   * the first impossible one.
   */
  drain(take: (report: RunReport) => void): number {
    let count = 0;
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
      tail = (tail + (isSkipped ? toEnd : bytes)) >>> 0;
      const run = new Uint8Array(this.#ring.subarray(from, from + bytes));
      Atomics.store(this.#words, read, tail | 0);
      count += this.#takeEach(run, take);
      if (bytes === 0 && !isSkipped) this.#isBroken = true;
    }
    return count;
  }

  /** Coordinator: `true` if the worker wrote something impossible. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The number of bytes to copy at once, from `from` on; 0 if no valid report begins there. */
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

  /** Passes on the reports of a run, up to the first impossible one. Returns their number. */
  #takeEach(run: Uint8Array, take: (report: RunReport) => void): number {
    const { buffer } = run;
    const numbers = new DataView(buffer);
    const report = this.#report;
    let count = 0;
    for (let at = 0; at < run.length; count++) {
      const size = numbers.getUint32(at, true);
      const kind = reportKinds[numbers.getUint32(at + 8, true)];
      const payloadBytes = numbers.getUint32(at + 12, true);
      const noteAt = at + headBytes + payloadBytes;
      const noteBytes = numbers.getUint32(at + 16, true);
      const innerBytes = numbers.getUint32(at + 20, true);
      this.#isBroken = kind === undefined || headBytes + payloadBytes + noteBytes + innerBytes > size;
      if (this.#isBroken) break;
      report.slot = numbers.getUint32(at + 4, true);
      report.kind = kind!;
      report.startedAt = numbers.getFloat64(at + 24, true);
      report.ranMs = numbers.getFloat64(at + 32, true);
      report.payload = viewOf(buffer, at + headBytes, payloadBytes);
      report.note = noteBytes === 0 ? '' : Buffer.from(buffer, noteAt, noteBytes).toString('latin1');
      report.inner = viewOf(buffer, noteAt + noteBytes, innerBytes);
      take(report);
      at += size;
    }
    return count;
  }
}

/**
 * Reports are copied in runs of at most this size, since a copy of each costs more. A longer report
 * is copied alone: a kept payload keeps its whole run in memory.
 */
const runBytes = 4096;

const nothing = new Uint8Array();

const viewOf = (buffer: ArrayBufferLike, at: number, length: number) =>
  length === 0 ? nothing : new Uint8Array(buffer, at, length);
