/**
 * Opens a journal as an earlier process left it: chooses the generation to start from, replays
 * snapshot and log to the caller, and decides what damage means.
 *
 * Recovery never guesses. Damage is a *torn tail*, and is cut off, only if it is in the last
 * segment, a write cut short explains it (see `Damage.looksTorn`), and no later frame, snapshot or
 * witness vouches for the bytes that were there. A damaged snapshot is passed over if an older
 * generation is whole. All other damage is a `JournalCorruptError`, and then nothing has been
 * modified: every decision is made before the first repair.
 */
import * as path from 'node:path';
import { JournalCorruptError, JournalVersionError } from '../errors.js';
import { type Disk, isDiskFull } from './disk.js';
import { reserveFileName, segmentFileName, tornFileName, witnessFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { type Entry, NewerEntryError, type Position } from './format.js';
import { type Damage, type Frame, findVoucher, type ReadPoint } from './frame-reader.js';
import { type ChosenGeneration, chooseGeneration, type Generation } from './generation.js';
import { copyAside, cutOff, emptyIfThere, rewriteInPlace } from './repair.js';
import { type DamagedSnapshot, readSnapshot } from './snapshot-reader.js';
import {
  type HeaderlessFile,
  type Survey,
  type SurveyedFile,
  type SurveyedSegment,
  surveyDirectory,
  unreadable,
} from './survey.js';
import { TransactionReader, type TransactionTaker } from './transaction-reader.js';
import type { Testimony } from './witness.js';

/**
 * Receives the content of a journal, in order: the snapshot, then the log. An error that it throws
 * refuses the opening, with nothing modified; a `RangeError` or `SyntaxError` means that the bytes
 * cannot be decoded.
 */
export interface Replay {
  /** Begins a segment, or the snapshot (0): interned names and other state of a file end here. */
  segment(segment: number): void;
  /**
   * Receives an entry of a whole transaction. `lsn` is that of the transaction's last frame. The
   * bytes are valid during the call only. Positions in the snapshot cannot be read back.
   */
  entry(entry: Entry, at: Position, lsn: number): void;
  /**
   * Receives an unreadable entry's type and its transaction's LSN, while salvaging. Other entries
   * of that transaction may follow.
   */
  lost?(type: number, lsn: number): void;
  /**
   * Ends the replay. `segments` are those that exist; positions from the snapshot may lead to
   * others. Returns a position in a missing segment if it is needed, and then opening is refused.
   */
  end?(segments: ReadonlySet<number>): Position | undefined;
}

/** A tail that was cut off. */
export interface TornTail {
  /** The path of the segment. */
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  /** The path of its copy. */
  readonly keptAs: string;
}

/** A log that was read to its end. */
export interface RecoveredLog {
  /** The segment to append to. */
  readonly last: SurveyedSegment | undefined;
  readonly witness: Testimony | undefined;
  /** The end of the log. Everything before is on the disk. */
  readonly end: ReadPoint;
  /** The number of segments that were read as log. */
  readonly segments: number;
  readonly frames: number;
  readonly bytes: number;
  readonly endsWithMark: boolean;
  readonly tornTail: TornTail | undefined;
  /** The generation that opening started from, and the snapshots that it could not use. */
  readonly generation: Generation;
  readonly damagedSnapshots: readonly DamagedSnapshot[];
  /** The sizes of the existing segments, and of the snapshots that may be whole, by number. */
  readonly segmentBytes: ReadonlyMap<number, number>;
  readonly snapshotBytes: ReadonlyMap<number, number>;
}

/** A log that was read and is intact up to a torn tail. Nothing is modified yet. */
interface ReadLog {
  readonly survey: Survey;
  readonly generation: Generation;
  readonly damagedSnapshots: readonly DamagedSnapshot[];
  readonly segments: readonly SurveyedSegment[];
  readonly unborn: HeaderlessFile | undefined;
  readonly log: LogReading;
  /** The place where the last segment is torn. */
  readonly damage: Damage | undefined;
}

/** Reads a journal and makes every decision. Throws what opening throws; modifies nothing. */
export function readLog(disk: Disk, directory: string, replay: Replay): ReadLog {
  const survey = surveyDirectory(disk, directory);
  return readGeneration(disk, directory, replay, survey, chooseGeneration(disk, directory, survey));
}

/** Reads a journal from one of its generations, as `readLog` does. */
export function readGeneration(
  disk: Disk,
  directory: string,
  replay: Replay,
  survey: Survey,
  { generation, damaged: damagedSnapshots, log: found }: ChosenGeneration,
): ReadLog {
  const { segments, unborn, lost } = found;
  const { snapshot } = generation;
  const proof = proofOf(directory, generation, survey.witness);
  const log = new LogReading(replay, generation, proof);
  if (snapshot !== undefined) {
    replay.segment(0);
    readSnapshot(disk, snapshot, (entry) => log.giveOfSnapshot(entry));
  }
  let damage: Damage | undefined;
  for (const [index, segment] of segments.entries()) {
    // A later segment without a header does not count: a full disk may have refused its creation,
    // and the log went on here.
    const isLast = index === segments.length - 1 && lost === undefined;
    damage = withWindow(disk, segment.path, (window) => log.readSegment(window, segment, isLast));
  }
  const nextLsn = log.end.lsn + 1;
  if (lost !== undefined) throw new JournalCorruptError(lost.path, 0, nextLsn, lost.reason);
  if (unborn !== undefined) refuseUnlessTorn(disk, unborn, nextLsn);
  if (nextLsn <= proof.lsn) {
    const wasThere = `${proof.path} records that the log was on the disk up to LSN ${proof.lsn}`;
    if (unborn !== undefined)
      throw new JournalCorruptError(unborn.path, 0, nextLsn, `${unborn.reason}, and ${wasThere}`);
    const last = segments.at(-1)!;
    if (proof.segment > last.number) {
      const missing = path.join(directory, segmentFileName(last.number + 1));
      throw new JournalCorruptError(missing, 0, nextLsn, `the segment is missing, and ${wasThere}`);
    }
    throw new JournalCorruptError(last.path, log.end.offset, nextLsn, `the log ends here, and ${wasThere}`);
  }
  const needed = replay.end?.(new Set(survey.segments.map(({ number }) => number)));
  if (needed !== undefined) throw missingPayloads(directory, needed, survey);
  return { survey, generation, damagedSnapshots, segments, unborn, log, damage };
}

/** Returns the error that damage would cause in opening. Its file may be a missing one. */
export function findRefusal(disk: Disk, directory: string, replay: Replay): JournalCorruptError | undefined {
  try {
    readLog(disk, directory, replay);
    return undefined;
  } catch (error) {
    if (error instanceof JournalCorruptError) return error;
    throw error;
  }
}

export function recover(disk: Disk, directory: string, replay: Replay): RecoveredLog {
  const { survey, generation, damagedSnapshots, segments, unborn, log, damage } = readLog(disk, directory, replay);
  // Every decision is made. From here on the disk is modified, and a crash may follow each step.
  let tornTail: TornTail | undefined;
  if (unborn !== undefined) {
    tornTail = keepAside(disk, directory, unborn, 0);
    disk.unlink(unborn.path);
  }
  const last = segments.at(-1);
  if (last !== undefined) {
    if (damage !== undefined) {
      tornTail = keepAside(disk, directory, last, log.end.offset);
      cutOff(disk, last.path, log.end.offset);
    } else if (last.bytes > log.end.offset) {
      cutOff(disk, last.path, log.end.offset);
    }
    rewriteInPlace(disk, last.path, log.firstUnvouchedOffset, log.end.offset);
  }
  for (const unfinished of survey.unfinished) disk.unlink(unfinished);
  disk.syncDirectoryNow(directory);
  const { end, frames, bytes, endsWithMark } = log;
  const segmentBytes = sizesOf(survey.segments.filter((one) => one !== unborn));
  if (last !== undefined) segmentBytes.set(last.number, end.offset);
  return {
    last,
    witness: survey.witness,
    end,
    segments: segments.length,
    frames,
    bytes,
    endsWithMark,
    tornTail,
    generation,
    damagedSnapshots,
    segmentBytes,
    snapshotBytes: sizesOf(survey.snapshots),
  };
}

/** The error for a missing segment with payloads. Its last LSN follows from the next segment. */
function missingPayloads(directory: string, { segment, offset }: Position, { segments }: Survey): JournalCorruptError {
  const next = segments.find(({ number }) => number === segment + 1);
  const lsn = next?.kind === 'header' ? next.header.firstLsn - 1 : 0;
  const file = path.join(directory, segmentFileName(segment));
  return new JournalCorruptError(file, offset, lsn, 'the segment is missing, and jobs have payloads in it');
}

/** The LSN that the log must reach, and the file that proves it. */
interface Proof extends Testimony {
  readonly path: string;
}

function proofOf(directory: string, { snapshot, endLsn }: Generation, witness: Testimony | undefined): Proof {
  if (witness === undefined || witness.lsn <= endLsn) return { segment: 0, lsn: endLsn, path: snapshot?.path ?? '' };
  return { ...witness, path: path.join(directory, witnessFileName) };
}

function sizesOf(files: readonly SurveyedFile[]): Map<number, number> {
  return new Map(files.map(({ number, bytes }) => [number, bytes]));
}

/** The progress of reading: how far the log is intact, and how far it is vouched for. */
class LogReading implements TransactionTaker {
  end: ReadPoint;
  frames = 0;
  bytes = 0;
  endsWithMark = false;
  readonly #replay: Replay;
  readonly #generation: Generation;
  readonly #proof: Proof;
  /** The file that is read now. */
  #path = '';
  #segment = 0;
  /** Offsets of frames not vouched for, the first one's LSN being `#firstUnvouchedLsn`. */
  #unvouchedOffsets: number[] = [];
  #firstUnvouchedLsn = 1;
  #segmentFirstLsn = 1;

  constructor(replay: Replay, generation: Generation, proof: Proof) {
    this.#replay = replay;
    this.#generation = generation;
    this.#proof = proof;
    this.#path = generation.snapshot?.path ?? '';
    this.end = { offset: 0, lsn: generation.startLsn, checksum: generation.startChecksum };
  }

  /** Where rewriting must begin; 0, with the header, if nothing in the segment is vouched for. */
  get firstUnvouchedOffset(): number {
    if (this.#firstUnvouchedLsn === this.#segmentFirstLsn) return 0;
    return this.#unvouchedOffsets[0] ?? this.end.offset;
  }

  /** Reads one segment. Returns the damage if it is a torn tail, and throws for any other. */
  readSegment(window: FileWindow, segment: SurveyedSegment, isLast: boolean): Damage | undefined {
    const { header } = segment;
    const wrong = (reason: string) => new JournalCorruptError(segment.path, 0, this.end.lsn + 1, reason);
    if (header.number !== segment.number) throw wrong(`its header is that of ${segmentFileName(header.number)}`);
    if (header.firstLsn !== this.end.lsn + 1) throw wrong(`it begins with LSN ${header.firstLsn}`);
    if (header.previousChecksum !== this.end.checksum) throw wrong('it is not chained to the last frame before it');
    this.#path = segment.path;
    this.#segment = segment.number;
    this.#firstUnvouchedLsn = header.firstLsn;
    this.#segmentFirstLsn = header.firstLsn;
    this.#unvouchedOffsets = [];
    this.#replay.segment(segment.number);

    const reader = new TransactionReader(window, header, this);
    const bytesBefore = this.bytes;
    for (;;) {
      this.end = reader.point;
      this.bytes = bytesBefore + this.end.offset;
      const found = reader.next();
      if (found === 'read') continue;
      if (found === 'end') return undefined;
      const damagedLsn = reader.point.lsn + 1;
      if (!isLast || !found.looksTorn)
        throw new JournalCorruptError(segment.path, found.offset, damagedLsn, found.reason);
      const voucher = findVoucher(window, header.salt, this.end.offset, this.end.lsn + 1);
      if (voucher !== undefined) {
        const reason = `${found.reason}, and a frame at byte ${voucher} records that it was on the disk`;
        throw new JournalCorruptError(segment.path, found.offset, damagedLsn, reason);
      }
      if (this.end.lsn < this.#proof.lsn) {
        const reason = `${found.reason}, and ${this.#proof.path} records that it was on the disk`;
        throw new JournalCorruptError(segment.path, found.offset, damagedLsn, reason);
      }
      return found;
    }
  }

  frame(frame: Frame): void {
    this.frames += 1;
    this.endsWithMark = frame.count === 0;
    this.#unvouchedOffsets.push(frame.offset);
    if (frame.syncedLsn >= this.#firstUnvouchedLsn) {
      this.#unvouchedOffsets.splice(0, frame.syncedLsn - this.#firstUnvouchedLsn + 1);
      this.#firstUnvouchedLsn = frame.syncedLsn + 1;
    }
  }

  entry(entry: Entry, offset: number, checksum: number, lsn: number): void {
    try {
      this.#replay.entry(entry, { segment: this.#segment, offset, length: entry.bytes.length, checksum }, lsn);
    } catch (error) {
      if (error instanceof NewerEntryError)
        throw new JournalVersionError(
          `${this.#path} has at byte ${offset} ${error.message}: a newer callsheet wrote it; upgrade this one. Nothing was modified.`,
        );
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      // Every checksum holds, so these bytes are as they were written; but no callsheet of this
      // version writes them.
      throw new JournalCorruptError(this.#path, offset, lsn, `an entry cannot be decoded: ${String(error)}`);
    }
  }

  giveOfSnapshot(entry: Entry): void {
    this.entry(entry, 0, 0, this.#generation.startLsn);
  }
}

/** Throws unless the last segment has no intact header because its creation was cut short. */
function refuseUnlessTorn(disk: Disk, unborn: HeaderlessFile, lsn: number): void {
  const wrong = (reason: string) => new JournalCorruptError(unborn.path, 0, lsn, reason);
  if (!unborn.looksTorn) throw wrong(unborn.reason);
  withWindow(disk, unborn.path, (window) => {
    // Without the header there is no salt to check frames with, so anything that looks like a frame
    // counts: refusing is safer.
    const voucher = findVoucher(window, undefined, 0, lsn);
    if (voucher !== undefined)
      throw wrong(`${unborn.reason}, and a frame at byte ${voucher} records that it was on the disk`);
  });
}

/** Copies a tail before it is cut off; on a full disk into the space of the reserve. */
function keepAside(
  disk: Disk,
  directory: string,
  from: { number: number; path: string },
  offset: number,
): TornTail | undefined {
  const nameFor = (attempt: number) => path.join(directory, tornFileName(from.number, offset, attempt));
  for (;;) {
    try {
      const kept = copyAside(disk, from.path, offset, nameFor);
      return kept && { file: from.path, offset, ...kept };
    } catch (error) {
      if (!isDiskFull(error) || !emptyIfThere(disk, path.join(directory, reserveFileName))) throw error;
    }
  }
}

function withWindow<T>(disk: Disk, file: string, use: (window: FileWindow) => T): T {
  let opened: ReturnType<Disk['open']>;
  try {
    opened = disk.open(file, 'read');
  } catch (cause) {
    throw unreadable(file, cause);
  }
  try {
    return use(new FileWindow(opened));
  } finally {
    opened.close();
  }
}
