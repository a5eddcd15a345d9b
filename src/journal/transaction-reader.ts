/**
 * Reads the transactions of one file. Hands out the entries of a transaction once all its frames
 * were found intact, and reports damage as the frame reader does. Memory holds one frame or one
 * entry at a time, however large the transaction is.
 */
import type { FileHeader } from './file-header.js';
import type { FileWindow } from './file-window.js';
import { type Entry, maxPartBytes } from './format.js';
import { type Damage, type Frame, FrameReader, forEachEntry, type ReadPoint } from './frame-reader.js';

/** Receives the content of a file, in order. */
export interface TransactionTaker {
  /** Receives a frame of a whole transaction, before its entries. */
  frame(frame: Frame): void;
  /** Receives an entry and its bytes' offset. `lsn` is that of the transaction's last frame. */
  entry(entry: Entry, offset: number, checksum: number, lsn: number): void;
}

export class TransactionReader {
  readonly #window: FileWindow;
  readonly #header: FileHeader;
  readonly #taker: TransactionTaker;
  readonly #frames: FrameReader;

  constructor(window: FileWindow, header: FileHeader, taker: TransactionTaker) {
    this.#window = window;
    this.#header = header;
    this.#taker = taker;
    this.#frames = new FrameReader(window, header);
  }

  /** The point after the last frame that was read. Damage does not move it. */
  get point(): ReadPoint {
    return this.#frames.point;
  }

  /** Reads one transaction, and hands out its entries. A snapshot's footer counts as the end. */
  next(): 'read' | 'end' | Damage {
    const start = this.point;
    const frame = this.#frames.next();
    if (frame === undefined) return 'end';
    if (frame.kind === 'damage') return frame;
    if (frame.footer) return 'end';
    if (!frame.more) {
      this.#taker.frame(frame);
      forEachEntry(frame, (entry, offset, checksum) => this.#taker.entry(entry, offset, checksum, frame.lsn));
      return 'read';
    }
    for (let next: Frame = frame; next.more; ) {
      const found = this.#frames.next();
      if (found?.kind === 'damage') return found;
      if (found === undefined) {
        return { kind: 'damage', offset: start.offset, reason: 'the file ends inside a transaction', looksTorn: true };
      }
      next = found;
    }
    this.#giveSpanning(new FrameReader(this.#window, this.#header, start), this.point.lsn);
    return 'read';
  }

  /** Reads the frames of a transaction a second time, to hand out their entries. */
  #giveSpanning(reader: FrameReader, lastLsn: number): void {
    let parts: Uint8Array[] = [];
    let firstOffset = 0;
    while (reader.point.lsn < lastLsn) {
      const frame = reader.next();
      if (frame?.kind !== 'frame')
        throw new Error('a frame changed while it was read: something else writes into the file');
      this.#taker.frame(frame);
      forEachEntry(frame, (entry, offset, checksum) => {
        if (parts.length === 0) firstOffset = offset;
        if (frame.part) {
          parts.push(entry.bytes.slice());
        } else if (parts.length > 0) {
          const bytes = concatenated(parts, entry.bytes);
          parts = [];
          this.#taker.entry({ type: entry.type, bytes }, firstOffset, checksum, lastLsn);
        } else {
          this.#taker.entry(entry, offset, checksum, lastLsn);
        }
      });
    }
  }
}

/** Joins the parts of an entry. All but the last are full: the frame reader has checked that. */
function concatenated(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(parts.length * maxPartBytes + last.length);
  for (const [index, part] of parts.entries()) bytes.set(part, index * maxPartBytes);
  bytes.set(last, parts.length * maxPartBytes);
  return bytes;
}
