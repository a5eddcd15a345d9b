/**
 * Entries on their way to the journal: their bytes in one buffer, and the names given so far in
 * their file.
 */

import { ByteWriter } from '../../codec/bytes.js';
import type { AnnotationRecord, JobRecord, SettingRecord } from '../../core/records.js';
import type { Entries } from '../../journal/journal.js';
import { settingText } from '../setting-json.js';
import { entryTypes } from './entries.js';
import type { StoredPayload } from './stored-payload.js';

/** An entry that holds several items ends once it has this many bytes. */
const entryBytes = 4096;

export class EntryBuffer {
  readonly out = new ByteWriter();
  readonly #names = new Map<string, number>();
  /** Type and end of each entry, alternating. Each entry begins where the one before it ends. */
  readonly #table: number[] = [];
  #count = 0;
  /** Names of the job introduced last, and their numbers: the next job mostly has the same. */
  readonly #last: string[] = [];
  readonly #lastNumbers: number[] = [];

  get bytes(): number {
    return this.out.length;
  }

  /** Forgets all names, since a new file begins. */
  forgetNames(): void {
    this.#names.clear();
    this.#last.length = 0;
  }

  clear(): void {
    this.out.clear();
    this.#count = 0;
  }

  /** Returns the entries so far, valid until `clear`. */
  entries(): Entries {
    return { count: this.#count, bytes: this.out.bytes, table: this.#table };
  }

  /** Makes an entry of this type from all that was written to `out` since the last entry. */
  end(type: number): void {
    this.#table[2 * this.#count] = type;
    this.#table[2 * this.#count + 1] = this.out.length;
    this.#count++;
  }

  /** Writes all items into entries of this type, each of about `entryBytes`. */
  addEach<T>(type: number, items: readonly T[], write: (item: T) => void): void {
    let start = this.out.length;
    for (const item of items) {
      write(item);
      if (this.out.length - start < entryBytes) continue;
      this.end(type);
      start = this.out.length;
    }
    if (this.out.length > start) this.end(type);
  }

  /** Returns the number of an introduced name; `place` is that in a job's header. */
  readonly numberOf = (name: string, place: number): number =>
    this.#last[place] === name ? this.#lastNumbers[place]! : this.#names.get(name)!;

  /** Writes an entry for each of the job's names that has no number yet. */
  introduceNames(job: JobRecord): void {
    this.#introduce(job.owner, 0);
    this.#introduce(job.callable, 1);
    this.#introduce(job.queue, 2);
    this.#introduce(job.policy, 3);
    this.#introduce(job.agent, 4);
  }

  #introduce(name: string, place: number): void {
    if (this.#last[place] === name) return;
    let number = this.#names.get(name);
    if (number === undefined) {
      number = this.#names.size;
      this.#names.set(name, number);
      this.out.varint(number);
      this.out.text(name);
      this.end(entryTypes.name);
    }
    this.#last[place] = name;
    this.#lastNumbers[place] = number;
  }

  setting(key: string, setting: SettingRecord | undefined): void {
    this.out.text(key);
    this.out.text(setting === undefined ? '' : settingText(setting));
    this.end(entryTypes.setting);
  }

  /** `key` is the job's id followed by the annotation's name. */
  annotation(key: string, annotation: AnnotationRecord | undefined): void {
    this.out.id(key.slice(0, 16));
    this.out.text(key.slice(16));
    this.out.u8(annotation === undefined ? 0 : 1);
    if (annotation !== undefined) this.out.raw((annotation.value as StoredPayload).bytes!);
    this.end(entryTypes.annotation);
  }
}
