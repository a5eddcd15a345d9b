/**
 * Reads entries back from their positions, also long after they were written: payloads stay in the
 * log, not in memory. Keeps a few sealed segments open. Checks the checksum of every read.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { JournalCorruptError } from '../errors.js';
import { closeAll, type Disk, type DiskFile, errorCodeOf, isOutOfFiles } from './disk.js';
import { segmentFileName } from './file-names.js';
import { readFully } from './file-window.js';
import { maxEntryBytes, maxFrameBytes, maxPartBytes, type Position } from './format.js';
import { unreadable } from './survey.js';

const maxOpenSegments = 16;
/** While too many files are open, a read waits `waitMs` up to `mostWaits` times. */
const mostWaits = 100;
const waitMs = 10;
const neverWoken = new Int32Array(new SharedArrayBuffer(4));
/** An entry of up to `smallBytes` is read with the bytes after it, `nearBytes` in all. */
const smallBytes = 4 * 1024;
const nearBytes = 64 * 1024;

/** Reads entries of the segments in a directory. */
export const entriesIn = (disk: Disk, directory: string) =>
  new EntryReader(disk, (segment) => join(directory, segmentFileName(segment)));

export class EntryReader {
  readonly #disk: Disk;
  readonly #pathOf: (segment: number) => string;
  /** Open segments, the most recently used one last. */
  readonly #open = new Map<number, DiskFile>();

  /** The bytes read last: `#nearBytes` of `#nearSegment` from `#nearOffset` on. Segment 0: none. */
  readonly #nearBuffer = new Uint8Array(nearBytes);
  #nearSegment = 0;
  #nearOffset = 0;
  #nearBytes = 0;

  constructor(disk: Disk, pathOf: (segment: number) => string) {
    this.#disk = disk;
    this.#pathOf = pathOf;
  }

  /** Returns an entry's bytes. Throws `JournalCorruptError` if they are missing or damaged. */
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

  /** Closes a segment that was deleted. */
  forget(segment: number): void {
    if (this.#nearSegment === segment) this.#nearSegment = 0;
    this.#open.get(segment)?.close();
    this.#open.delete(segment);
  }

  close(): void {
    closeAll(this.#open.values());
    this.#open.clear();
  }

  /** Copies an entry from the bytes read last: jobs mostly run in the order of their entries. */
  #near({ segment, offset, length }: Position): Uint8Array | undefined {
    const start = offset - this.#nearOffset;
    if (segment !== this.#nearSegment || !(start >= 0 && length >= 0 && start + length <= this.#nearBytes))
      return undefined;
    return this.#nearBuffer.slice(start, start + length);
  }

  /** Reads again after the first I/O error, and waits while too many files are open. */
  #readPatiently(at: Position, path: string): Uint8Array {
    for (let failures = 1; ; failures++) {
      try {
        return this.#read(at, path);
      } catch (error) {
        if (isOutOfFiles(error) ? failures > mostWaits : errorCodeOf(error) !== 'EIO' || failures > 1) throw error;
        // The segments kept open are the first descriptors to give up.
        this.close();
        if (isOutOfFiles(error) && failures > 1) Atomics.wait(neverWoken, 0, 0, waitMs);
      }
    }
  }

  #read(at: Position, path: string): Uint8Array {
    const file = this.#fileOf(at.segment, path);
    // Before memory is allocated, the length must fit into the file and be one that an entry may
    // have.
    const left = file.size() - at.offset;
    if (!(at.length >= 0 && at.offset >= 0 && at.length <= left && at.length <= maxEntryBytes))
      throw new RangeError('the file is too short, or the length is not one of an entry');
    if (at.length > smallBytes) {
      const bytes = new Uint8Array(at.length);
      readParts(file, bytes, at.offset);
      return bytes;
    }
    // Written bytes never change, so the bytes after the entry can be read with it.
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

/** Reads an entry in parts, each at the same place of a full frame (see `format.ts`). */
function readParts(file: DiskFile, into: Uint8Array, offset: number): void {
  for (let part = 0; part * maxPartBytes < into.length; part++) {
    const bytes = into.subarray(part * maxPartBytes, (part + 1) * maxPartBytes);
    readFully(file, bytes, offset + part * maxFrameBytes);
  }
}
