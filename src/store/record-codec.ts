/**
 * Records as the journal's entries.
 *
 * An entry is one of:
 *
 *   1 name     number (varint), text            a name that later entries of this segment give by its number
 *   2 job      see `job-header`                  a job's header, whole: the last one of an id counts
 *   3 payload  id (16), slot (1), bytes          arguments or result of a job, written once, before its header's frame ends
 *   4 forget   id (16)                           the job and its payloads are no more
 *   5 setting  key (text), JSON (text)           a queue, quota or agent, whole; empty: removed
 *   6 annotation  id (16), name (text), 1, value  or 0: taken back
 *
 * Numbers are varints. Names are interned per segment, so that a segment can be read without those before it. Unknown entries and
 * fields do not exist: a change of this layout is a new format version.
 */
import {
  type AnnotationRecord,
  type Id,
  type JobRecord,
  type Payload,
  payloadSlots,
  type SettingRecord,
} from '../core/records.js';
import type { Changes, State } from '../core/state.js';
import type { Entry, Journal, Position, Replay } from '../journal/journal.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { namesOf, readJob, writeJob } from './job-header.js';
import { StoredPayload } from './stored-payload.js';

const entryTypes = { name: 1, job: 2, payload: 3, forget: 4, setting: 5, annotation: 6 } as const;

/** Payloads up to this size stay in memory once they are written; of larger ones the journal has them. */
const keptBytes = 1024;

/** The part of a payload entry that is not the payload. */
const payloadHeadBytes = 17;

/** Writes the changes of a group commit; knows which names its segment has and which payloads are written. */
export class RecordWriter {
  readonly #journal: Journal;
  readonly #out = new ByteWriter();
  readonly #names = new Map<string, number>();
  /** Type, start and end of each entry in `#out`. */
  #entries: number[] = [];
  #segment = -1;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Appends these changes as one frame; gives the payloads that were written with it. Jobs of level `memory` are not for the journal. */
  write(changes: Changes, options?: { reserve: boolean }): readonly StoredPayload[] {
    const { forgotten, settings, annotations } = changes;
    const kept = changes.jobs.filter((job) => job.level !== 'memory');
    if (kept.length + forgotten.length + settings.size + annotations.size === 0) return [];
    this.#begin(kept, changes);
    const payloads: StoredPayload[] = [];
    for (const job of kept) {
      for (let slot = 0; slot < payloadSlots.length; slot++) {
        const payload = job[payloadSlots[slot]!] as StoredPayload | null;
        if (payload === null || payload.position !== null) continue;
        this.#payload(job.id, slot, payload);
        payloads.push(payload);
      }
    }
    for (const job of kept) this.#job(job);
    for (const id of forgotten) this.#entry(entryTypes.forget, () => this.#out.id(id));
    for (const [key, setting] of settings) this.#setting(key, setting);
    for (const [key, annotation] of annotations) this.#annotation(key, annotation);
    try {
      const { positions } = this.#journal.append(this.#take(), options);
      for (let index = 0; index < payloads.length; index++) payloads[index]!.position = positions[index]!;
    } catch (error) {
      // What was interned for this frame is not in the segment.
      this.#segment = -1;
      throw error;
    }
    return payloads;
  }

  /** These are on the disk: the large ones need not stay here. */
  evict(payloads: readonly StoredPayload[]): void {
    for (const payload of payloads) if (payload.byteLength > keptBytes) payload.bytes = null;
  }

  /** Reads a payload back. */
  read(payload: StoredPayload): Uint8Array {
    return this.#journal.read(payload.position!).subarray(payloadHeadBytes);
  }

  #begin(jobs: readonly JobRecord[], { forgotten, settings, annotations }: Changes): void {
    let estimate = forgotten.length * 32 + settings.size * 1024;
    for (const { args, result } of jobs) estimate += 512 + (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
    for (const [key, annotation] of annotations) estimate += 64 + key.length * 3 + (annotation?.value.byteLength ?? 0);
    const segment = this.#journal.beginFrame(estimate);
    if (segment !== this.#segment) this.#names.clear();
    this.#segment = segment;
    this.#out.clear();
    this.#entries = [];
  }

  #take(): Entry[] {
    const entries: Entry[] = [];
    const { bytes } = this.#out;
    for (let at = 0; at < this.#entries.length; at += 3) {
      entries.push({ type: this.#entries[at]!, bytes: bytes.subarray(this.#entries[at + 1], this.#entries[at + 2]) });
    }
    return entries;
  }

  #entry(type: number, write: () => void): void {
    const start = this.#out.length;
    write();
    this.#entries.push(type, start, this.#out.length);
  }

  #payload(id: Id, slot: number, payload: StoredPayload): void {
    this.#entry(entryTypes.payload, () => {
      this.#out.id(id);
      this.#out.u8(slot);
      this.#out.raw(payload.bytes!);
    });
  }

  #job(job: JobRecord): void {
    for (const name of namesOf(job)) this.#intern(name);
    this.#entry(entryTypes.job, () => writeJob(this.#out, job, (name) => this.#names.get(name)!));
  }

  #setting(key: string, setting: SettingRecord | undefined): void {
    this.#entry(entryTypes.setting, () => {
      this.#out.text(key);
      this.#out.text(setting === undefined ? '' : JSON.stringify(setting));
    });
  }

  #annotation(key: string, annotation: AnnotationRecord | undefined): void {
    this.#entry(entryTypes.annotation, () => {
      this.#out.id(key.slice(0, 16));
      this.#out.text(key.slice(16));
      this.#out.u8(annotation === undefined ? 0 : 1);
      if (annotation !== undefined) this.#out.raw((annotation.value as StoredPayload).bytes!);
    });
  }

  #intern(name: string): void {
    if (this.#names.has(name)) return;
    const number = this.#names.size;
    this.#names.set(name, number);
    this.#entry(entryTypes.name, () => {
      this.#out.varint(number);
      this.#out.text(name);
    });
  }
}

/** Puts what a journal holds into a state. */
export class RecordReader implements Replay {
  readonly #state: State;
  readonly #names = new Map<number, string>();
  /** Payloads come before the header that they belong to. */
  readonly #payloads = new Map<Id, (Payload | null)[]>();

  constructor(state: State) {
    this.#state = state;
  }

  segment(): void {
    this.#names.clear();
  }

  entry({ type, bytes }: Entry, at: Position): void {
    const input = new ByteReader(bytes);
    switch (type) {
      case entryTypes.name:
        this.#names.set(input.varint(), input.text());
        return;
      case entryTypes.payload:
        return this.#payload(input, at);
      case entryTypes.job:
        return this.#job(input);
      case entryTypes.forget:
        return this.#state.unload(input.id());
      case entryTypes.setting: {
        const key = input.text();
        const json = input.text();
        return this.#state.loadSetting(key, json === '' ? undefined : (JSON.parse(json) as SettingRecord));
      }
      case entryTypes.annotation: {
        const id = input.id();
        const name = input.text();
        const value = input.u8() === 1 ? StoredPayload.of(Uint8Array.from(input.rest())) : null;
        return this.#state.loadAnnotation(id, name, value);
      }
      default:
        throw new RangeError(`there is no entry of type ${type}`);
    }
  }

  #payload(input: ByteReader, at: Position): void {
    const id = input.id();
    const slot = input.u8();
    const bytes = input.rest();
    const payload = StoredPayload.at(
      at,
      bytes.byteLength <= keptBytes ? Uint8Array.from(bytes) : null,
      bytes.byteLength,
    );
    const found = this.#payloads.get(id) ?? [null, null];
    found[slot] = payload;
    this.#payloads.set(id, found);
  }

  #job(input: ByteReader): void {
    const header = readJob(input, (number) => {
      const name = this.#names.get(number);
      if (name === undefined) throw new RangeError('a name was not given before it was used');
      return name;
    });
    const before = this.#state.job(header.id);
    const [args, result] = this.#payloads.get(header.id) ?? [null, null];
    this.#payloads.delete(header.id);
    this.#state.load({ ...header, args: args ?? before?.args ?? null, result: result ?? before?.result ?? null });
  }
}
