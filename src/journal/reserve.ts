/**
 * Space kept for a full disk: a file of a few megabytes that is given up bit by bit so that jobs which run can complete, and
 * filled again as soon as there is space. While it is not whole, ordinary appends are refused (by the journal, which asks).
 *
 * Its content means nothing and is never read or synced. It is noise, so that a file system that compresses really keeps the
 * space; the same noise each time, so that a simulated run can be repeated.
 */
import { type Disk, type DiskFile, errorCodeOf, isDiskFull, PartialWriteError, writeFully } from './disk.js';

/** More than file systems compress at once, so that the repetition is not seen. */
const stepBytes = 256 * 1024;
/** The least that is given up at a time: a disk is shared, and what we give up others may take. */
const leastGivenBytes = 256 * 1024;

export class Reserve {
  readonly #file: DiskFile;
  readonly #wholeBytes: number;
  #bytes: number;
  /** Kept while the reserve is not whole: on a full disk every refused append tries to refill it. */
  #noise: Uint8Array | undefined;

  /** Opens or creates the reserve and fills it as far as there is space. */
  constructor(disk: Disk, path: string, wholeBytes: number) {
    this.#file = openOrCreate(disk, path);
    this.#wholeBytes = wholeBytes;
    this.#bytes = this.#file.size();
    if (this.#bytes > wholeBytes) this.#cutTo(wholeBytes);
    this.refill();
  }

  get isWhole(): boolean {
    return this.#bytes >= this.#wholeBytes;
  }

  get isHalfLeft(): boolean {
    return this.#bytes >= this.#wholeBytes / 2;
  }

  /** Fills the reserve as far as there is space, and says whether it is whole then. What it got it keeps. */
  refill(): boolean {
    if (this.isWhole) return true;
    this.#noise ??= makeNoise(Math.min(stepBytes, this.#wholeBytes));
    while (this.#bytes < this.#wholeBytes) {
      const step = Math.min(stepBytes, this.#wholeBytes - this.#bytes);
      try {
        writeFully(this.#file, this.#noise.subarray(0, step), this.#bytes);
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        this.#bytes += error instanceof PartialWriteError ? error.writtenBytes : 0;
        return false;
      }
      this.#bytes += step;
    }
    this.#noise = undefined;
    return true;
  }

  /** Gives up enough space for `bytes` more on the disk, or all that is left; false if there was nothing left. */
  give(bytes: number): boolean {
    if (this.#bytes === 0) return false;
    this.#cutTo(Math.max(0, this.#bytes - Math.max(bytes, leastGivenBytes)));
    return true;
  }

  close(): void {
    this.#file.close();
  }

  #cutTo(bytes: number): void {
    this.#file.truncate(bytes);
    this.#bytes = bytes;
  }
}

function openOrCreate(disk: Disk, path: string): DiskFile {
  try {
    return disk.open(path, 'write');
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error;
    return disk.open(path, 'create');
  }
}

/** Bytes of a xorshift generator: made when needed, since a reserve is filled about once in the life of a directory. */
function makeNoise(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
