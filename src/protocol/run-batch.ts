/**
 * A batch of claimed jobs as bytes, from the coordinator to a worker thread.
 *
 * For each run: slot, word, id, flags, id of its parent (flag `parent`), callable, queue and agent
 * (names), attempt, size and bytes of the arguments (flag `args`), form, size and bytes of the
 * argument after them (flag `fed`), level of logged lines (flag `log`).
 *
 * Numbers are varints. A name is its number in this batch; the next free number introduces a new
 * name, and its text follows. Both ends are threads of one process, so the batch has no version.
 */

import { ByteReader, ByteWriter } from '../codec/bytes.js';
import type { DecodeOptions } from '../codec/payload.js';
import { codeOf, type Id, type LogThreshold, logThresholds } from '../core/records.js';
import { type EncodedOutcome, outcomeForms } from './completed-list.js';
import type { WireRun } from './dispatch.js';
import { decodeCall, type StoredCall } from './stored-call.js';

const flag = { parent: 1, args: 2, fed: 4, timed: 8, part: 16, log: 32 } as const;

const unnamed: { readonly name: string | undefined; readonly number: number } = { name: undefined, number: 0 };

export class RunBatchWriter {
  readonly #out = new ByteWriter();
  readonly #names = new Map<string, number>();
  #last = [unnamed, unnamed, unnamed];

  add(run: WireRun): void {
    const out = this.#out;
    const { parent, args, fed } = run;
    out.varint(run.slot);
    // A word may be negative: it uses all 32 bits.
    out.varint(run.word >>> 0);
    out.id(run.id);
    out.u8(
      (parent === '' ? 0 : flag.parent) |
        (run.isPart ? flag.part : 0) |
        (args === null ? 0 : flag.args) |
        (fed === null ? 0 : flag.fed) |
        (run.timed ? flag.timed : 0) |
        (run.log === '' ? 0 : flag.log),
    );
    if (parent !== '') out.id(parent);
    this.#name(run.callable, 0);
    this.#name(run.queue, 1);
    this.#name(run.agent, 2);
    out.varint(run.attempt);
    if (args !== null) this.#bytes(args);
    if (fed !== null) {
      out.u8(codeOf(outcomeForms, fed.kind));
      this.#bytes(fed.payload);
    }
    if (run.log !== '') out.u8(codeOf(logThresholds, run.log));
  }

  /** Returns the batch in a buffer of its own; the writer is then empty. */
  finish(): Uint8Array {
    const bytes = this.#out.copy();
    this.#out.clear();
    this.#names.clear();
    this.#last = [unnamed, unnamed, unnamed];
    return bytes;
  }

  /** Writes a name. Mostly it equals the name in the same place of the run before. */
  #name(name: string, place: number): void {
    const last = this.#last[place]!;
    if (last.name === name) return this.#out.varint(last.number);
    const known = this.#names.get(name);
    this.#last[place] = { name, number: known ?? this.#names.size };
    this.#out.varint(known ?? this.#names.size);
    if (known !== undefined) return;
    this.#names.set(name, this.#names.size);
    this.#out.text(name);
  }

  #bytes(bytes: Uint8Array): void {
    this.#out.varint(bytes.byteLength);
    this.#out.raw(bytes);
  }
}

/**
 * Reads a batch run by run. Its fields are those of the current run: an object for each run would
 * cost a short job more than its call does.
 */
export class RunBatchReader implements Omit<WireRun, 'args'> {
  readonly #batch: Uint8Array;
  readonly #in: ByteReader;
  readonly #names: string[] = [];
  slot = 0;
  word = 0;
  id: Id = '';
  parent: Id = '';
  isPart = false;
  callable = '';
  attempt = 0;
  queue = '';
  agent = '';
  fed: EncodedOutcome | null = null;
  timed = false;
  log: LogThreshold | '' = '';
  #hasArgs = false;
  #argsFrom = 0;
  #argsTo = 0;

  constructor(batch: Uint8Array) {
    this.#batch = batch;
    this.#in = new ByteReader(batch);
  }

  /** Goes on to the next run. Returns `false` if there is none. */
  next(): boolean {
    const input = this.#in;
    if (input.left === 0) return false;
    this.slot = input.varint();
    this.word = input.varint() | 0;
    this.id = input.id();
    const flags = input.u8();
    this.parent = flags & flag.parent ? input.id() : '';
    this.isPart = (flags & flag.part) !== 0;
    this.timed = (flags & flag.timed) !== 0;
    this.callable = this.#name();
    this.queue = this.#name();
    this.agent = this.#name();
    this.attempt = input.varint();
    this.#hasArgs = (flags & flag.args) !== 0;
    const argsBytes = this.#hasArgs ? input.varint() : 0;
    this.#argsFrom = input.at;
    this.#argsTo = input.at + argsBytes;
    input.skip(argsBytes);
    this.fed =
      flags & flag.fed
        ? { kind: outcomeForms[input.u8()] as EncodedOutcome['kind'], payload: input.bytes(input.varint()) }
        : null;
    this.log = flags & flag.log ? logThresholds[input.u8()]! : '';
    return true;
  }

  /** Decodes the arguments of the current run. */
  call(options?: DecodeOptions): StoredCall {
    return decodeCall(this.#hasArgs ? this.#batch : null, options, this.#argsFrom, this.#argsTo);
  }

  #name(): string {
    const number = this.#in.varint();
    if (number === this.#names.length) this.#names.push(this.#in.text());
    return this.#names[number]!;
  }
}
