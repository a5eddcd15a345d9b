/**
 * Writes one snapshot under the name of an unfinished one, syncs and renames it, syncs the
 * directory, and reads it back. Files that a snapshot replaces may be deleted only after `publish`
 * has resolved.
 *
 * A failure before that costs this snapshot and nothing else: no state depends on it yet, so an
 * error of its file is no reason to give up the log.
 */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { type Disk, type DiskFile, removeIfThere, writeFully } from './disk.js';
import { encodeFileHeader } from './file-header.js';
import { snapshotFileName, unfinishedFileName } from './file-names.js';
import { type Entries, fileKind } from './format.js';
import { checkedPayloadBytes, FrameWriter } from './frame-writer.js';
import { encodeFooter } from './snapshot-footer.js';
import { checkSnapshot, type Snapshot } from './snapshot-reader.js';

/** The beginning of a snapshot's log: a segment, and the last frame before it. */
export interface LogStart {
  readonly number: number;
  readonly lsn: number;
  readonly checksum: number;
}

/** Called wherever the work may pause. Rejects to give the snapshot up. */
export type Rest = () => Promise<void> | undefined;

export class SnapshotWriter {
  readonly start: LogStart;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #file: HashedFile;
  readonly #frames: FrameWriter;
  #count = 0;
  #syncedBytes = 0;
  #isOpen = true;

  /** Creates the file. Leaves no file behind if that fails. */
  constructor(disk: Disk, directory: string, start: LogStart, salt: number) {
    this.start = start;
    this.#disk = disk;
    this.#directory = directory;
    const { bytes, header } = encodeFileHeader({
      kind: fileKind.snapshot,
      number: start.number,
      salt: salt >>> 0,
      firstLsn: start.lsn + 1,
      previousChecksum: start.checksum,
    });
    const unfinished = this.#path(unfinishedFileName);
    removeIfThere(disk, unfinished);
    this.#file = new HashedFile(disk.open(unfinished, 'create'));
    this.#frames = new FrameWriter({
      file: this.#file,
      segment: 0,
      salt: header.salt,
      offset: bytes.length,
      lsn: start.lsn,
      checksum: header.checksum,
    });
    try {
      writeFully(this.#file, bytes, 0);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** The size of the file so far, in bytes. */
  get bytes(): number {
    return this.#frames.end.offset;
  }

  /** The bytes that are not synced yet. */
  get unsyncedBytes(): number {
    return this.bytes - this.#syncedBytes;
  }

  /** Writes entries as one transaction. */
  add(entries: Entries): void {
    this.#frames.write(entries, checkedPayloadBytes(entries), 0);
    this.#count += entries.count;
  }

  /** Syncs. Many small syncs delay those of the log less than a large one at the end. */
  async sync(): Promise<void> {
    const { bytes } = this;
    await this.#file.sync();
    this.#syncedBytes = bytes;
  }

  /** Makes the snapshot the newest generation. The log must be on the disk up to `endLsn`. */
  async publish(endLsn: number, rest: Rest): Promise<Snapshot> {
    const { bytes } = this;
    this.#frames.writeFooter(encodeFooter({ count: this.#count, endLsn, bytes, sha256: this.#file.sha256() }));
    await this.sync();
    await rest();
    this.#close();
    const name = this.#path(snapshotFileName);
    this.#disk.rename(this.#path(unfinishedFileName), name);
    await this.#disk.syncDirectory(this.#directory);
    const check = checkSnapshot(this.#disk, name, this.start.number);
    for (;;) {
      const step = check.next();
      if (step.done !== true) {
        await rest();
      } else if ('reason' in step.value) {
        removeIfThere(this.#disk, name);
        throw new Error(`${name} was written and cannot be read back: ${step.value.reason}`);
      } else {
        return step.value;
      }
    }
  }

  /** Gives the snapshot up. Does nothing if it is published. */
  abandon(): void {
    if (!this.#isOpen) return;
    // The next opening of the journal removes a file that cannot be removed now.
    try {
      this.#close();
      removeIfThere(this.#disk, this.#path(unfinishedFileName));
    } catch {}
  }

  #close(): void {
    this.#isOpen = false;
    this.#file.close();
  }

  #path(nameOf: (segment: number) => string): string {
    return path.join(this.#directory, nameOf(this.start.number));
  }
}

/** A file that is written from front to back, and hashed on the way. */
class HashedFile implements DiskFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #hash = createHash('sha256');

  constructor(file: DiskFile) {
    this.path = file.path;
    this.#file = file;
  }

  /** Returns the hash of all bytes written so far. */
  sha256(): Uint8Array {
    return this.#hash.copy().digest();
  }

  write(bytes: Uint8Array, offset: number): number {
    const written = this.#file.write(bytes, offset);
    this.#hash.update(bytes.subarray(0, written));
    return written;
  }

  size(): number {
    return this.#file.size();
  }

  read(into: Uint8Array, offset: number): number {
    return this.#file.read(into, offset);
  }

  truncate(size: number): void {
    this.#file.truncate(size);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  syncBeside(): Promise<void> | undefined {
    return this.#file.syncBeside();
  }

  syncNow(): void {
    this.#file.syncNow();
  }

  isInPlace(): boolean {
    return this.#file.isInPlace();
  }

  close(): void {
    this.#file.close();
  }
}
