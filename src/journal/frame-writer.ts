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
  type Entries,
  frameFlag,
  frameHeaderBytes,
  frameKind,
  frameMagic,
  maxEntryBytes,
  maxFrameBytes,
  maxPartBytes,
  maxPayloadBytes,
  type Positions,
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
const firstPlaces = 256;

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
  /** The places of the entries of one transaction. */
  #offsets!: Float64Array;
  #checksums!: Int32Array;

  constructor(end: LogEnd) {
    this.end = end;
    this.#allocate(firstBufferBytes);
    this.#makePlaces(firstPlaces);
  }

  /**
   * Writes one transaction and returns where its entries are. `payloadBytes` comes from {@link
   * checkedPayloadBytes}. It takes one write, or one for each frame. Throws the disk's error as a
   * `PartialWriteError`; then `end` has not moved.
   */
  write(entries: Entries, payloadBytes: number, syncedLsn: number): Positions {
    if (entries.count > this.#offsets.length) this.#makePlaces(2 * entries.count);
    const run = new FrameRun(this.end, syncedLsn);
    if (payloadBytes <= maxPayloadBytes) this.#writeFrame(run, entries, 0, entries.count, 0);
    else this.#writeRun(run, entries);
    this.#moveTo(run);
    return { segment: run.segment, offsets: this.#offsets, checksums: this.#checksums };
  }

  /** Writes a frame without entries: it vouches that the log up to `syncedLsn` is on the disk. */
  writeMark(syncedLsn: number): void {
    const run = new FrameRun(this.end, syncedLsn);
    this.#writeFrame(run, none, 0, 0, 0);
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
    this.#writeFrame(run, { count: 1, bytes, table: [1, bytes.length] }, 0, 1, 0, 0, frameKind.footer);
    this.#moveTo(run);
  }

  /** Fills one frame after the other; writes an entry larger than a frame in parts. */
  #writeRun(run: FrameRun, entries: Entries): void {
    const count = entries.count;
    let from = 0;
    let filledBytes = 0;
    for (let at = 0; at < count; at++) {
      const length = endOf(entries, at) - startOf(entries, at);
      const rowAndBytes = tableRowBytes + length;
      if (filledBytes > 0 && filledBytes + rowAndBytes > maxPayloadBytes) {
        this.#writeFrame(run, entries, from, at, frameFlag.more);
        from = at;
        filledBytes = 0;
      }
      if (length > maxPartBytes) {
        this.#writeParts(run, entries, at, at === count - 1);
        from = at + 1;
      } else {
        filledBytes += rowAndBytes;
      }
    }
    if (filledBytes > 0) this.#writeFrame(run, entries, from, count, 0);
  }

  #writeParts(run: FrameRun, entries: Entries, at: number, isLastEntry: boolean): void {
    const type = entries.table[2 * at]!;
    const bytes = entries.bytes.subarray(startOf(entries, at), endOf(entries, at));
    const offset = run.offset + frameHeaderBytes + tableRowBytes;
    let sum = 0;
    for (let from = 0; from < bytes.length; from += maxPartBytes) {
      const part = bytes.subarray(from, from + maxPartBytes);
      const isLastPart = from + maxPartBytes >= bytes.length;
      const flags = isLastPart ? (isLastEntry ? 0 : frameFlag.more) : frameFlag.more | frameFlag.part;
      // All parts are one entry, whose place is that of the first.
      run.placed = at;
      sum = this.#writeFrame(run, { count: 1, bytes: part, table: [type, part.length] }, 0, 1, flags, sum);
    }
    this.#offsets[at] = offset;
  }

  /** Returns the checksum of the last entry. */
  #writeFrame(
    run: FrameRun,
    entries: Entries,
    from: number,
    to: number,
    flags: number,
    sum = 0,
    kind: number = to === from ? frameKind.mark : frameKind.entries,
  ): number {
    const count = to - from;
    const { bytes, table } = entries;
    let start = startOf(entries, from);
    const size = frameHeaderBytes + count * tableRowBytes + startOf(entries, to) - start;
    const frameBytes = padded(size);
    if (frameBytes > this.#buffer.length) this.#allocate(frameBytes);
    const buffer = this.#buffer;
    const view = this.#view;

    let row = frameHeaderBytes;
    let at = frameHeaderBytes + count * tableRowBytes;
    const tableEnd = at;
    let last = 0;
    for (let i = from; i < to; i++) {
      const end = endOf(entries, i);
      last = copySummed(buffer, at, bytes, start, end, sum);
      view.setUint32(row, ((table[2 * i]! << 24) | (end - start)) >>> 0, true);
      view.setUint32(row + 4, last, true);
      this.#offsets[run.placed] = run.offset + at;
      this.#checksums[run.placed] = last;
      run.placed++;
      row += tableRowBytes;
      at += end - start;
      start = end;
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
    return last;
  }

  #makePlaces(count: number): void {
    this.#offsets = new Float64Array(count);
    this.#checksums = new Int32Array(count);
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
  offset: number;
  lsn: number;
  checksum: number;
  /** Number of entries with a place. */
  placed = 0;

  constructor(end: Pick<LogEnd, 'segment' | 'salt' | 'offset' | 'lsn' | 'checksum'>, syncedLsn: number) {
    this.segment = end.segment;
    this.salt = end.salt;
    this.offset = end.offset;
    this.lsn = end.lsn;
    this.checksum = end.checksum;
    this.syncedLsn = syncedLsn;
  }
}

const none: Entries = { count: 0, bytes: new Uint8Array(), table: [] };

const endOf = ({ table }: Entries, index: number) => table[2 * index + 1]!;
/** Also of the entry after the last one. */
const startOf = ({ table }: Entries, index: number) => (index === 0 ? 0 : table[2 * index - 1]!);

/** Returns the bytes of entries and table rows. Throws for entries that cannot be written. */
export function checkedPayloadBytes(entries: Entries): number {
  const { bytes, table } = entries;
  const count = entries.count;
  if (count === 0) throw new RangeError('entries must not be empty');
  for (let i = 0; i < count; i++) {
    const type = table[2 * i]!;
    if (!(type >= 1 && type <= 255 && Number.isInteger(type)))
      throw new RangeError(`the type of entry ${i} must be an integer from 1 to 255, got ${type}`);
    const length = endOf(entries, i) - startOf(entries, i);
    if (!(length >= 0 && length <= maxEntryBytes && Number.isInteger(length)))
      throw new RangeError(`entry ${i} must have at most ${maxEntryBytes} bytes, got ${length}`);
  }
  const end = endOf(entries, count - 1);
  if (end > bytes.length) throw new RangeError(`entries must end in their ${bytes.length} bytes, and end at ${end}`);
  return end + count * tableRowBytes;
}
