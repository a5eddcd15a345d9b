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
import { codeOf, logThresholds } from '../core/records.js';
import { type EncodedOutcome, outcomeForms } from './completed-list.js';
import type { WireRun } from './dispatch.js';

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

export function readRunBatch(batch: Uint8Array): WireRun[] {
  const input = new ByteReader(batch);
  const names: string[] = [];
  const name = () => {
    const number = input.varint();
    if (number === names.length) names.push(input.text());
    return names[number]!;
  };
  const runs: WireRun[] = [];
  while (input.left > 0) {
    const slot = input.varint();
    const word = input.varint() | 0;
    const id = input.id();
    const flags = input.u8();
    const parent = flags & flag.parent ? input.id() : '';
    const callable = name();
    const queue = name();
    const agent = name();
    const attempt = input.varint();
    const args = flags & flag.args ? input.bytes(input.varint()) : null;
    const fed: EncodedOutcome | null =
      flags & flag.fed
        ? { kind: outcomeForms[input.u8()] as EncodedOutcome['kind'], payload: input.bytes(input.varint()) }
        : null;
    runs.push({
      slot,
      word,
      id,
      parent,
      isPart: (flags & flag.part) !== 0,
      callable,
      attempt,
      queue,
      agent,
      args,
      fed,
      timed: (flags & flag.timed) !== 0,
      log: flags & flag.log ? logThresholds[input.u8()]! : '',
    });
  }
  return runs;
}
