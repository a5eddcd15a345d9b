/**
 * Reads a file from front to back through a buffer, so that a frame costs no system call of its
 * own. The buffer grows only to the length of a request, and callers request only a length that a
 * checksum has verified.
 */
import type { DiskFile } from './disk.js';

const readAheadBytes = 256 * 1024;

export class FileWindow {
  readonly file: DiskFile;
  /** The size of the file when reading began; later appends are not read. */
  readonly size: number;
  #buffer = new Uint8Array(0);
  /** The range of the file that the buffer holds. */
  #from = 0;
  #to = 0;

  constructor(file: DiskFile) {
    this.file = file;
    this.size = file.size();
  }

  /** Returns bytes, valid until the next call. Throws a `RangeError` beyond the file's end. */
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

/** Fills `into` from `offset` on. Throws a `RangeError` if the file ends before. */
export function readFully(file: DiskFile, into: Uint8Array, offset: number): void {
  let done = 0;
  while (done < into.length) {
    const read = file.read(done === 0 ? into : into.subarray(done), offset + done);
    if (read === 0) throw new RangeError(`${file.path} ends at byte ${offset + done}`);
    done += read;
  }
}
