/**
 * Reads entries back from where they were written, also long after: payloads stay in the log, not in memory. Keeps a few
 * sealed segments open. Every read is checked; a position is not trusted more than the bytes.
 */
import { crc32 } from 'node:zlib';
import { JournalCorruptError } from '../errors.js';
import { closeAll, type Disk, type DiskFile, errorCodeOf, isOutOfFiles } from './disk.js';
import { readFully } from './file-window.js';
import { maxEntryBytes, maxFrameBytes, maxPartBytes, type Position } from './format.js';
import { unreadable } from './survey.js';

const maxOpenSegments = 16;
/** Too many files are open: so often reading waits for a descriptor, and for so long each time. */
const mostWaits = 100;
const waitMs = 10;
const neverWoken = new Int32Array(new SharedArrayBuffer(4));
/** Entries up to this size are read with what lies behind them, so many bytes in all. */
const smallBytes = 4 * 1024;
const nearBytes = 64 * 1024;

export class EntryReader {
  readonly #disk: Disk;
  readonly #pathOf: (segment: number) => string;
  /** Open segments, the one used last at the end. */
  readonly #open = new Map<number, DiskFile>();

  /** What was read last around a small entry: so many bytes of this segment from this offset on; of segment 0, none. */
  readonly #nearBuffer = new Uint8Array(nearBytes);
  #nearSegment = 0;
  #nearOffset = 0;
  #nearBytes = 0;

  constructor(disk: Disk, pathOf: (segment: number) => string) {
    this.#disk = disk;
    this.#pathOf = pathOf;
  }

  /** The bytes of an entry. Throws `JournalCorruptError` if they are not there or not what they were. */
  read(at: Position): Uint8Array {
    const near = this.#near(at);
    if (near !== undefined && crc32(near) === at.checksum) return near;
    const path = this.#pathOf(at.segment);
    const wrong = (reason: string) => new JournalCorruptError(path, at.offset, 0, reason);
    let bytes: Uint8Array;
    try {
      bytes = this.#readPatiently(at, path);
    } catch (error) {
      const code = errorCodeOf(error);
      const isDamage = error instanceof RangeError || code === 'ENOENT' || code === 'EIO';
      if (!isDamage) throw unreadable(path, error);
      throw wrong(`an entry of ${at.length} bytes cannot be read: ${String(error)}`);
    }
    if (crc32(bytes) !== at.checksum) throw wrong(`the ${at.length} bytes of an entry do not match their checksum`);
    return bytes;
  }

  /** The segment is deleted. */
  forget(segment: number): void {
    if (this.#nearSegment === segment) this.#nearSegment = 0;
    this.#open.get(segment)?.close();
    this.#open.delete(segment);
  }

  close(): void {
    closeAll(this.#open.values());
    this.#open.clear();
  }

  /** A copy out of what was read around the entry before: jobs are mostly run in the order in which they were written. */
  #near({ segment, offset, length }: Position): Uint8Array | undefined {
    const start = offset - this.#nearOffset;
    if (segment !== this.#nearSegment || !(start >= 0 && length >= 0 && start + length <= this.#nearBytes))
      return undefined;
    return this.#nearBuffer.slice(start, start + length);
  }

  /** Reads once more after one I/O error, and waits a while where too many files are open. */
  #readPatiently(at: Position, path: string): Uint8Array {
    for (let failures = 1; ; failures++) {
      try {
        return this.#read(at, path);
      } catch (error) {
        if (isOutOfFiles(error) ? failures > mostWaits : errorCodeOf(error) !== 'EIO' || failures > 1) throw error;
        // The files that are kept open are the first descriptors that can be done without.
        this.close();
        if (isOutOfFiles(error) && failures > 1) Atomics.wait(neverWoken, 0, 0, waitMs);
      }
    }
  }

  #read(at: Position, path: string): Uint8Array {
    const file = this.#fileOf(at.segment, path);
    // The length is believed only as far as the file goes and an entry may, before memory is taken for it.
    const left = file.size() - at.offset;
    if (!(at.length >= 0 && at.offset >= 0 && at.length <= left && at.length <= maxEntryBytes))
      throw new RangeError('the file does not reach so far, or an entry is never so large');
    if (at.length > smallBytes) {
      const bytes = new Uint8Array(at.length);
      readParts(file, bytes, at.offset);
      return bytes;
    }
    // What is written does not change, so what lies behind the entry can be read with it.
    const bytes = Math.min(left, nearBytes);
    this.#nearSegment = 0;
    readFully(file, this.#nearBuffer.subarray(0, bytes), at.offset);
    this.#nearSegment = at.segment;
    this.#nearOffset = at.offset;
    this.#nearBytes = bytes;
    return this.#near(at)!;
  }

  #fileOf(segment: number, path: string): DiskFile {
    const file = this.#open.get(segment) ?? this.#disk.open(path, 'read');
    this.#open.delete(segment);
    this.#open.set(segment, file);
    if (this.#open.size > maxOpenSegments) {
      const [oldest, oldestFile] = this.#open.entries().next().value!;
      this.#open.delete(oldest);
      oldestFile.close();
    }
    return file;
  }
}

/** An entry larger than a frame is in parts, each at the same place in a frame of the full size (see `format.ts`). */
function readParts(file: DiskFile, into: Uint8Array, offset: number): void {
  for (let part = 0; part * maxPartBytes < into.length; part++) {
    const bytes = into.subarray(part * maxPartBytes, (part + 1) * maxPartBytes);
    readFully(file, bytes, offset + part * maxFrameBytes);
  }
}
