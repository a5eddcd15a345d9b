/**
 * Turns transactions into frames as `format.ts` describes them, and writes them to the end of the
 * log.
 *
 * The writer's end moves only when all frames of a transaction are written. The journal decides
 * what to do about a refused write and what it left behind. The writer knows nothing of syncs,
 * later segments, or a full disk.
 */
import { crc32 } from 'node:zlib';
import { copySummed } from './copy-summed.js';
import { type DiskFile, writeFully } from './disk.js';
import {
  type Entry,
  frameFlag,
  frameHeaderBytes,
  frameKind,
  frameMagic,
  maxEntryBytes,
  maxFrameBytes,
  maxPartBytes,
  maxPayloadBytes,
  type Position,
  padded,
  setUint53,
  tableRowBytes,
} from './format.js';

/** The end of the log: the next frame goes to `offset`, after `lsn`, chained to `checksum`. */
export interface LogEnd {
  readonly file: DiskFile;
  readonly segment: number;
  readonly salt: number;
  readonly offset: number;
  readonly lsn: number;
  readonly checksum: number;
}

const firstBufferBytes = 64 * 1024;

export class FrameWriter {
  /** The writer moves it after each transaction, the log to each new segment. */
  end: LogEnd;
  /** Counts frames since the journal was opened. */
  frames = 0;
  /** Counts bytes of frames since the journal was opened. */
  bytesWritten = 0;

  /** One buffer for all frames, so that an append allocates almost nothing. */
  #buffer!: Uint8Array;
  #view!: DataView;
  #summedHeader!: Uint8Array;

  constructor(end: LogEnd) {
    this.end = end;
    this.#allocate(firstBufferBytes);
  }

  /**
   * Writes one transaction and returns where its entries are. `payloadBytes` comes from {@link
   * checkedPayloadBytes}. It takes one write, or one for each frame. Throws the disk's error as a
   * `PartialWriteError`; then `end` has not moved.
   */
  write(entries: readonly Entry[], payloadBytes: number, syncedLsn: number): Position[] {
    const run = new FrameRun(this.end, syncedLsn);
    if (payloadBytes <= maxPayloadBytes) this.#writeFrame(run, entries, 0, entries.length, 0);
    else this.#writeRun(run, entries);
    this.#moveTo(run);
    return run.positions;
  }

  /** Writes a frame without entries: it vouches that the log up to `syncedLsn` is on the disk. */
  writeMark(syncedLsn: number): void {
    const run = new FrameRun(this.end, syncedLsn);
    this.#writeFrame(run, [], 0, 0, 0);
    this.#moveTo(run);
  }

  #moveTo(run: FrameRun): void {
    this.frames += run.lsn - this.end.lsn;
    this.bytesWritten += run.offset - this.end.offset;
    const { file, segment, salt } = this.end;
    this.end = { file, segment, salt, offset: run.offset, lsn: run.lsn, checksum: run.checksum };
  }

  writeFooter(bytes: Uint8Array): void {
    const run = new FrameRun(this.end, 0);
    this.#writeFrame(run, [{ type: 1, bytes }], 0, 1, 0, 0, frameKind.footer);
    this.#moveTo(run);
  }

  /** Fills one frame after the other; writes an entry larger than a frame in parts. */
  #writeRun(run: FrameRun, entries: readonly Entry[]): void {
    let from = 0;
    let filledBytes = 0;
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at]!;
      const rowAndBytes = tableRowBytes + entry.bytes.length;
      if (filledBytes > 0 && filledBytes + rowAndBytes > maxPayloadBytes) {
        this.#writeFrame(run, entries, from, at, frameFlag.more);
        from = at;
        filledBytes = 0;
      }
      if (entry.bytes.length > maxPartBytes) {
        this.#writeParts(run, entry, at === entries.length - 1);
        from = at + 1;
      } else {
        filledBytes += rowAndBytes;
      }
    }
    if (filledBytes > 0) this.#writeFrame(run, entries, from, entries.length, 0);
  }

  #writeParts(run: FrameRun, entry: Entry, isLastEntry: boolean): void {
    const { type, bytes } = entry;
    const partPositions: Position[] = [];
    const parts = run.withPositions(partPositions);
    let sum = 0;
    for (let from = 0; from < bytes.length; from += maxPartBytes) {
      const isLastPart = from + maxPartBytes >= bytes.length;
      const flags = isLastPart ? (isLastEntry ? 0 : frameFlag.more) : frameFlag.more | frameFlag.part;
      this.#writeFrame(parts, [{ type, bytes: bytes.subarray(from, from + maxPartBytes) }], 0, 1, flags, sum);
      sum = partPositions.at(-1)!.checksum;
    }
    run.advanceTo(parts);
    run.positions.push({ ...partPositions[0]!, length: bytes.length, checksum: sum });
  }

  #writeFrame(
    run: FrameRun,
    entries: readonly Entry[],
    from: number,
    to: number,
    flags: number,
    sum = 0,
    kind: number = to === from ? frameKind.mark : frameKind.entries,
  ): void {
    const count = to - from;
    let size = frameHeaderBytes + count * tableRowBytes;
    for (let i = from; i < to; i++) size += entries[i]!.bytes.length;
    const frameBytes = padded(size);
    if (frameBytes > this.#buffer.length) this.#allocate(frameBytes);
    const buffer = this.#buffer;
    const view = this.#view;

    let row = frameHeaderBytes;
    let at = frameHeaderBytes + count * tableRowBytes;
    const tableEnd = at;
    for (let i = from; i < to; i++) {
      const { type, bytes } = entries[i]!;
      const checksum = copySummed(buffer, at, bytes, sum);
      view.setUint32(row, ((type << 24) | bytes.length) >>> 0, true);
      view.setUint32(row + 4, checksum, true);
      run.positions.push({ segment: run.segment, offset: run.offset + at, length: bytes.length, checksum });
      row += tableRowBytes;
      at += bytes.length;
    }
    buffer.fill(0, at, frameBytes);

    const payloadSum = crc32(buffer.subarray(frameHeaderBytes, tableEnd), run.salt);
    view.setUint32(8, size - frameHeaderBytes, true);
    view.setUint32(12, payloadSum, true);
    setUint53(view, 16, run.lsn + 1);
    setUint53(view, 24, run.syncedLsn);
    view.setUint32(32, run.checksum, true);
    view.setUint32(36, kind | (flags << 8), true);
    view.setUint32(40, count, true);
    view.setUint32(44, 0, true);
    const checksum = crc32(this.#summedHeader, run.salt);
    view.setUint32(0, frameMagic, true);
    view.setUint32(4, checksum, true);

    writeFully(this.end.file, buffer.subarray(0, frameBytes), run.offset);
    run.offset += frameBytes;
    run.lsn += 1;
    run.checksum = checksum;
  }

  #allocate(bytes: number): void {
    const doubled = Math.max(bytes, (this.#buffer?.length ?? 0) * 2);
    this.#buffer = new Uint8Array(Math.min(doubled, maxFrameBytes));
    this.#view = new DataView(this.#buffer.buffer);
    this.#summedHeader = this.#buffer.subarray(8, frameHeaderBytes);
  }
}

/** The frames of one transaction, which become the writer's end once all are written. */
class FrameRun {
  readonly segment: number;
  readonly salt: number;
  readonly syncedLsn: number;
  positions: Position[] = [];
  offset: number;
  lsn: number;
  checksum: number;

  constructor(end: Pick<LogEnd, 'segment' | 'salt' | 'offset' | 'lsn' | 'checksum'>, syncedLsn: number) {
    this.segment = end.segment;
    this.salt = end.salt;
    this.offset = end.offset;
    this.lsn = end.lsn;
    this.checksum = end.checksum;
    this.syncedLsn = syncedLsn;
  }

  /** Returns a copy with other positions: those of an entry's parts are not the entry's. */
  withPositions(positions: Position[]): FrameRun {
    const run = new FrameRun(this, this.syncedLsn);
    run.positions = positions;
    return run;
  }

  advanceTo(other: FrameRun): void {
    this.offset = other.offset;
    this.lsn = other.lsn;
    this.checksum = other.checksum;
  }
}

/** Returns the bytes of entries and table rows. Throws for entries that cannot be written. */
export function checkedPayloadBytes(entries: readonly Entry[]): number {
  if (entries.length === 0) throw new RangeError('entries must not be empty');
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (!(entry.type >= 1 && entry.type <= 255 && Number.isInteger(entry.type))) {
      throw new RangeError(`entries[${i}].type must be an integer from 1 to 255, got ${entry.type}`);
    }
    if (!(entry.bytes instanceof Uint8Array)) throw new TypeError(`entries[${i}].bytes must be a Uint8Array`);
    if (entry.bytes.length > maxEntryBytes)
      throw new RangeError(`entries[${i}].bytes must have at most ${maxEntryBytes} bytes, got ${entry.bytes.length}`);
    bytes += tableRowBytes + entry.bytes.length;
  }
  return bytes;
}
