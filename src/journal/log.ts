/**
 * The log where it grows: writes transactions to the current segment, syncs it, and begins the next one.
 *
 * Invariants:
 * - A segment is created only when the one before it is on the disk, to its last byte and with its name.
 * - `syncedLsn` moves only when a sync has returned that began after the frame was written, and the segment still is where it was:
 *   a file that was removed, with its directory or alone, takes writes and syncs for ever.
 * - Before each write and before `syncedLsn` moves, the lock still has its name: without it, another
 *   runtime can open the directory.
 * - It moves into a segment only when the witness knows of frames in that segment, so that the
 *   segment cannot go missing without notice.
 * - After a failed write (other than for a full disk) or a failed sync nothing is accepted any more. A sync is never tried
 *   again: the system may have dropped the pages and call the next one a success.
 */
import { setTimeout } from 'node:timers/promises';
import {
  type CallsheetError,
  ClosedError,
  JournalRemovedError,
  JournalWriteError,
  StorageFullError,
} from '../errors.js';
import { closeAll, type Disk, type DiskFile, isDiskFull, isOutOfFiles, PartialWriteError } from './disk.js';
import { maxSegmentNumber } from './file-names.js';
import { type Entry, fileHeaderBytes, frameHeaderBytes, type Position } from './format.js';
import { checkedPayloadBytes, FrameWriter, type LogEnd } from './frame-writer.js';
import type { JournalOptions } from './journal-options.js';
import type { Reserve } from './reserve.js';
import { RoomAhead } from './room-ahead.js';
import { createSegment } from './segment-file.js';
import { SharedSync } from './shared-sync.js';
import type { LogStart } from './snapshot-writer.js';
import type { Witness } from './witness.js';

/** Too many files are open: when a sync of the directory is tried again, and when it is given up. */
const retryMs = 20;
const longestWaitMs = 60_000;

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

export interface LogParts {
  readonly directory: string;
  readonly disk: Disk;
  readonly segmentBytes: number;
  readonly aheadBytes: number;
  readonly salt: () => number;
  /** Where to go on, and where that segment begins. All before is on the disk. */
  readonly end: LogEnd;
  readonly segmentStart: LogStart;
  readonly endsWithMark: boolean;
  readonly witness: Witness;
  readonly reserve: Reserve | undefined;
  readonly lock: JournalOptions['lock'];
  /** A segment is full, and on the disk. */
  readonly sealed: (segment: number, bytes: number) => void;
}

export class Log {
  readonly #parts: LogParts;
  readonly #writer: FrameWriter;
  readonly #reserve: Reserve | undefined;
  readonly #ahead: RoomAhead;
  readonly #sharedSync = new SharedSync(() => this.#syncLog());
  #syncedLsn: number;
  #segmentStart: LogStart;
  /** The last frame is a mark, so that closing needs no other. */
  #endsWithMark: boolean;
  #syncs = 0;
  /** The name of the current segment may not be on the disk yet. */
  #nameUnsynced = false;
  /** `beginFrame` wanted a new segment while a sync was in flight: see {@link Log.beginFrame}. */
  #rollAfterSync = false;
  /** The segment that `beginFrame` promised to the next append. */
  #begunSegment: number | undefined;
  #failure: CallsheetError | undefined;
  #isClosed = false;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#writer = new FrameWriter(parts.end);
    this.#reserve = parts.reserve;
    this.#ahead = new RoomAhead(parts.aheadBytes, parts.segmentBytes);
    this.#ahead.begin(parts.end);
    this.#syncedLsn = parts.end.lsn;
    this.#segmentStart = parts.segmentStart;
    this.#endsWithMark = parts.endsWithMark;
  }

  /** Where the next frame goes. */
  get end(): LogEnd {
    return this.#writer.end;
  }

  /** The highest LSN that is surely on the disk. */
  get syncedLsn(): number {
    return this.#syncedLsn;
  }

  /** Where the current segment begins. */
  get segmentStart(): LogStart {
    return this.#segmentStart;
  }

  /** Bytes and frames appended, and syncs, since opening. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten;
  }
  get frames(): number {
    return this.#writer.frames;
  }
  get syncs(): number {
    return this.#syncs;
  }

  /** Whether appends need not touch the reserve. */
  get hasRoom(): boolean {
    return this.#reserve?.isWhole ?? true;
  }

  /** See `Journal.hasReserve`. */
  get hasReserve(): boolean {
    return this.#reserve?.isHalfLeft ?? false;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** See `Journal.beginFrame`. */
  beginFrame(estimateBytes: number): number {
    this.refuseIfUnusable();
    const { offset } = this.end;
    const fits = offset + frameHeaderBytes + estimateBytes <= this.#parts.segmentBytes;
    if (!fits && offset > fileHeaderBytes && this.hasRoom) {
      if (this.#sharedSync.isInFlight) this.#rollAfterSync = true;
      else this.#roll();
    }
    this.#begunSegment = this.end.segment;
    return this.#begunSegment;
  }

  /** See `Journal.append`. */
  append(entries: readonly Entry[], { reserve = false }: AppendOptions = {}): Appended {
    this.refuseIfUnusable();
    const begun = this.#begunSegment;
    this.#begunSegment = undefined;
    if (begun !== undefined && begun !== this.end.segment) {
      throw new Error('append must follow beginFrame in the same turn: a new segment has begun in between');
    }
    const payloadBytes = checkedPayloadBytes(entries);
    this.#requireLock();
    if (!reserve) this.#requireWholeReserve();
    const positions = this.#writeOrCutBack(reserve, () => {
      return this.#writer.write(entries, payloadBytes, this.#syncedLsn);
    });
    this.#endsWithMark = false;
    this.#makeRoom(payloadBytes);
    return { lsn: this.end.lsn, positions };
  }

  /** See `Journal.sync`. */
  sync(): Promise<number> {
    try {
      this.refuseIfUnusable();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#sharedSync.request();
  }

  /** Begins a new segment, if the current one has frames and the disk is not full. */
  async roll(): Promise<void> {
    if (this.end.offset === fileHeaderBytes) return;
    this.#rollAfterSync = this.#sharedSync.isInFlight;
    if (this.#rollAfterSync) await this.#sharedSync.request();
    else this.#roll();
    this.refuseIfUnusable();
  }

  /** Accepts no more. Syncs what there is, ends it with a mark, and closes; rejects if that fails, and is closed even so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#sharedSync.request();
      await this.#markEnd();
      this.#cutOffRoom();
      await this.#recordEnd();
    } finally {
      const { witness } = this.#parts;
      closeAll(this.#reserve === undefined ? [this.end.file, witness] : [this.end.file, witness, this.#reserve]);
    }
  }

  refuseIfUnusable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isClosed) throw new ClosedError(`the journal in ${this.#parts.directory} is closed`);
  }

  /**
   * Throws, for good, if the current segment is not where it was opened, or the lock is not: then the
   * directory is not ours to write into.
   */
  requireInPlace(): void {
    const { file } = this.end;
    this.#requirePlace(file.path, () => file.isInPlace());
    this.#requireLock();
  }

  /** A frame of ours would go where another owner's may be. */
  #requireLock(): void {
    const { lock } = this.#parts;
    if (lock !== undefined) this.#requirePlace(lock.file, () => lock.isHeld());
  }

  #requirePlace(file: string, look: () => boolean): void {
    let isInPlace: boolean;
    try {
      isInPlace = look();
    } catch (error) {
      throw this.#fail(`look at ${file}`, error);
    }
    if (isInPlace) return;
    this.#failure ??= new JournalRemovedError(
      `${file} was removed or replaced while it was open, so another runtime may have opened the directory`,
    );
    throw this.#failure;
  }

  async #syncLog(): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    const { lsn, file } = this.end;
    // A segment without frames counts, too: it may be what a snapshot begins with.
    const isWitnessed = lsn === this.#segmentStart.lsn || this.#parts.witness.lsn > this.#segmentStart.lsn;
    if (lsn === this.#syncedLsn && !this.#nameUnsynced && isWitnessed) return lsn;
    try {
      await file.sync();
      if (this.#nameUnsynced) {
        await this.#syncDirectory();
        this.#nameUnsynced = false;
      }
      if (!isWitnessed) await this.#parts.witness.record({ segment: this.end.segment, lsn });
    } catch (error) {
      throw this.#fail('sync', error);
    }
    this.requireInPlace();
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

  /** Makes the names of segments durable. It needs a descriptor, and waits until there is one. */
  async #syncDirectory(): Promise<void> {
    const { disk, directory } = this.#parts;
    for (let waitedMs = 0; ; waitedMs += retryMs) {
      try {
        return await disk.syncDirectory(directory);
      } catch (error) {
        if (!isOutOfFiles(error) || waitedMs >= longestWaitMs) throw error;
      }
      await setTimeout(retryMs);
    }
  }

  /**
   * Seals the current segment and begins the next. Stays with the current one while the disk is full
   * or too many files are open.
   */
  #roll(): void {
    this.#rollAfterSync = false;
    const { disk, directory, salt, sealed } = this.#parts;
    const { end } = this;
    if (end.segment === maxSegmentNumber) return;
    try {
      if (this.#cutOffRoom() || this.#syncedLsn < end.lsn) {
        end.file.syncNow();
        this.#syncs += 1;
      }
      if (this.#nameUnsynced) disk.syncDirectoryNow(directory);
      this.#nameUnsynced = false;
    } catch (error) {
      if (isOutOfFiles(error)) return;
      throw this.#fail('sync', error);
    }
    this.requireInPlace();
    this.#syncedLsn = end.lsn;
    try {
      this.#writer.end = createSegment(disk, directory, end.segment + 1, end, salt());
      this.#ahead.begin(this.end);
      this.#nameUnsynced = true;
      this.#segmentStart = { number: end.segment + 1, lsn: end.lsn, checksum: end.checksum };
      sealed(end.segment, end.offset);
      end.file.close();
    } catch (error) {
      if (!isDiskFull(error) && !isOutOfFiles(error)) throw this.#fail('create a segment', error);
    }
  }

  /** See `Journal.findRoom`. */
  findRoom(): boolean {
    this.refuseIfUnusable();
    try {
      return this.#reserve?.refill() ?? true;
    } catch (error) {
      throw this.#fail('refill the reserve', error);
    }
  }

  #requireWholeReserve(): void {
    if (!this.findRoom())
      throw new StorageFullError(`the disk of ${this.#parts.directory} is full; what is left is kept for completions`);
  }

  /** Writes; if the disk is full, cuts back to where the log was, and tries again as long as the reserve gives space. */
  #writeOrCutBack<T>(mayUseReserve: boolean, write: () => T): T {
    for (;;) {
      const { file, offset } = this.end;
      try {
        return write();
      } catch (error) {
        if (!isDiskFull(error)) throw this.#fail('write', error);
        this.#cutBack(file, offset);
        if (!(mayUseReserve && this.#giveReserve(error))) {
          throw new StorageFullError(`the disk of ${this.#parts.directory} is full`, { cause: error });
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
      this.#ahead.begin(this.end);
      file.syncNow();
    } catch (error) {
      throw this.#fail('cut back a refused write', error);
    }
  }

  /** On a full disk there is better use for it. */
  #makeRoom(writtenBytes: number): void {
    if (!this.hasRoom) return;
    try {
      this.#ahead.make(this.end, writtenBytes);
    } catch (error) {
      throw this.#fail('give back space', error);
    }
  }

  #cutOffRoom(): boolean {
    try {
      return this.#ahead.cutOff(this.end);
    } catch (error) {
      throw this.#fail('cut off what was made ready', error);
    }
  }

  #giveReserve(refused: unknown): boolean {
    try {
      return this.#reserve?.give(refused instanceof PartialWriteError ? refused.wantedBytes : 0) ?? false;
    } catch (error) {
      throw this.#fail('give up reserved space', error);
    }
  }

  /**
   * Ends the log with a mark, so that the last transaction is vouched for while the journal is closed: damage to it is then
   * seen as damage, not as a torn tail. On a full disk there is none, which is no harm.
   */
  async #markEnd(): Promise<void> {
    if (this.#endsWithMark || this.end.lsn === 0) return;
    try {
      this.#writeOrCutBack(true, () => this.#writer.writeMark(this.#syncedLsn));
    } catch (error) {
      if (error instanceof StorageFullError) return;
      throw error;
    }
    await this.#sharedSync.request();
  }

  /** Says where the log ends, as long as it is closed. */
  async #recordEnd(): Promise<void> {
    const { witness } = this.#parts;
    if (this.end.lsn === witness.lsn) return;
    try {
      await witness.record(this.end);
    } catch (error) {
      throw this.#fail('record the end of the log', error);
    }
  }

  #fail(what: string, cause: unknown): CallsheetError {
    this.#failure ??= new JournalWriteError(`could not ${what} in ${this.#parts.directory}: ${String(cause)}`, {
      cause,
    });
    return this.#failure;
  }
}
