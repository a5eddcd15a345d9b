/**
 * The journal: an append-only log of transactions in one directory. Appends are synchronous writes;
 * `sync` makes them durable.
 *
 * It knows bytes only, nothing of jobs, records or the meaning of an entry's type. It does not lock
 * the directory: the caller holds the lock of `lock.ts`, and the journal only checks that it is
 * still held. `format.ts` specifies the bytes on disk, `recovery.ts` the decisions of opening,
 * `log.ts` the invariants of the growing log.
 */
import * as path from 'node:path';
import { CallsheetError, ClosedError, JournalWriteError, StorageFullError } from '../errors.js';
import { createFirstSegment } from './creation.js';
import { prepareDirectory } from './directory.js';
import { closeAll, type Disk, isDiskFull, PartialWriteError } from './disk.js';
import { type EntryReader, entriesIn } from './entry-reader.js';
import { reserveFileName } from './file-names.js';
import type { Entries, Position } from './format.js';
import type { LogEnd } from './frame-writer.js';
import { type JournalOptions, resolveOptions } from './journal-options.js';
import { KeptFiles } from './kept-files.js';
import { type Appended, type AppendOptions, Log } from './log.js';
import { type RecoveredLog, type Replay, recover, type TornTail } from './recovery.js';
import { Reserve } from './reserve.js';
import { reopenLastSegment } from './segment-file.js';
import type { DamagedSnapshot } from './snapshot-reader.js';
import { type Rest, SnapshotWriter } from './snapshot-writer.js';
import { Witness } from './witness.js';

export { type Entries, type Entry, NewerEntryError, type Position } from './format.js';
export type { JournalOptions } from './journal-options.js';
export type { Appended, AppendOptions } from './log.js';
export type { Replay, TornTail } from './recovery.js';
export type { Rest, SnapshotWriter } from './snapshot-writer.js';

/** The result of opening. */
export interface OpenReport {
  /** The LSN of the last frame; 0 in a new journal. */
  readonly lsn: number;
  /** Segments, frames and bytes of the replayed log, which begins with the snapshot's. */
  readonly segments: number;
  readonly frames: number;
  readonly bytes: number;
  /** The number of the snapshot that was read: its log begins with the segment of this number. */
  readonly snapshot?: number;
  /** Newer snapshots that could not be read. They are deleted when the next one is published. */
  readonly damagedSnapshots?: readonly DamagedSnapshot[];
  /** The tail that a power loss or kill -9 left. It holds no frame that a `sync` had covered. */
  readonly tornTail?: TornTail;
}

/**
 * Opens the journal in a directory, and creates both if they are missing. Hands the journal's
 * content to `replay`, and resolves when all of it is on the disk.
 *
 * Throws `JournalCorruptError` for damage and `JournalVersionError` for files of a newer version,
 * both with nothing modified; `CallsheetError` with `DIRECTORY_UNUSABLE`; `StorageFullError`, and
 * `JournalWriteError`.
 */
export async function openJournal(directory: string, replay: Replay, options: JournalOptions = {}): Promise<Journal> {
  const resolved = resolveOptions(options);
  const { segmentBytes, reserveBytes, aheadBytes, disk, salt, lock } = resolved;
  const absolute = prepareDirectory(directory, resolved);
  try {
    const log = recover(disk, absolute, replay);
    const end = reopenLastSegment(disk, log) ?? createFirstSegment(disk, absolute, salt());
    const opened: { close(): void }[] = [end.file];
    try {
      const witness = Witness.open(disk, absolute, log.witness);
      opened.push(witness);
      if (end.lsn > witness.lsn) witness.recordNow(end);
      const reserve =
        reserveBytes > 0 ? new Reserve(disk, path.join(absolute, reserveFileName), reserveBytes) : undefined;
      return new Journal({
        directory: absolute,
        disk,
        segmentBytes,
        aheadBytes,
        salt,
        log,
        end,
        witness,
        reserve,
        lock,
      });
    } catch (error) {
      closeAll(opened);
      throw error;
    }
  } catch (error) {
    throw openFailure(absolute, error);
  }
}

interface JournalParts {
  directory: string;
  disk: Disk;
  segmentBytes: number;
  aheadBytes: number;
  salt: () => number;
  log: RecoveredLog;
  end: LogEnd;
  witness: Witness;
  reserve: Reserve | undefined;
  lock: JournalOptions['lock'];
}

/** An open journal, made by {@link openJournal}. */
export class Journal {
  readonly report: OpenReport;
  /** The size in bytes at which a segment is followed by a new one. */
  readonly segmentBytes: number;
  /** An absolute path. */
  readonly directory: string;
  readonly #disk: Disk;
  readonly #salt: () => number;
  readonly #log: Log;
  readonly #reader: EntryReader;
  readonly #kept: KeptFiles;
  #closing: Promise<void> | undefined;

  /** Called by {@link openJournal} only. */
  constructor({ directory, disk, segmentBytes, aheadBytes, salt, log, end, witness, reserve, lock }: JournalParts) {
    this.directory = directory;
    this.#disk = disk;
    this.segmentBytes = segmentBytes;
    this.#salt = salt;
    this.#reader = entriesIn(disk, directory);
    this.#kept = new KeptFiles(disk, directory, log);
    const { number, firstLsn, previousChecksum } = log.last?.header ?? { number: 1, firstLsn: 1, previousChecksum: 0 };
    this.#log = new Log({
      ...{ directory, disk, segmentBytes, aheadBytes, salt, end, witness, reserve, lock },
      segmentStart: { number, lsn: firstLsn - 1, checksum: previousChecksum },
      endsWithMark: log.endsWithMark,
      sealed: (segment, bytes) => this.#kept.sealed(segment, bytes),
    });
    this.report = reportOf(log);
  }

  get lsn(): number {
    return this.#log.end.lsn;
  }

  /** The highest LSN that is known to be on the disk. */
  get syncedLsn(): number {
    return this.#log.syncedLsn;
  }

  get segmentNumber(): number {
    return this.#log.end.segment;
  }

  /** The size of all segments and snapshots, in bytes. */
  get diskBytes(): number {
    return this.#kept.bytes + this.#log.end.offset;
  }

  /** The bytes that are free on its file system; `undefined` if it does not say. */
  get freeBytes(): number | undefined {
    try {
      return this.#disk.freeBytes(this.directory);
    } catch {
      return undefined;
    }
  }

  /** The size of the newest snapshot in bytes; 0 if there is none. */
  get snapshotBytes(): number {
    return this.#kept.newestBytes;
  }

  /** `true` if, on a full disk, the reserve is enough for more than the running jobs. */
  get hasReserve(): boolean {
    return this.#log.hasReserve;
  }

  /** Fills the reserve as far as there is space; `false` if the disk has no room beyond it. */
  findRoom(): boolean {
    return this.#log.findRoom();
  }

  /** Bytes of frames appended since opening. */
  get bytesWritten(): number {
    return this.#log.bytesWritten;
  }

  /** Frames appended since opening. */
  get frames(): number {
    return this.#log.frames;
  }

  /** Syncs of the log since opening. */
  get syncs(): number {
    return this.#log.syncs;
  }

  /**
   * Returns the number of the segment that takes the next append, which must follow in the same
   * turn. Rolls to a new segment if a transaction of `estimateBytes` does not fit into the current
   * one.
   *
   * Rolling seals the current segment with a blocking sync of all unsynced frames. While an
   * asynchronous sync is in flight, rolling waits for its end, since only its result shows whether
   * the segment is good; meanwhile the segment grows beyond its size. It grows also while the disk
   * is too full for a new segment, or too many files are open.
   */
  beginFrame(estimateBytes: number): number {
    return this.#log.beginFrame(estimateBytes);
  }

  /**
   * Writes one transaction, which recovery applies whole or not at all. It survives the end of the
   * process when this returns, and a power loss when a later `sync` resolves.
   *
   * Throws `StorageFullError` if the disk is full or, without `reserve`, if only the reserve is
   * left. Then nothing of the transaction stays, and the journal goes on. Throws
   * `JournalWriteError` for any other failure, which is final.
   */
  append(entries: Entries, options?: AppendOptions): Appended {
    return this.#log.append(entries, options);
  }

  /**
   * Makes all appended transactions durable. Resolves with the highest LSN that is known to be. A
   * sync in flight does not cover later appends; all calls during it share the next one. A failure
   * is final, as is a `JournalRemovedError`: the segment or the lock is no longer in its place.
   */
  sync(): Promise<number> {
    return this.#log.sync();
  }

  /**
   * Does the same without waiting for the end of a sync in flight, unless there are two. Resolves
   * when both have ended.
   */
  syncBeside(): Promise<number> {
    return this.#log.syncBeside();
  }

  /** Reads an entry back. Throws `JournalCorruptError` if its bytes do not match their checksum. */
  read(at: Position): Uint8Array {
    if (this.#log.isClosed) throw new ClosedError(`the journal in ${this.directory} is closed`);
    try {
      return this.#reader.read(at);
    } catch (error) {
      // In a directory that another runtime may have taken, a failed read proves no damage.
      this.#log.requireInPlace();
      throw error;
    }
  }

  /**
   * Begins a snapshot: the entries added to it must be the state at this moment or later. Resolves
   * with `undefined` if the disk is full or there is no log since the last snapshot.
   *
   * The log of the snapshot begins with a new segment, if one can be created at once.
   */
  async beginSnapshot(): Promise<SnapshotWriter | undefined> {
    this.#log.refuseIfUnusable();
    if (!this.#log.hasRoom) return undefined;
    await this.#log.roll();
    const start = this.#log.segmentStart;
    if (start.number === this.#kept.newest || start.lsn === 0) return undefined;
    this.#log.requireInPlace();
    return new SnapshotWriter(this.#disk, this.directory, start, this.#salt());
  }

  /** Makes a snapshot the newest generation and deletes the third. Gives it up if that fails. */
  async publishSnapshot(snapshot: SnapshotWriter, rest: Rest): Promise<void> {
    try {
      // The snapshot may hold the effects of the log up to here, so the log must not lose it.
      const { lsn } = this;
      await this.sync();
      this.#log.requireInPlace();
      await this.#kept.published(await snapshot.publish(lsn, rest));
    } catch (error) {
      snapshot.abandon();
      throw error;
    }
  }

  /** Returns segments not needed as log any more, with their sizes in bytes, the oldest first. */
  payloadSegments(): [number: number, bytes: number][] {
    return this.#kept.payloadSegments();
  }

  /** Deletes one of {@link payloadSegments}. No position in it may remain, on the disk neither. */
  deleteSegment(segment: number): void {
    this.#log.requireInPlace();
    this.#kept.deleteSegment(segment);
    this.#reader.forget(segment);
  }

  /** Syncs and closes. Rejects with `JournalWriteError` if that failed; is closed even then. */
  close(): Promise<void> {
    this.#closing ??= this.#log.close().finally(() => this.#reader.close());
    return this.#closing;
  }
}

function reportOf({ end, segments, frames, bytes, generation, damagedSnapshots, tornTail }: RecoveredLog): OpenReport {
  return Object.freeze({
    lsn: end.lsn,
    segments,
    frames,
    bytes,
    ...(generation.snapshot && { snapshot: generation.number }),
    ...(damagedSnapshots.length > 0 && { damagedSnapshots }),
    ...(tornTail && { tornTail }),
  });
}

/** Returns the error of a failed opening: an error of the disk by its meaning. */
function openFailure(directory: string, error: unknown): unknown {
  if (error instanceof CallsheetError || !(error instanceof Error)) return error;
  if (!(error instanceof PartialWriteError || 'syscall' in error)) return error;
  if (isDiskFull(error)) return new StorageFullError(`the disk of ${directory} is full`, { cause: error });
  return new JournalWriteError(`could not open the journal in ${directory}: ${error.message}`, { cause: error });
}
