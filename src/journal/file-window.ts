/**
 * Reads a file from front to back through a buffer, so that a frame costs no system call of its own. Holds one window of the
 * file in memory, whose size grows only to what was asked for: callers ask for what a verified length allows, never more.
 */
import type { DiskFile } from './disk.js';

const readAheadBytes = 256 * 1024;

export class FileWindow {
  readonly file: DiskFile;
  /** The size of the file when reading began; what others append later is not looked at. */
  readonly size: number;
  #buffer = new Uint8Array(0);
  /** The part of the file that the buffer holds. */
  #from = 0;
  #to = 0;

  constructor(file: DiskFile) {
    this.file = file;
    this.size = file.size();
  }

  /** The bytes at `offset`, valid until the next call. Throws if the file does not have them. */
  bytes(offset: number, length: number): Uint8Array {
    if (offset < this.#from || offset + length > this.#to) this.#load(offset, length);
    const at = offset - this.#from;
    return this.#buffer.subarray(at, at + length);
  }

  #load(offset: number, length: number): void {
    if (offset + length > this.size) throw new RangeError(`${this.file.path} has no ${length} bytes at ${offset}`);
    const wanted = Math.min(Math.max(length, readAheadBytes), this.size - offset);
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    this.#from = offset;
    this.#to = offset;
    readFully(this.file, this.#buffer.subarray(0, wanted), offset);
    this.#to = offset + wanted;
  }
}

/** Fills `into` from `offset` on; throws if the file ends before. */
export function readFully(file: DiskFile, into: Uint8Array, offset: number): void {
  let done = 0;
  while (done < into.length) {
    const read = file.read(done === 0 ? into : into.subarray(done), offset + done);
    if (read === 0) throw new RangeError(`${file.path} ends at byte ${offset + done}`);
    done += read;
  }
}
