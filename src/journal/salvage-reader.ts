/**
 * Reads all readable entries of a journal that cannot be opened, and lists the losses. Modifies
 * nothing, and goes on where `recovery.ts` refuses: after damage it takes the next bytes that look
 * like a frame, and of a frame with bad entries the good ones.
 *
 * It starts from the newest whole snapshot. Without one, it reads the damaged snapshots as far as
 * possible, then every segment. An entry that is in both is replayed twice, which does no harm.
 */
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, machineDisk } from './disk.js';
import { EntryReader } from './entry-reader.js';
import { segmentFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import {
  fileHeaderBytes,
  frameFlag,
  frameHeaderBytes,
  frameKind,
  frameMagic,
  getUint53,
  maxEntryBytes,
  maxPartBytes,
  maxPayloadBytes,
  type Position,
  padded,
  tableRowBytes,
} from './format.js';
import { isRoom } from './frame-reader.js';
import { findRefusal, type Replay } from './recovery.js';
import { checkSnapshotNow } from './snapshot-reader.js';
import { type SurveyedFile, surveyJournal } from './survey.js';

/** A part of a file that could not be read. */
export interface Loss {
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
}

/** A frame with an intact header and table. Each of its entries may be damaged. */
interface SalvagedFrame {
  readonly offset: number;
  readonly bytes: number;
  readonly lsn: number;
  readonly isPart: boolean;
  /** `true` if the transaction goes on in the next frame. */
  readonly hasMore: boolean;
  readonly entries: readonly { type: number; bytes: Uint8Array; offset: number; checksum: number }[];
}

export class SalvageReader {
  readonly losses: Loss[] = [];
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #entries: EntryReader;

  constructor(directory: string, disk: Disk = machineDisk) {
    this.#disk = disk;
    this.#directory = path.resolve(directory);
    this.#entries = new EntryReader(disk, (segment) => path.join(this.#directory, segmentFileName(segment)));
  }

  /** Replays all readable entries in order. One that `replay` cannot decode counts as lost. */
  read(replay: Replay): void {
    const { segments, snapshots } = surveyJournal(this.#disk, this.#directory);
    let start: number | undefined;
    for (const file of snapshots) {
      const found = checkSnapshotNow(this.#disk, file.path, file.number);
      if (!('reason' in found)) {
        start = file.number;
        this.#readFile(file, 0, replay);
        break;
      }
    }
    if (start === undefined) for (const file of [...snapshots].reverse()) this.#readFile(file, 0, replay);
    for (const file of segments) if (file.number >= (start ?? 0)) this.#readFile(file, file.number, replay);
    this.#loseWhatIsMissing();
  }

  /** Adds losses that are in no file, such as a missing segment: only other files prove them. */
  #loseWhatIsMissing(): void {
    const refusal = findRefusal(this.#disk, this.#directory, { segment() {}, entry() {} });
    if (refusal === undefined || this.losses.some(({ file }) => file === refusal.file)) return;
    this.#lose(refusal.file, refusal.offset, refusal.reason);
  }

  /** Reads an entry back. Throws `JournalCorruptError` if it is missing or damaged. */
  entry(at: Position): Uint8Array {
    return this.#entries.read(at);
  }

  close(): void {
    this.#entries.close();
  }

  #readFile(file: SurveyedFile, segment: number, replay: Replay): void {
    if (file.kind === 'damaged') {
      this.#lose(file.path, 0, file.reason);
      return;
    }
    const opened = this.#disk.open(file.path, 'read');
    try {
      replay.segment(segment);
      this.#readFrames(file.path, new FileWindow(opened), file.header.salt, segment, replay);
    } catch (error) {
      this.#lose(file.path, 0, String(error));
    } finally {
      opened.close();
    }
  }

  #readFrames(file: string, window: FileWindow, salt: number, segment: number, replay: Replay): void {
    let lastLsn = 0;
    /** The LSN of the transaction's first frame; the last one's is not known yet. */
    let firstLsn: number | undefined;
    let parts: Uint8Array[] = [];
    let partsOffset = 0;
    for (let at = fileHeaderBytes; at < window.size; ) {
      const frame = frameAt(window, salt, at);
      if (frame === undefined && isRoom(window, at)) return;
      if (frame === undefined || frame.lsn <= lastLsn) {
        const next = nextMagic(window, at + 8);
        this.#lose(file, at, `${next - at} bytes are not a frame`);
        parts = [];
        firstLsn = undefined;
        at = next;
        continue;
      }
      at += frame.bytes;
      if (lastLsn !== 0 && frame.lsn !== lastLsn + 1) {
        parts = [];
        firstLsn = undefined;
      }
      lastLsn = frame.lsn;
      const lsn = firstLsn ?? frame.lsn;
      firstLsn = frame.hasMore ? lsn : undefined;
      const sum = parts.length > 0 ? crc32(Buffer.concat(parts)) : 0;
      for (const { type, bytes, offset, checksum } of frame.entries) {
        const isTooLarge = parts.length * maxPartBytes + bytes.length > maxEntryBytes;
        if (isTooLarge || crc32(bytes, sum) !== checksum) {
          const reason = isTooLarge ? `has more than ${maxEntryBytes} bytes` : 'does not match its checksum';
          this.#lose(file, offset, `an entry ${reason}`);
          replay.lost?.(type, lsn);
          parts = [];
          continue;
        }
        if (parts.length === 0) partsOffset = offset;
        if (frame.isPart) {
          parts.push(bytes.slice());
          continue;
        }
        const whole = parts.length === 0 ? bytes : Buffer.concat([...parts, bytes]);
        parts = [];
        try {
          replay.entry({ type, bytes: whole }, { segment, offset: partsOffset, length: whole.length, checksum }, lsn);
        } catch (error) {
          this.#lose(file, partsOffset, `an entry cannot be decoded: ${String(error)}`);
        }
      }
    }
  }

  #lose(file: string, offset: number, reason: string): void {
    this.losses.push({ file, offset, reason });
  }
}

/** Returns the frame at an offset if its header and table match their checksums. */
function frameAt(window: FileWindow, salt: number, offset: number): SalvagedFrame | undefined {
  if (offset + frameHeaderBytes > window.size) return undefined;
  const head = window.bytes(offset, frameHeaderBytes).slice();
  const view = new DataView(head.buffer);
  if (view.getUint32(0, true) !== frameMagic) return undefined;
  if (crc32(head.subarray(8), salt) !== view.getUint32(4, true)) return undefined;
  const length = view.getUint32(8, true);
  const bytes = padded(frameHeaderBytes + length);
  const count = view.getUint32(40, true);
  const tableBytes = count * tableRowBytes;
  if (length > maxPayloadBytes || tableBytes > length || offset + frameHeaderBytes + length > window.size)
    return undefined;
  const payload = window.bytes(offset + frameHeaderBytes, length);
  if (crc32(payload.subarray(0, tableBytes), salt) !== view.getUint32(12, true)) return undefined;
  const table = new DataView(payload.buffer, payload.byteOffset, tableBytes);
  const entries: SalvagedFrame['entries'][number][] = [];
  let at = tableBytes;
  for (let row = 0; row < tableBytes; row += tableRowBytes) {
    const word = table.getUint32(row, true);
    const end = at + (word & 0xff_ffff);
    if (end > length) return undefined;
    const entryOffset = offset + frameHeaderBytes + at;
    entries.push({
      type: word >>> 24,
      bytes: payload.subarray(at, end),
      offset: entryOffset,
      checksum: table.getUint32(row + 4, true),
    });
    at = end;
  }
  const isEntries = view.getUint8(36) === frameKind.entries;
  return {
    offset,
    bytes,
    lsn: getUint53(view, 16),
    isPart: (view.getUint8(37) & frameFlag.part) !== 0,
    hasMore: (view.getUint8(37) & frameFlag.more) !== 0,
    entries: isEntries ? entries : [],
  };
}

/** Returns where the next frame may begin (at a multiple of 8), or the end of the file. */
function nextMagic(window: FileWindow, from: number): number {
  const stepBytes = 64 * 1024;
  for (let step = from; step < window.size; step += stepBytes) {
    const bytes = window.bytes(step, Math.min(stepBytes, window.size - step));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 4 <= bytes.length; at += 8) if (view.getUint32(at, true) === frameMagic) return step + at;
  }
  return window.size;
}
