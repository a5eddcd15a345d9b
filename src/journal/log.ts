/**
 * The growing end of the log: writes transactions to the current segment, syncs it, and begins the
 * next one.
 *
 * Invariants:
 * - A segment is created only when the one before it is on the disk, to its last byte and with its
 *   name.
 * - `syncedLsn` moves only after a sync that began after the frame was written, and only if the
 *   segment is still in its place: a file that was removed, alone or with its directory, takes
 *   writes and syncs for ever.
 * - Before each write and before `syncedLsn` moves, the lock still has its name. Without the name
 *   another runtime can open the directory.
 * - At most two syncs are in flight. The second one counts only after the first, and if neither
 *   has failed.
 * - `syncedLsn` moves into a segment only when the witness records frames of that segment, so that
 *   the segment cannot go missing unnoticed.
 * - After a failed write (other than for a full disk) or a failed sync, every call is refused. A
 *   sync is never tried again: the system may have dropped the pages and report success for the
 *   next one.
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
import { type Entries, fileHeaderBytes, frameHeaderBytes, type Positions } from './format.js';
import { checkedPayloadBytes, FrameWriter, type LogEnd } from './frame-writer.js';
import type { JournalOptions } from './journal-options.js';
import type { Reserve } from './reserve.js';
import { RoomAhead } from './room-ahead.js';
import { createSegment } from './segment-file.js';
import { SharedSync } from './shared-sync.js';
import type { LogStart } from './snapshot-writer.js';
import type { Witness } from './witness.js';

/** While too many files are open, syncing the directory is retried for `longestWaitMs`. */
const retryMs = 20;
const longestWaitMs = 60_000;

export interface AppendOptions {
  /** Use the reserve on a full disk, as completions must not be refused. Default `false`. */
  reserve?: boolean;
}

/** The result of an append. */
export interface Appended {
  /** The transaction's LSN. It is durable once `sync` resolves with this LSN or a higher one. */
  readonly lsn: number;
  readonly positions: Positions;
}

export interface LogParts {
  readonly directory: string;
  readonly disk: Disk;
  readonly segmentBytes: number;
  readonly aheadBytes: number;
  readonly salt: () => number;
  /** The end of the log, which is on the disk, and the beginning of its last segment. */
  readonly end: LogEnd;
  readonly segmentStart: LogStart;
  readonly endsWithMark: boolean;
  readonly witness: Witness;
  readonly reserve: Reserve | undefined;
  readonly lock: JournalOptions['lock'];
  /** Called when a segment is complete and on the disk. */
  readonly sealed: (segment: number, bytes: number) => void;
}

export class Log {
  readonly #parts: LogParts;
  readonly #writer: FrameWriter;
  readonly #reserve: Reserve | undefined;
  readonly #ahead: RoomAhead;
  readonly #sharedSync = new SharedSync((before) => this.#syncLog(before));
  #syncedLsn: number;
  #segmentStart: LogStart;
  /** `true` if the last frame is a mark, so that closing needs no other. */
  #endsWithMark: boolean;
  #syncs = 0;
  /** `true` if the name of the current segment may not be on the disk yet. */
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

  get end(): LogEnd {
    return this.#writer.end;
  }

  /** The highest LSN that is known to be on the disk. */
  get syncedLsn(): number {
    return this.#syncedLsn;
  }

  get segmentStart(): LogStart {
    return this.#segmentStart;
  }

  /** Bytes, frames and syncs since opening. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten;
  }
  get frames(): number {
    return this.#writer.frames;
  }
  get syncs(): number {
    return this.#syncs;
  }

  /** `true` if appends do not need the reserve. */
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
  append(entries: Entries, { reserve = false }: AppendOptions = {}): Appended {
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
    return this.#request(() => this.#sharedSync.request());
  }

  /** See `Journal.syncBeside`. */
  syncBeside(): Promise<number> {
    return this.#request(() => this.#sharedSync.requestBeside());
  }

  #request(sync: () => Promise<number>): Promise<number> {
    try {
      this.refuseIfUnusable();
    } catch (error) {
      return Promise.reject(error);
    }
    return sync();
  }

  async roll(): Promise<void> {
    if (this.end.offset === fileHeaderBytes) return;
    this.#rollAfterSync = this.#sharedSync.isInFlight;
    if (this.#rollAfterSync) await this.#sharedSync.request();
    else this.#roll();
    this.refuseIfUnusable();
  }

  /** Refuses further calls, syncs, ends the log with a mark, and closes, even if it rejects. */
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

  /** Throws for good if segment or lock lost their place: the directory may have another owner. */
  requireInPlace(): void {
    const { file } = this.end;
    this.#requirePlace(file.path, () => file.isInPlace());
    this.#requireLock();
  }

  /** Prevents that a frame overwrites one of another owner. */
  #requireLock(): void {
    const { lock } = this.#parts;
    if (lock !== undefined) this.#requirePlace(lock.file, () => lock.isHeld());
  }

  #requirePlace(file: string, look: () => boolean): void {
    let isInPlace: boolean;
    try {
      isInPlace = look();
    } catch (error) {
      throw this.#fail(`check ${file}`, error);
    }
    if (isInPlace) return;
    this.#failure ??= new JournalRemovedError(
      `${file} was removed or replaced while it was open, so another runtime may have opened the directory`,
    );
    throw this.#failure;
  }

  /** Moves `syncedLsn` only after the sync `before`, and only if that one has not failed. */
  async #syncLog(before?: Promise<number>): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    const { lsn, file } = this.end;
    // A segment without frames counts as witnessed: a snapshot may begin with it.
    const isWitnessed = lsn === this.#segmentStart.lsn || this.#parts.witness.lsn > this.#segmentStart.lsn;
    if (lsn === this.#syncedLsn && !this.#nameUnsynced && isWitnessed) return lsn;
    try {
      if (before === undefined) await file.sync();
      else await Promise.all([file.syncBeside() ?? before.then(() => file.sync()), before]);
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
    if (this.#rollAfterSync && !this.#sharedSync.isDouble && this.#failure === undefined) {
      // This failure does not concern the sync, which has succeeded; the next call throws it.
      try {
        this.#roll();
      } catch {}
    }
    return lsn;
  }

  /** Makes the names of segments durable. Waits while too many files are open. */
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

  /** Begins the next segment, unless the disk is full or too many files are open. */
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
      throw new StorageFullError(
        `the disk of ${this.#parts.directory} is full; the remaining reserve is kept for completions`,
      );
  }

  /** Writes. On a full disk cuts the file back, and retries while the reserve gives space. */
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
   * Removes the remains of a refused write. The cut is synced, so that a power loss cannot mix the
   * remains with the next frames in their place. That sync moves no LSN: one in flight may be
   * failing, and only its own result shows that.
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

  /** Makes room ahead, unless the disk is full. */
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
      throw this.#fail('cut off the room ahead', error);
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
   * Ends the log with a mark. It vouches for the last transaction while the journal is closed:
   * damage to it is then recognized as damage, not as a torn tail. On a full disk there is no mark,
   * which does no harm.
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

  /** Records in the witness where the log ends. */
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
