/**
 * Reads the frames of one file. Each step finds a frame, the end, or damage and what the damage
 * looks like.
 *
 * The reader reports and never decides: whether damage may be cut off as a torn tail is decided in
 * `recovery.ts`. It trusts no number before a checksum holds over it, and allocates at most the
 * size of a frame.
 */
import { crc32 } from 'node:zlib';
import type { FileHeader } from './file-header.js';
import type { FileWindow } from './file-window.js';
import {
  type Entry,
  fileHeaderBytes,
  fileKind,
  footerBytes,
  frameFlag,
  frameHeaderBytes,
  frameKind,
  frameMagic,
  getUint53,
  maxEntryBytes,
  maxPartBytes,
  maxPayloadBytes,
  padded,
  sectorBytes,
  tableRowBytes,
} from './format.js';

/** An intact frame in its place. */
export interface Frame {
  readonly kind: 'frame';
  readonly offset: number;
  readonly bytes: number;
  readonly lsn: number;
  readonly syncedLsn: number;
  readonly count: number;
  /** `true` if the transaction goes on in the next frame. */
  readonly more: boolean;
  /** `true` if the frame's only entry goes on in the next frame, too. */
  readonly part: boolean;
  /** `true` if the frame is the footer of a snapshot. */
  readonly footer: boolean;
  /** Table and entries; valid until the next call. */
  readonly payload: Uint8Array;
}

/** The place where the log cannot be read any further. */
export interface Damage {
  readonly kind: 'damage';
  readonly offset: number;
  readonly reason: string;
  /** `true` if a write cut short explains all of it: the file ends early, or sectors hold zeros. */
  readonly looksTorn: boolean;
}

/** A point between two frames: an offset, with LSN and checksum of the frame before. */
export interface ReadPoint {
  readonly offset: number;
  readonly lsn: number;
  readonly checksum: number;
}

export class FrameReader {
  readonly #window: FileWindow;
  readonly #salt: number;
  readonly #isSnapshot: boolean;
  #point: ReadPoint;
  /** The checksum of an entry's parts so far; `undefined` between entries. */
  #partSum: number | undefined;
  /** The bytes in these parts. */
  #partBytes = 0;

  /** Begins at the first frame, or at a point between transactions where an earlier reader was. */
  constructor(window: FileWindow, header: FileHeader, from?: ReadPoint) {
    this.#window = window;
    this.#salt = header.salt;
    this.#isSnapshot = header.kind === fileKind.snapshot;
    this.#point = from ?? { offset: fileHeaderBytes, lsn: header.firstLsn - 1, checksum: header.checksum };
  }

  /** The point after the last frame that was read. Damage does not move it. */
  get point(): ReadPoint {
    return this.#point;
  }

  /** Returns the next frame; `undefined` at the file's end, and where only room ahead is left. */
  next(): Frame | Damage | undefined {
    try {
      return this.#read();
    } catch (error) {
      return this.#damage(`it cannot be read: ${String(error)}`, false);
    }
  }

  #read(): Frame | Damage | undefined {
    const { offset, lsn: previousLsn, checksum: previousChecksum } = this.#point;
    const rest = this.#window.size - offset;
    if (rest === 0) return undefined;
    if (rest < frameHeaderBytes) {
      if (this.#isRoom(offset)) return undefined;
      return this.#damage('the file ends inside a frame header', true);
    }

    const head = this.#window.bytes(offset, frameHeaderBytes);
    const view = new DataView(head.buffer, head.byteOffset, frameHeaderBytes);
    const checksum = view.getUint32(4, true);
    if (view.getUint32(0, true) !== frameMagic || crc32(head.subarray(8), this.#salt) !== checksum) {
      if (this.#isRoom(offset)) return undefined;
      return this.#damage('a frame header does not match its checksum', this.#hasZeroSector(offset, frameHeaderBytes));
    }
    // From here on the header is as it was written, so a write cut short explains none of its
    // values.
    const length = view.getUint32(8, true);
    const payloadSum = view.getUint32(12, true);
    const lsn = getUint53(view, 16);
    const syncedLsn = getUint53(view, 24);
    const kind = view.getUint8(36);
    const flags = view.getUint8(37);
    const count = view.getUint32(40, true);
    const more = (flags & frameFlag.more) !== 0;
    const part = (flags & frameFlag.part) !== 0;
    if (lsn !== previousLsn + 1)
      return this.#damage(`the frame here has LSN ${lsn}, expected ${previousLsn + 1}`, false);
    if (view.getUint32(32, true) !== previousChecksum)
      return this.#damage('a frame is not chained to the one before', false);
    const tableBytes = count * tableRowBytes;
    const isPossible =
      length <= maxPayloadBytes &&
      tableBytes <= length &&
      syncedLsn < lsn &&
      flags <= (frameFlag.more | frameFlag.part) &&
      (more || !part) &&
      this.#isPossibleKind(kind, count, length, flags) &&
      view.getUint16(38, true) === 0 &&
      view.getUint32(44, true) === 0;
    if (!isPossible) return this.#damage('a frame header has impossible values', false);

    const bytes = padded(frameHeaderBytes + length);
    if (bytes > rest) return this.#damage('the file ends inside a frame', true);
    const body = this.#window.bytes(offset, bytes);
    const payload = body.subarray(frameHeaderBytes, frameHeaderBytes + length);
    if (crc32(payload.subarray(0, tableBytes), this.#salt) !== payloadSum) {
      const looksTorn = this.#hasZeroSector(offset + frameHeaderBytes, tableBytes);
      return this.#damage('the table of a frame does not match its checksum', looksTorn);
    }
    for (let i = frameHeaderBytes + length; i < bytes; i++) {
      if (body[i] !== 0) return this.#damage('the padding of a frame is not zero', false);
    }
    const found = this.#checkEntries(payload, count, part);
    if (found !== undefined) return found;
    this.#point = { offset: offset + bytes, lsn, checksum };
    const footer = kind === frameKind.footer;
    return { kind: 'frame', offset, bytes, lsn, syncedLsn, count, more, part, footer, payload };
  }

  #isRoom(offset: number): boolean {
    return !this.#isSnapshot && isRoom(this.#window, offset);
  }

  #isPossibleKind(kind: number, count: number, length: number, flags: number): boolean {
    switch (kind) {
      case frameKind.entries:
        return count > 0;
      case frameKind.mark:
        return !this.#isSnapshot && length === 0 && flags === 0;
      case frameKind.footer:
        return this.#isSnapshot && count === 1 && length === tableRowBytes + footerBytes && flags === 0;
      default:
        return false;
    }
  }

  /** Checks entries against an intact table. Damage looks torn if that explains each of them. */
  #checkEntries(payload: Uint8Array, count: number, part: boolean): Damage | undefined {
    const table = new DataView(payload.buffer, payload.byteOffset, count * tableRowBytes);
    const payloadOffset = this.#point.offset + frameHeaderBytes;
    const goesOn = this.#partSum !== undefined;
    if ((part || goesOn) && count !== 1) return this.#damage('a part of an entry is not alone in its frame', false);
    if (part && payload.length !== maxPayloadBytes)
      return this.#damage('a part of an entry does not fill its frame', false);
    if (goesOn && this.#partBytes + payload.length - tableRowBytes > maxEntryBytes)
      return this.#damage(`an entry has more than ${maxEntryBytes} bytes`, false);
    let at = table.byteLength;
    let sum = this.#partSum ?? 0;
    const damaged: { from: number; length: number }[] = [];
    for (let row = 0; row < table.byteLength; row += tableRowBytes) {
      const word = table.getUint32(row, true);
      const length = word & 0xff_ffff;
      if (word >>> 24 === 0 || at + length > payload.length) {
        return this.#damage('the table of a frame has impossible values', false);
      }
      const checksum = table.getUint32(row + 4, true);
      if (crc32(payload.subarray(at, at + length), sum) !== checksum) damaged.push({ from: at, length });
      sum = part ? checksum : 0;
      at += length;
    }
    if (at !== payload.length) return this.#damage('the table of a frame has impossible values', false);
    if (damaged.length > 0) {
      const looksTorn = damaged.every(({ from, length }) => this.#hasZeroSector(payloadOffset + from, length));
      return this.#damage('an entry does not match its checksum', looksTorn);
    }
    this.#partSum = part ? sum : undefined;
    this.#partBytes = part ? this.#partBytes + maxPartBytes : 0;
    return undefined;
  }

  /**
   * Returns whether a sector that overlaps the range holds only zeros, apart from bytes that are
   * beyond the file's end or older than the frame at the point. A write that never reached such a
   * sector leaves zeros in a file that grew.
   */
  #hasZeroSector(from: number, length: number): boolean {
    return hasZeroSector(this.#window, this.#point.offset, from, from + length);
  }

  #damage(reason: string, looksTorn: boolean): Damage {
    return { kind: 'damage', offset: this.#point.offset, reason, looksTorn };
  }
}

/** Returns whether the file holds only zeros from here on: room that was made for later frames. */
export function isRoom(window: FileWindow, from: number): boolean {
  const stepBytes = 64 * 1024;
  for (let step = from; step < window.size; step += stepBytes) {
    const bytes = window.bytes(step, Math.min(stepBytes, window.size - step));
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return true;
}

/** See {@link FrameReader}'s method. The write in question began at `writtenFrom`. */
export function hasZeroSector(window: FileWindow, writtenFrom: number, from: number, to: number): boolean {
  if (from === to) return false;
  for (let sector = from - (from % sectorBytes); sector < to; sector += sectorBytes) {
    const start = Math.max(sector, writtenFrom);
    const end = Math.min(sector + sectorBytes, window.size);
    if (window.bytes(start, end - start).every((byte) => byte === 0)) return true;
  }
  return false;
}

/** Calls `give` for each entry with its bytes' offset in the file and their checksum. */
export function forEachEntry(frame: Frame, give: (entry: Entry, offset: number, checksum: number) => void): void {
  const { payload, count } = frame;
  const table = new DataView(payload.buffer, payload.byteOffset, count * tableRowBytes);
  let at = table.byteLength;
  for (let row = 0; row < table.byteLength; row += tableRowBytes) {
    const word = table.getUint32(row, true);
    const end = at + (word & 0xff_ffff);
    const offset = frame.offset + frameHeaderBytes + at;
    give({ type: word >>> 24, bytes: payload.subarray(at, end) }, offset, table.getUint32(row + 4, true));
    at = end;
  }
}

/**
 * Returns the offset, from `from` on, of a frame header that vouches for `lsn`: it was written when
 * `lsn` was synced. Without a `salt` anything that looks like a frame header counts.
 */
export function findVoucher(
  window: FileWindow,
  salt: number | undefined,
  from: number,
  lsn: number,
): number | undefined {
  const magic = new Uint8Array(4);
  new DataView(magic.buffer).setUint32(0, frameMagic, true);
  const stepBytes = 128 * 1024;
  for (let step = from; step + frameHeaderBytes <= window.size; step += stepBytes) {
    const length = Math.min(stepBytes + frameHeaderBytes - 1, window.size - step);
    const bytes = window.bytes(step, length);
    const searched = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    for (let at = searched.indexOf(magic); at !== -1; at = searched.indexOf(magic, at + 1)) {
      if (at + frameHeaderBytes > length) break;
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, frameHeaderBytes);
      const isFrame =
        salt === undefined || crc32(bytes.subarray(at + 8, at + frameHeaderBytes), salt) === view.getUint32(4, true);
      const vouchedLsn = getUint53(view, 24);
      if (isFrame && vouchedLsn >= lsn && vouchedLsn < getUint53(view, 16)) return step + at;
    }
  }
  return undefined;
}
