/**
 * Opens what an earlier life left behind: reads the log into the caller's hands, and decides what damage means.
 *
 * Recovery never guesses. Damage is a *torn tail*, and is cut off, only if it is in the last segment, a write cut short
 * explains it (see `Damage.looksTorn`), and no later frame vouches for what stood there. All other damage is a
 * `JournalCorruptError`, and then nothing has been modified: every decision is made before the first repair.
 */
import * as path from 'node:path';
import { JournalCorruptError } from '../errors.js';
import { type Disk, isDiskFull } from './disk.js';
import { reserveFileName, segmentFileName, tornFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { type Entry, maxPartBytes, type Position } from './format.js';
import { type Damage, type Frame, FrameReader, findVoucher, forEachEntry, type ReadPoint } from './frame-reader.js';
import { copyAside, cutOff, emptyIfThere, rewriteInPlace } from './repair.js';
import { type SurveyedSegment, surveyDirectory, type UnbornSegment, unreadable } from './survey.js';

/** Takes what the log holds, in order. */
export interface Replay {
  /** A segment begins: what was valid per segment (interned names) is not valid any more. */
  segment(segment: number): void;
  /**
   * An entry, the LSN being that of its transaction (its last frame). The bytes are valid during the call only. Called only
   * for transactions that are whole.
   */
  entry(entry: Entry, at: Position, lsn: number): void;
}

/** A tail that was cut off. */
export interface TornTail {
  /** The path of the segment that was cut. */
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  /** The path of the file that the tail was copied to. */
  readonly keptAs: string;
}

/** A log that was read to its end. */
export interface RecoveredLog {
  /** The segment to go on with; undefined if there is none. */
  readonly last: SurveyedSegment | undefined;
  /** Where the log ends. Everything before is on the disk. */
  readonly end: ReadPoint;
  readonly segments: number;
  readonly frames: number;
  readonly bytes: number;
  readonly endsWithMark: boolean;
  readonly tornTail: TornTail | undefined;
}

export function recover(disk: Disk, directory: string, replay: Replay): RecoveredLog {
  const { segments, unborn } = surveyDirectory(disk, directory);
  const log = new LogReading(replay);
  let damage: Damage | undefined;
  for (const segment of segments)
    damage = withWindow(disk, segment.path, (window) => log.readSegment(window, segment, segments.length));
  if (unborn !== undefined) refuseUnlessTorn(disk, unborn, log.end.lsn + 1);

  // Every decision is made; from here on the disk is modified, in an order in which each step may be the last one.
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
    }
    rewriteInPlace(disk, last.path, log.firstUnvouchedOffset, log.end.offset);
  }
  disk.syncDirectoryNow(directory);
  const { end, frames, bytes, endsWithMark } = log;
  return { last, end, segments: segments.length, frames, bytes, endsWithMark, tornTail };
}

/** The state of reading: how far the log is known to be good, and how far that is vouched for. */
class LogReading {
  end: ReadPoint = { offset: 0, lsn: 0, checksum: 0 };
  frames = 0;
  bytes = 0;
  endsWithMark = false;
  readonly #replay: Replay;
  /** Offsets of the frames in this segment that nothing vouches for yet, the first of which has `#firstUnvouchedLsn`. */
  #unvouchedOffsets: number[] = [];
  #firstUnvouchedLsn = 1;
  #segmentFirstLsn = 1;

  constructor(replay: Replay) {
    this.#replay = replay;
  }

  /** From here to the end the log has to be written again; the header of the segment too, if nothing in it is vouched for. */
  get firstUnvouchedOffset(): number {
    if (this.#firstUnvouchedLsn === this.#segmentFirstLsn) return 0;
    return this.#unvouchedOffsets[0] ?? this.end.offset;
  }

  /** Reads one segment. Gives the damage at which it stopped, if that is a torn tail; throws if it is anything else. */
  readSegment(window: FileWindow, segment: SurveyedSegment, segmentCount: number): Damage | undefined {
    const { header } = segment;
    const wrong = (reason: string) => new JournalCorruptError(segment.path, 0, this.end.lsn + 1, reason);
    if (header.number !== segment.number) throw wrong(`it says that it is ${segmentFileName(header.number)}`);
    if (header.firstLsn !== this.end.lsn + 1) throw wrong(`it begins with LSN ${header.firstLsn}`);
    if (header.previousChecksum !== this.end.checksum) throw wrong('it does not follow the segment before it');
    this.#firstUnvouchedLsn = header.firstLsn;
    this.#segmentFirstLsn = header.firstLsn;
    this.#unvouchedOffsets = [];
    this.#replay.segment(segment.number);

    const reader = new FrameReader(window, header);
    const bytesBefore = this.bytes;
    for (;;) {
      this.end = reader.point;
      this.bytes = bytesBefore + this.end.offset;
      const found = this.#readTransaction(window, segment, reader);
      if (found === 'read') continue;
      if (found === 'end') return undefined;
      const isLast = segment.number === segmentCount;
      const damagedLsn = reader.point.lsn + 1;
      if (!isLast || !found.looksTorn)
        throw new JournalCorruptError(segment.path, found.offset, damagedLsn, found.reason);
      const voucher = findVoucher(window, header.salt, this.end.offset, this.end.lsn + 1);
      if (voucher !== undefined) {
        const reason = `${found.reason}, and a frame at byte ${voucher} says that it was on the disk`;
        throw new JournalCorruptError(segment.path, found.offset, damagedLsn, reason);
      }
      return found;
    }
  }

  /** Reads one transaction and gives its entries to the caller, once all its frames were seen to be good. */
  #readTransaction(window: FileWindow, segment: SurveyedSegment, reader: FrameReader): 'read' | 'end' | Damage {
    const start = reader.point;
    const frame = reader.next();
    if (frame === undefined) return 'end';
    if (frame.kind === 'damage') return frame;
    if (!frame.more) {
      this.#noteFrame(frame);
      forEachEntry(frame, (entry, offset, checksum) => this.#give(segment.number, entry, offset, checksum, frame.lsn));
      return 'read';
    }
    for (let next: Frame = frame; next.more; ) {
      const found = reader.next();
      if (found?.kind === 'damage') return found;
      if (found === undefined) {
        return { kind: 'damage', offset: start.offset, reason: 'the file ends inside a transaction', looksTorn: true };
      }
      next = found;
    }
    this.#giveSpanning(segment.number, new FrameReader(window, segment.header, start), reader.point.lsn);
    return 'read';
  }

  /** Reads the frames of a transaction again, now to give their entries: so memory holds a frame, or one entry, at a time. */
  #giveSpanning(segment: number, reader: FrameReader, lastLsn: number): void {
    let parts: Uint8Array[] = [];
    let firstOffset = 0;
    while (reader.point.lsn < lastLsn) {
      const frame = reader.next();
      if (frame?.kind !== 'frame')
        throw new Error('a frame that was good a moment ago is not: the file is being changed');
      this.#noteFrame(frame);
      forEachEntry(frame, (entry, offset, checksum) => {
        if (parts.length === 0) firstOffset = offset;
        if (frame.part) {
          parts.push(entry.bytes.slice());
        } else if (parts.length > 0) {
          const bytes = concatenated(parts, entry.bytes);
          parts = [];
          this.#give(segment, { type: entry.type, bytes }, firstOffset, checksum, lastLsn);
        } else {
          this.#give(segment, entry, offset, checksum, lastLsn);
        }
      });
    }
  }

  #give(segment: number, entry: Entry, offset: number, checksum: number, lsn: number): void {
    this.#replay.entry(entry, { segment, offset, length: entry.bytes.length, checksum }, lsn);
  }

  #noteFrame(frame: Frame): void {
    this.frames += 1;
    this.endsWithMark = frame.count === 0;
    this.#unvouchedOffsets.push(frame.offset);
    if (frame.syncedLsn >= this.#firstUnvouchedLsn) {
      this.#unvouchedOffsets.splice(0, frame.syncedLsn - this.#firstUnvouchedLsn + 1);
      this.#firstUnvouchedLsn = frame.syncedLsn + 1;
    }
  }
}

/** A last segment without an intact header is one whose creation was cut short, or it is damage. */
function refuseUnlessTorn(disk: Disk, unborn: UnbornSegment, lsn: number): void {
  const wrong = (reason: string) => new JournalCorruptError(unborn.path, 0, lsn, reason);
  if (!unborn.looksTorn) throw wrong(unborn.reason);
  withWindow(disk, unborn.path, (window) => {
    // Without the header there is no salt to check frames with, so anything that looks like one counts: better to refuse.
    const voucher = findVoucher(window, undefined, 0, lsn);
    if (voucher !== undefined)
      throw wrong(`${unborn.reason}, and a frame at byte ${voucher} says that it was on the disk`);
  });
}

/** Copies a tail that is to be cut off; on a full disk into the space of the reserve, which is there for such cases. */
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

/** The parts of an entry as one. All parts but the last are full, as the reader has checked. */
function concatenated(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(parts.length * maxPartBytes + last.length);
  for (const [index, part] of parts.entries()) bytes.set(part, index * maxPartBytes);
  bytes.set(last, parts.length * maxPartBytes);
  return bytes;
}
