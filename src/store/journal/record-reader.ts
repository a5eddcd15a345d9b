/** Loads a journal into a state: the records of its snapshot, then the changes in its log. */

import { ByteReader } from '../../codec/bytes.js';
import { type Id, type Payload, payloadSlots } from '../../core/records.js';
import { State } from '../../core/state/state.js';
import { type Entry, NewerEntryError, type Position, type Replay } from '../../journal/journal.js';
import { readId } from '../checked-id.js';
import { readJob } from '../job-header.js';
import { settingFrom } from '../setting-json.js';
import { entryTypes, payloadHeadBytes } from './entries.js';
import { StoredPayload } from './stored-payload.js';

export class RecordReader implements Replay {
  readonly #state: State;
  readonly #names = new Map<number, string>();
  /** Payloads by id of their job, until the job's header is read. */
  readonly #payloads = new Map<Id, (Payload | null)[]>();
  /** LSN of the transaction in which a payload was lost. */
  #payloadLostAt: number | undefined;

  /** Without a state, the reader only checks the entries. */
  constructor(state = new State()) {
    this.#state = state;
  }

  segment(): void {
    this.#names.clear();
  }

  lost(type: number, lsn: number): void {
    if (type === entryTypes.payload) this.#payloadLostAt = lsn;
  }

  entry({ type, bytes }: Entry, at: Position, lsn: number): void {
    const input = new ByteReader(bytes);
    switch (type) {
      case entryTypes.name: {
        // A name can be given twice: after a full disk refused a frame, the writer starts its names
        // again.
        this.#names.set(input.varint(), input.text());
        return;
      }
      case entryTypes.payload:
        return this.#payload(readId(input), slotOf(input), at);
      case entryTypes.move:
        return this.#move(readId(input), slotOf(input), at);
      case entryTypes.jobs:
        while (input.left > 0) this.#job(input, lsn);
        return;
      case entryTypes.keptJobs:
        while (input.left > 0) this.#keptJob(input);
        return;
      case entryTypes.forget:
        while (input.left > 0) this.#state.unload(readId(input));
        return;
      case entryTypes.setting: {
        const key = input.text();
        const json = input.text();
        return this.#state.loadSetting(key, json === '' ? undefined : settingFrom(key, json));
      }
      case entryTypes.annotation: {
        const id = readId(input);
        const name = input.text();
        const value = input.u8() === 1 ? StoredPayload.of(Uint8Array.from(input.rest())) : null;
        return this.#state.loadAnnotation(id, name, value);
      }
      default:
        throw new NewerEntryError(`an entry of the unknown type ${type}`);
    }
  }

  /**
   * Returns the place of a payload if its whole segment is missing, which makes the journal
   * corrupt. A single damaged payload only fails its job when it is read.
   */
  end(segments: ReadonlySet<number>): Position | undefined {
    for (const { args, result } of this.#state.jobs()) {
      for (const payload of [args, result]) {
        const segment = (payload as StoredPayload | null)?.segment ?? 0;
        if (segment !== 0 && !segments.has(segment)) return (payload as StoredPayload).position;
      }
    }
    return undefined;
  }

  #payload(id: Id, slot: number, at: Position): void {
    const found = this.#payloads.get(id) ?? [null, null];
    found[slot] = StoredPayload.at(id, at);
    this.#payloads.set(id, found);
  }

  #move(id: Id, slot: number, at: Position): void {
    const job = this.#state.job(id);
    const key = payloadSlots[slot]!;
    if (job === undefined || job[key] === null) return;
    this.#state.ownPayload(id, key, StoredPayload.at(id, at));
  }

  #job(input: ByteReader, lsn: number): void {
    const job = readJob(input, this.#nameOf, (id, has) => {
      // The lost payload may have been this job's new one; then the old one must not stand in for
      // it.
      const before = lsn === this.#payloadLostAt ? undefined : this.#state.job(id);
      const [args = null, result = null] = this.#payloads.get(id) ?? [];
      this.#payloads.delete(id);
      // A payload without an entry belongs to a job that was forgotten before the snapshot's walk
      // reached it, or its entry is lost.
      return {
        args: has.args ? (args ?? before?.args ?? StoredPayload.lost(id)) : null,
        result: has.result ? (result ?? before?.result ?? StoredPayload.lost(id)) : null,
      };
    });
    this.#state.load(job);
  }

  #keptJob(input: ByteReader): void {
    this.#state.load(
      readJob(input, this.#nameOf, (id, has) => ({
        args: placedAt(id, has.args, input),
        result: placedAt(id, has.result, input),
      })),
    );
  }

  readonly #nameOf = (number: number): string => {
    const name = this.#names.get(number);
    if (name === undefined) throw new RangeError('a name is used before the entry that gives it');
    return name;
  };
}

/** Reads the place of a payload. The bytes stay on the disk until they are read. */
function placedAt(owner: Id, isThere: boolean, input: ByteReader): StoredPayload | null {
  const segment = input.varint();
  if (segment === 0) return isThere ? StoredPayload.lost(owner) : null;
  const offset = input.varint();
  const length = input.varint();
  const checksum = input.varint();
  if (length < payloadHeadBytes || checksum > 0xffff_ffff)
    throw new RangeError('the place of a payload is out of range');
  return StoredPayload.at(owner, { segment, offset, length, checksum });
}

function slotOf(input: ByteReader): number {
  const slot = input.u8();
  if (slot >= payloadSlots.length) throw new RangeError(`unknown payload slot ${slot}`);
  return slot;
}
