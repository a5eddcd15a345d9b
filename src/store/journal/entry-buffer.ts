/**
 * Entries for the journal on their way: their bytes in one buffer, and the names that their file
 * has been given so far.
 */

import { ByteWriter } from '../../codec/bytes.js';
import type { AnnotationRecord, JobRecord, SettingRecord } from '../../core/records.js';
import type { Entry } from '../../journal/journal.js';
import { entryTypes } from './entries.js';
import { hasNames, namesOf } from './job-header.js';
import type { StoredPayload } from './stored-payload.js';

/** An entry that holds many things ends when it has so many bytes. */
const entryBytes = 4096;

export class EntryBuffer {
  readonly out = new ByteWriter();
  readonly #names = new Map<string, number>();
  /** Type and end of each entry; each begins where the one before ends. */
  #entries: number[] = [];
  /**
   * The names of the last job that was introduced, and their numbers: mostly the next one's are the
   * same.
   */
  #last: readonly string[] | undefined;
  #lastNumbers: readonly number[] = [];

  /** Bytes of the entries so far. */
  get bytes(): number {
    return this.out.length;
  }

  /** A new file begins: it knows no names. */
  forgetNames(): void {
    this.#names.clear();
    this.#last = undefined;
  }

  clear(): void {
    this.out.clear();
    this.#entries.length = 0;
  }

  /** The entries so far; their bytes are valid until `clear`. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    const { buffer, byteOffset } = this.out.bytes;
    for (let at = 0, start = 0; at < this.#entries.length; at += 2) {
      const end = this.#entries[at + 1]!;
      // Not as a Buffer, whose views cost twice as much.
      entries.push({ type: this.#entries[at]!, bytes: new Uint8Array(buffer, byteOffset + start, end - start) });
      start = end;
    }
    return entries;
  }

  /** What was written to `out` since the last entry is one of this type. */
  end(type: number): void {
    this.#entries.push(type, this.out.length);
  }

  /** Entries of this type with all of these, so many in each that it is of a handy size. */
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

  /** The number of a name that was introduced, which has this place among its job's names. */
  readonly numberOf = (name: string, place: number): number =>
    this.#last?.[place] === name ? this.#lastNumbers[place]! : this.#names.get(name)!;

  /** Gives a job's names their numbers, where they have none yet. */
  introduceNames(job: JobRecord): void {
    if (this.#last !== undefined && hasNames(job, this.#last)) return;
    this.#last = namesOf(job);
    for (const name of this.#last) {
      if (this.#names.has(name)) continue;
      const number = this.#names.size;
      this.#names.set(name, number);
      this.out.varint(number);
      this.out.text(name);
      this.end(entryTypes.name);
    }
    this.#lastNumbers = this.#last.map((name) => this.#names.get(name)!);
  }

  setting(key: string, setting: SettingRecord | undefined): void {
    this.out.text(key);
    this.out.text(setting === undefined ? '' : JSON.stringify(setting));
    this.end(entryTypes.setting);
  }

  /** The key is the job's id and the annotation's name. */
  annotation(key: string, annotation: AnnotationRecord | undefined): void {
    this.out.id(key.slice(0, 16));
    this.out.text(key.slice(16));
    this.out.u8(annotation === undefined ? 0 : 1);
    if (annotation !== undefined) this.out.raw((annotation.value as StoredPayload).bytes!);
    this.end(entryTypes.annotation);
  }
}
