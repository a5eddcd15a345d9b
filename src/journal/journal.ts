/**
 * The journal: an append-only log of transactions in one directory. Appends are synchronous writes; `sync` makes them durable.
 *
 * It knows bytes only: nothing of jobs, records, or what an entry's type means. It does not lock the directory: whoever opens a
 * journal holds the lock of `lock.ts`, and the journal only looks whether that is still so. The bytes on disk are specified in `format.ts`, what opening decides in `recovery.ts`, what
 * holds for the log while it grows in `log.ts`.
 */
import * as path from 'node:path';
import { CallsheetError, ClosedError, JournalWriteError, StorageFullError } from '../errors.js';
import { createFirstSegment } from './creation.js';
import { prepareDirectory } from './directory.js';
import { closeAll, type Disk, isDiskFull, PartialWriteError } from './disk.js';
import { EntryReader } from './entry-reader.js';
import { reserveFileName, segmentFileName } from './file-names.js';
import type { Entry, Position } from './format.js';
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

export type { Entry, Position } from './format.js';
export type { JournalOptions } from './journal-options.js';
export type { Appended, AppendOptions } from './log.js';
export type { Replay, TornTail } from './recovery.js';
export type { Rest, SnapshotWriter } from './snapshot-writer.js';

/** What opening found. */
export interface OpenReport {
  /** The LSN of the last frame; 0 in a new journal. */
  readonly lsn: number;
  /** Segments, frames and bytes of log that were replayed: all, or what came after the snapshot began. */
  readonly segments: number;
  readonly frames: number;
  readonly bytes: number;
  /** The segment with which the log of the snapshot begins that was read first. */
  readonly snapshot?: number;
  /** Snapshots that could not be read, newer than the one that was. They go when the next one is published. */
  readonly damagedSnapshots?: readonly DamagedSnapshot[];
  /** What a power loss or kill -9 cut short, and was cut off. Never anything that a `sync` had covered. */
  readonly tornTail?: TornTail;
}

/**
 * Opens the journal in a directory, creating both where missing. Hands what it holds to `replay`, and resolves when all that was
 * handed over is on the disk.
 *
 * Throws `JournalCorruptError` for damage and `JournalVersionError` for files of a newer version, both with nothing modified;
 * `CallsheetError` with `DIRECTORY_UNUSABLE`; `StorageFullError`, and `JournalWriteError`.
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

/** An open journal. Made by {@link openJournal}. */
export class Journal {
  /** What opening found. */
  readonly report: OpenReport;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
  /** Its absolute path. */
  readonly directory: string;
  readonly #disk: Disk;
  readonly #salt: () => number;
  readonly #log: Log;
  readonly #reader: EntryReader;
  readonly #kept: KeptFiles;
  #closing: Promise<void> | undefined;

  /** For {@link openJournal} only. */
  constructor({ directory, disk, segmentBytes, aheadBytes, salt, log, end, witness, reserve, lock }: JournalParts) {
    this.directory = directory;
    this.#disk = disk;
    this.segmentBytes = segmentBytes;
    this.#salt = salt;
    this.#reader = new EntryReader(disk, (segment) => path.join(directory, segmentFileName(segment)));
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

  /** The LSN of the last frame that was appended. */
  get lsn(): number {
    return this.#log.end.lsn;
  }

  /** The highest LSN that is surely on the disk. */
  get syncedLsn(): number {
    return this.#log.syncedLsn;
  }

  /** The number of the segment that is appended to. */
  get segmentNumber(): number {
    return this.#log.end.segment;
  }

  /** Size of all segments and snapshots, in bytes. */
  get diskBytes(): number {
    return this.#kept.bytes + this.#log.end.offset;
  }

  /** Size of the newest snapshot, in bytes; 0 if there is none. */
  get snapshotBytes(): number {
    return this.#kept.newestBytes;
  }

  /** Whether enough of the reserve is left, on a full disk, for more than what runs. */
  get hasReserve(): boolean {
    return this.#log.hasReserve;
  }

  /** Fills the reserve as far as there is space; false while the disk has no room beyond it. */
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
   * Gives the number of the segment that the next append goes to, which must follow before anything is awaited. Rolls to a new
   * segment if an estimate of the transaction's size, in bytes, does not fit into the current one.
   *
   * Rolling seals the current segment with a blocking sync of what is not synced yet. While an asynchronous sync is in
   * flight it waits for that one's end, since only its result tells whether the segment is good; meanwhile the segment
   * grows beyond its size. A disk too full for a new segment, or too many open files, have the same effect.
   */
  beginFrame(estimateBytes: number): number {
    return this.#log.beginFrame(estimateBytes);
  }

  /**
   * Writes one transaction, which recovery will apply whole or not at all. It survives the process when this returns, and a
   * power loss when a later `sync` resolves.
   *
   * Throws `StorageFullError` if the disk is full or, without `reserve`, if only the reserve is left: nothing of the
   * transaction stays then, and the journal goes on. Throws `JournalWriteError` for any other failure, which is final.
   */
  append(entries: readonly Entry[], options?: AppendOptions): Appended {
    return this.#log.append(entries, options);
  }

  /**
   * Makes what was appended durable; resolves with the highest LSN that surely is. One sync is in flight at a time; what is
   * appended during it is not covered, and whoever asks during it shares the next one. A failure is final, as is a
   * `JournalRemovedError`: the segment is not where it was.
   */
  sync(): Promise<number> {
    return this.#log.sync();
  }

  /** Reads an entry back. Throws `JournalCorruptError` if its bytes are not what they were. */
  read(at: Position): Uint8Array {
    if (this.#log.isClosed) throw new ClosedError(`the journal in ${this.directory} is closed`);
    try {
      return this.#reader.read(at);
    } catch (error) {
      // In a directory that is not ours any more, nothing says anything about the entry.
      this.#log.requireInPlace();
      throw error;
    }
  }

  /**
   * Begins a snapshot: what is added to it must be the state at this moment or later. Resolves with nothing if this is not the
   * time, since the disk is full or there is no log since the last one.
   *
   * The log of the snapshot begins with a segment of its own, if there can be one at once.
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

  /** Makes a snapshot the newest generation, and deletes the one before the last. A snapshot that fails is given up. */
  async publishSnapshot(snapshot: SnapshotWriter, rest: Rest): Promise<void> {
    try {
      // The snapshot may hold what the log says up to here, so the log must not lose it.
      const { lsn } = this;
      await this.sync();
      this.#log.requireInPlace();
      await this.#kept.published(await snapshot.publish(lsn, rest));
    } catch (error) {
      snapshot.abandon();
      throw error;
    }
  }

  /** Segments that are not needed as log any more, with their sizes, the oldest first. */
  payloadSegments(): [number: number, bytes: number][] {
    return this.#kept.payloadSegments();
  }

  /** Deletes one of these. Nobody may have positions in it, in what is on the disk either. */
  deleteSegment(segment: number): void {
    this.#log.requireInPlace();
    this.#kept.deleteSegment(segment);
    this.#reader.forget(segment);
  }

  /** Syncs and closes. Rejects with `JournalWriteError` if what was appended may not be on the disk; is closed even so. */
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

/** The error for a failure while opening: errors of the journal as they are, those of the disk by what they mean. */
function openFailure(directory: string, error: unknown): unknown {
  if (error instanceof CallsheetError || !(error instanceof Error)) return error;
  if (!(error instanceof PartialWriteError || 'syscall' in error)) return error;
  if (isDiskFull(error)) return new StorageFullError(`the disk of ${directory} is full`, { cause: error });
  return new JournalWriteError(`could not open the journal in ${directory}: ${error.message}`, { cause: error });
}
