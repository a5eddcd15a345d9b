/**
 * The journal: an append-only log of transactions in one directory. Appends are synchronous writes; `sync` makes them durable.
 *
 * It knows bytes only: nothing of jobs, records, or what an entry's type means. It does not lock the directory: whoever opens a
 * journal holds the lock of `lock.ts`. The bytes on disk are specified in `format.ts`, what opening decides in `recovery.ts`.
 *
 * Invariants:
 * - A segment is created only when the one before it is on the disk, to its last byte and with its name.
 * - `syncedLsn` moves only when a sync has returned that began after the frame was written.
 * - After a failed write (other than for a full disk) or a failed sync nothing is accepted any more. A sync is never tried
 *   again: the system may have dropped the pages and call the next one a success.
 */
import * as path from 'node:path';
import { CallsheetError, ClosedError, JournalWriteError, StorageFullError } from '../errors.js';
import { createFirstSegment, createWitness } from './creation.js';
import { prepareDirectory } from './directory.js';
import { type Disk, type DiskFile, isDiskFull, PartialWriteError } from './disk.js';
import { EntryReader } from './entry-reader.js';
import { maxSegmentNumber, reserveFileName, segmentFileName } from './file-names.js';
import { type Entry, fileHeaderBytes, frameHeaderBytes, type Position } from './format.js';
import { checkedPayloadBytes, FrameWriter, type LogEnd } from './frame-writer.js';
import { type JournalOptions, resolveOptions } from './journal-options.js';
import { KeptFiles } from './kept-files.js';
import { type RecoveredLog, type Replay, recover, type TornTail } from './recovery.js';
import { Reserve } from './reserve.js';
import { createSegment, reopenLastSegment } from './segment-file.js';
import { SharedSync } from './shared-sync.js';
import type { DamagedSnapshot } from './snapshot-reader.js';
import { type LogStart, type Rest, SnapshotWriter } from './snapshot-writer.js';

export type { Entry, Position } from './format.js';
export type { JournalOptions } from './journal-options.js';
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

export interface AppendOptions {
  /** Use the reserved space if the disk is full: for what must not be refused, such as completions. Default false. */
  reserve?: boolean;
}

/** The result of an append. */
export interface Appended {
  /** The LSN of the transaction: it is durable when `sync` gives this or a higher one. */
  readonly lsn: number;
  /** Where the entries are, in their order. */
  readonly positions: Position[];
}

/**
 * Opens the journal in a directory, creating both where missing. Hands what it holds to `replay`, and resolves when all that was
 * handed over is on the disk.
 *
 * Throws `JournalCorruptError` for damage and `JournalVersionError` for files of a newer version, both with nothing modified;
 * `CallsheetError` with `DIRECTORY_UNUSABLE`; `StorageFullError`, and `JournalWriteError`.
 */
export async function openJournal(directory: string, replay: Replay, options: JournalOptions = {}): Promise<Journal> {
  const { segmentBytes, reserveBytes, disk, salt } = resolveOptions(options);
  const absolute = prepareDirectory(directory, disk);
  try {
    const log = recover(disk, absolute, replay);
    const end = reopenLastSegment(disk, log) ?? createFirstSegment(disk, absolute, salt());
    try {
      if (!log.hasWitness) createWitness(disk, absolute);
      const reserve =
        reserveBytes > 0 ? new Reserve(disk, path.join(absolute, reserveFileName), reserveBytes) : undefined;
      return new Journal({ directory: absolute, disk, segmentBytes, salt, log, end, reserve });
    } catch (error) {
      end.file.close();
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
  salt: () => number;
  log: RecoveredLog;
  end: LogEnd;
  reserve: Reserve | undefined;
}

/** An open journal. Made by {@link openJournal}. */
export class Journal {
  /** What opening found. */
  readonly report: OpenReport;
  readonly #directory: string;
  readonly #disk: Disk;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
  readonly #salt: () => number;
  readonly #writer: FrameWriter;
  readonly #reader: EntryReader;
  readonly #reserve: Reserve | undefined;
  readonly #kept: KeptFiles;
  readonly #sharedSync = new SharedSync(() => this.#syncLog());

  #syncedLsn: number;
  /** Where the current segment begins. */
  #segmentStart: LogStart;
  /** The last frame is a mark, so that closing needs no other. */
  #endsWithMark: boolean;
  #syncs = 0;
  /** The name of the current segment may not be on the disk yet. */
  #nameUnsynced = false;
  /** `beginFrame` wanted a new segment while a sync was in flight: see {@link Journal.beginFrame}. */
  #rollAfterSync = false;
  /** The segment that `beginFrame` promised to the next append. */
  #begunSegment: number | undefined;
  #failure: JournalWriteError | undefined;
  #closing: Promise<void> | undefined;

  /** For {@link openJournal} only. */
  constructor(parts: JournalParts) {
    const { directory, disk, segmentBytes, salt, log, end, reserve } = parts;
    this.#directory = directory;
    this.#disk = disk;
    this.segmentBytes = segmentBytes;
    this.#salt = salt;
    this.#reserve = reserve;
    this.#writer = new FrameWriter(end);
    this.#reader = new EntryReader(disk, (segment) => path.join(directory, segmentFileName(segment)));
    this.#syncedLsn = end.lsn;
    this.#endsWithMark = log.endsWithMark;
    const header = log.last?.header ?? { number: 1, firstLsn: 1, previousChecksum: 0 };
    this.#segmentStart = { number: header.number, lsn: header.firstLsn - 1, checksum: header.previousChecksum };
    this.#kept = new KeptFiles(disk, directory, log);
    this.report = reportOf(log);
  }

  /** The LSN of the last frame that was appended. */
  get lsn(): number {
    return this.#writer.end.lsn;
  }

  /** The highest LSN that is surely on the disk. */
  get syncedLsn(): number {
    return this.#syncedLsn;
  }

  /** The number of the segment that is appended to. */
  get segmentNumber(): number {
    return this.#writer.end.segment;
  }

  /** Size of all segments and snapshots, in bytes. */
  get diskBytes(): number {
    return this.#kept.bytes + this.#writer.end.offset;
  }

  /** Size of the newest snapshot, in bytes; 0 if there is none. */
  get snapshotBytes(): number {
    return this.#kept.newestBytes;
  }

  /** Bytes of frames appended since opening. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten;
  }

  /** Frames appended since opening. */
  get frames(): number {
    return this.#writer.frames;
  }

  /** Syncs of the log since opening. */
  get syncs(): number {
    return this.#syncs;
  }

  /**
   * Gives the number of the segment that the next append goes to, which must follow before anything is awaited. Rolls to a new
   * segment if an estimate of the transaction's size, in bytes, does not fit into the current one.
   *
   * Rolling seals the current segment with a blocking sync of what is not synced yet. While an asynchronous sync is in
   * flight it waits for that one's end, since only its result tells whether the segment is good; meanwhile the segment
   * grows beyond its size. A disk too full for a new segment has the same effect.
   */
  beginFrame(estimateBytes: number): number {
    this.#refuseIfUnusable();
    const { offset } = this.#writer.end;
    const fits = offset + frameHeaderBytes + estimateBytes <= this.segmentBytes;
    if (!fits && offset > fileHeaderBytes && (this.#reserve?.isWhole ?? true)) {
      if (this.#sharedSync.isInFlight) this.#rollAfterSync = true;
      else this.#roll();
    }
    this.#begunSegment = this.#writer.end.segment;
    return this.#begunSegment;
  }

  /**
   * Writes one transaction, which recovery will apply whole or not at all. It survives the process when this returns, and a
   * power loss when a later `sync` resolves.
   *
   * Throws `StorageFullError` if the disk is full or, without `reserve`, if only the reserve is left: nothing of the
   * transaction stays then, and the journal goes on. Throws `JournalWriteError` for any other failure, which is final.
   */
  append(entries: readonly Entry[], options?: AppendOptions): Appended {
    this.#refuseIfUnusable();
    const begun = this.#begunSegment;
    this.#begunSegment = undefined;
    if (begun !== undefined && begun !== this.#writer.end.segment) {
      throw new Error('append must follow beginFrame in the same turn: a new segment has begun in between');
    }
    const payloadBytes = checkedPayloadBytes(entries);
    const mayUseReserve = options?.reserve === true;
    if (!mayUseReserve) this.#requireWholeReserve();
    const positions = this.#writeOrCutBack(mayUseReserve, () => {
      return this.#writer.write(entries, payloadBytes, this.#syncedLsn);
    });
    this.#endsWithMark = false;
    return { lsn: this.#writer.end.lsn, positions };
  }

  /**
   * Makes what was appended durable; resolves with the highest LSN that surely is. One sync is in flight at a time; what is
   * appended during it is not covered, and whoever asks during it shares the next one. A failure is final.
   */
  sync(): Promise<number> {
    try {
      this.#refuseIfUnusable();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#sharedSync.request();
  }

  /** Reads an entry back. Throws `JournalCorruptError` if its bytes are not what they were. */
  read(at: Position): Uint8Array {
    if (this.#closing !== undefined) throw new ClosedError(`the journal in ${this.#directory} is closed`);
    return this.#reader.read(at);
  }

  /**
   * Begins a snapshot: what is added to it must be the state at this moment or later. Resolves with nothing if this is not the
   * time, since the disk is full or there is no log since the last one.
   *
   * The log of the snapshot begins with a segment of its own, if there can be one at once.
   */
  async beginSnapshot(): Promise<SnapshotWriter | undefined> {
    this.#refuseIfUnusable();
    if (!(this.#reserve?.isWhole ?? true)) return undefined;
    if (this.#writer.end.offset > fileHeaderBytes) {
      this.#rollAfterSync = this.#sharedSync.isInFlight;
      if (this.#rollAfterSync) await this.#sharedSync.request();
      else this.#roll();
      this.#refuseIfUnusable();
    }
    const start = this.#segmentStart;
    if (start.number === this.#kept.newest || start.lsn === 0) return undefined;
    return new SnapshotWriter(this.#disk, this.#directory, start, this.#salt());
  }

  /** Makes a snapshot the newest generation, and deletes the one before the last. A snapshot that fails is given up. */
  async publishSnapshot(snapshot: SnapshotWriter, rest: Rest): Promise<void> {
    try {
      // The snapshot may hold what the log says up to here, so the log must not lose it.
      const { lsn } = this;
      await this.sync();
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
    this.#kept.deleteSegment(segment);
    this.#reader.forget(segment);
  }

  /** Syncs and closes. Rejects with `JournalWriteError` if what was appended may not be on the disk; is closed even so. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #syncLog(): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    const { lsn, file } = this.#writer.end;
    // A segment without frames counts, too: it may be what a snapshot begins with.
    if (lsn === this.#syncedLsn && !this.#nameUnsynced) return lsn;
    try {
      await file.sync();
      if (this.#nameUnsynced) {
        await this.#disk.syncDirectory(this.#directory);
        this.#nameUnsynced = false;
      }
    } catch (error) {
      throw this.#fail('sync', error);
    }
    this.#syncs += 1;
    this.#syncedLsn = lsn;
    if (this.#rollAfterSync) {
      // If this fails, what was synced is on the disk all the same: the failure is for the next one who asks.
      try {
        this.#roll();
      } catch {}
    }
    return lsn;
  }

  /** Seals the current segment and begins the next; stays with the current one if the disk is full. */
  #roll(): void {
    this.#rollAfterSync = false;
    const { end } = this.#writer;
    if (end.segment === maxSegmentNumber) return;
    try {
      if (this.#syncedLsn < end.lsn) {
        end.file.syncNow();
        this.#syncs += 1;
      }
      if (this.#nameUnsynced) this.#disk.syncDirectoryNow(this.#directory);
      this.#nameUnsynced = false;
      this.#syncedLsn = end.lsn;
    } catch (error) {
      throw this.#fail('sync', error);
    }
    try {
      this.#writer.end = createSegment(this.#disk, this.#directory, end.segment + 1, end, this.#salt());
      this.#nameUnsynced = true;
      this.#segmentStart = { number: end.segment + 1, lsn: end.lsn, checksum: end.checksum };
      this.#kept.sealed(end.segment, end.offset);
      end.file.close();
    } catch (error) {
      if (!isDiskFull(error)) throw this.#fail('create a segment', error);
    }
  }

  #requireWholeReserve(): void {
    if (this.#reserve === undefined || this.#reserve.isWhole) return;
    let isWhole: boolean;
    try {
      isWhole = this.#reserve.refill();
    } catch (error) {
      throw this.#fail('refill the reserve', error);
    }
    if (!isWhole)
      throw new StorageFullError(`the disk of ${this.#directory} is full; what is left is kept for completions`);
  }

  /** Writes; if the disk is full, cuts back to where the log was, and tries again as long as the reserve gives space. */
  #writeOrCutBack<T>(mayUseReserve: boolean, write: () => T): T {
    for (;;) {
      const { file, offset } = this.#writer.end;
      try {
        return write();
      } catch (error) {
        if (!isDiskFull(error)) throw this.#fail('write', error);
        this.#cutBack(file, offset);
        if (!(mayUseReserve && this.#giveReserve(error))) {
          throw new StorageFullError(`the disk of ${this.#directory} is full`, { cause: error });
        }
      }
    }
  }

  /**
   * Removes what a refused write left. The cut is synced, so that a power loss cannot mix the remains with what is written in
   * their place next. That sync moves no LSN: one in flight may be failing, and only its own result would say so.
   */
  #cutBack(file: DiskFile, offset: number): void {
    try {
      file.truncate(offset);
      file.syncNow();
    } catch (error) {
      throw this.#fail('cut back a refused write', error);
    }
  }

  #giveReserve(refused: unknown): boolean {
    try {
      return this.#reserve?.give(refused instanceof PartialWriteError ? refused.wantedBytes : 0) ?? false;
    } catch (error) {
      throw this.#fail('give up reserved space', error);
    }
  }

  async #close(): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#sharedSync.request();
      await this.#markEnd();
    } finally {
      this.#writer.end.file.close();
      this.#reserve?.close();
      this.#reader.close();
    }
  }

  /**
   * Ends the log with a mark, so that the last transaction is vouched for while the journal is closed: damage to it is then
   * seen as damage, not as a torn tail. On a full disk there is none, which is no harm.
   */
  async #markEnd(): Promise<void> {
    if (this.#endsWithMark || this.lsn === 0) return;
    try {
      this.#writeOrCutBack(true, () => this.#writer.writeMark(this.#syncedLsn));
    } catch (error) {
      if (error instanceof StorageFullError) return;
      throw error;
    }
    await this.#sharedSync.request();
  }

  #refuseIfUnusable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw new ClosedError(`the journal in ${this.#directory} is closed`);
  }

  #fail(what: string, cause: unknown): JournalWriteError {
    this.#failure ??= new JournalWriteError(`could not ${what} in ${this.#directory}: ${String(cause)}`, { cause });
    return this.#failure;
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
