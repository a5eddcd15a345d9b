/**
 * Zeros after the end of the log, which later frames overwrite. A sync of bytes inside the file
 * writes only those bytes; one that makes the file longer also writes its size and block map. That
 * saves a third of a sync's time on a common file system.
 *
 * Zeros up to a file's end are neither a frame nor damage (`frame-reader.ts`). Opening, closing and
 * the end of a segment cut them off.
 */
import { type DiskFile, writeFully } from './disk.js';

/** A larger write than this share of the room gets none: the zeros would take as long again. */
const mostPart = 1 / 8;

/** The end of the log in its file. */
interface End {
  readonly file: DiskFile;
  readonly offset: number;
}

export class RoomAhead {
  readonly #zeros: Uint8Array;
  readonly #segmentBytes: number;
  /** The length of the file in bytes, with its room. */
  #fileBytes = 0;
  /** The disk refused some of the room, so this file gets no more. */
  #isRefused = false;

  /** Makes room of `bytes` at a time, and none beyond `segmentBytes`. */
  constructor(bytes: number, segmentBytes: number) {
    this.#zeros = new Uint8Array(bytes);
    this.#segmentBytes = segmentBytes;
  }

  /** Starts with a file that has no room: a new one, or one cut off at the log's end. */
  begin({ offset }: End): void {
    this.#fileBytes = offset;
    this.#isRefused = false;
  }

  /**
   * Makes new room after a write of `writtenBytes`, if less than half of it is left. If the disk
   * refuses some of it, the file is cut back to the log's end. That is no failure, as the room was
   * not needed; only a failing cut throws.
   */
  make({ file, offset }: End, writtenBytes: number): void {
    const { length } = this.#zeros;
    this.#fileBytes = Math.max(this.#fileBytes, offset);
    if (writtenBytes > length * mostPart) return;
    if (this.#isRefused || this.#fileBytes - offset >= length / 2) return;
    const wanted = Math.min(length, this.#segmentBytes - this.#fileBytes);
    if (wanted <= 0) return;
    try {
      writeFully(file, this.#zeros.subarray(0, wanted), this.#fileBytes);
      this.#fileBytes += wanted;
    } catch {
      this.#isRefused = true;
      file.truncate(offset);
      this.#fileBytes = offset;
    }
  }

  /** Cuts off the remaining room. Returns `true` if there was room. */
  cutOff({ file, offset }: End): boolean {
    if (this.#fileBytes <= offset) return false;
    file.truncate(offset);
    this.#fileBytes = offset;
    return true;
  }
}
