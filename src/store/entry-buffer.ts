/**
 * Entries for the journal on their way: their bytes in one buffer, and the names that their file has been given so far.
 */
import type { AnnotationRecord, JobRecord, SettingRecord } from '../core/records.js';
import type { Entry } from '../journal/journal.js';
import { ByteWriter } from '../protocol/bytes.js';
import { entryTypes } from './entries.js';
import { namesOf } from './job-header.js';
import type { StoredPayload } from './stored-payload.js';

export class EntryBuffer {
  readonly out = new ByteWriter();
  readonly #names = new Map<string, number>();
  /** Type, start and end of each entry. */
  #entries: number[] = [];

  /** Bytes of the entries so far. */
  get bytes(): number {
    return this.out.length;
  }

  /** A new file begins: it knows no names. */
  forgetNames(): void {
    this.#names.clear();
  }

  clear(): void {
    this.out.clear();
    this.#entries = [];
  }

  /** The entries so far; their bytes are valid until `clear`. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    const { bytes } = this.out;
    for (let at = 0; at < this.#entries.length; at += 3) {
      entries.push({ type: this.#entries[at]!, bytes: bytes.subarray(this.#entries[at + 1], this.#entries[at + 2]) });
    }
    return entries;
  }

  add(type: number, write: () => void): void {
    const start = this.out.length;
    write();
    this.#entries.push(type, start, this.out.length);
  }

  /** The number of a name that was introduced. */
  readonly numberOf = (name: string): number => this.#names.get(name)!;

  /** Gives a job's names their numbers, where they have none yet. */
  introduceNames(job: JobRecord): void {
    for (const name of namesOf(job)) {
      if (this.#names.has(name)) continue;
      const number = this.#names.size;
      this.#names.set(name, number);
      this.add(entryTypes.name, () => {
        this.out.varint(number);
        this.out.text(name);
      });
    }
  }

  setting(key: string, setting: SettingRecord | undefined): void {
    this.add(entryTypes.setting, () => {
      this.out.text(key);
      this.out.text(setting === undefined ? '' : JSON.stringify(setting));
    });
  }

  /** The key is the job's id and the annotation's name. */
  annotation(key: string, annotation: AnnotationRecord | undefined): void {
    this.add(entryTypes.annotation, () => {
      this.out.id(key.slice(0, 16));
      this.out.text(key.slice(16));
      this.out.u8(annotation === undefined ? 0 : 1);
      if (annotation !== undefined) this.out.raw((annotation.value as StoredPayload).bytes!);
    });
  }
}
