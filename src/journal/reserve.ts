/**
 * Space kept for a full disk: a file of a few megabytes. It is given up bit by bit so that running
 * jobs can complete, and filled again when there is space. While it is not whole, the journal
 * refuses ordinary appends.
 *
 * Its content is never read or synced. It is noise, so that a file system that compresses really
 * keeps the space. It is the same noise each time, so that a simulated run can be repeated.
 */
import { type Disk, type DiskFile, errorCodeOf, isDiskFull, PartialWriteError, writeFully } from './disk.js';

/** More than file systems compress at once, so that they do not find the repetition. */
const stepBytes = 256 * 1024;
/** The least that is given up at a time: other programs on the disk may take some of it. */
const leastGivenBytes = 256 * 1024;

export class Reserve {
  readonly #file: DiskFile;
  readonly #wholeBytes: number;
  #bytes: number;
  /** Kept while the reserve is not whole: each refused append tries to refill it. */
  #noise: Uint8Array | undefined;

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

  /** Fills the reserve as far as there is space, and returns whether it is whole. */
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

  /** Gives up space for `bytes` more, or all that is left; `false` if nothing was left. */
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

/** Returns bytes of a xorshift generator: a reserve is filled about once in a directory's life. */
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
