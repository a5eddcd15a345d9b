/**
 * Checks and reads snapshots. `recovery.ts` decides what happens without one.
 */
import { createHash } from 'node:crypto';
import { type Disk, isOutOfFiles } from './disk.js';
import { decodeFileHeader, type FileHeader } from './file-header.js';
import { FileWindow } from './file-window.js';
import { type Entry, fileHeaderBytes, fileKind } from './format.js';
import { type Damage, FrameReader, forEachEntry } from './frame-reader.js';
import { decodeFooter, type SnapshotFooter } from './snapshot-footer.js';
import { unreadable } from './survey.js';
import { TransactionReader } from './transaction-reader.js';

/** A whole snapshot. */
export interface Snapshot {
  readonly path: string;
  /** The number of the segment with which its log begins. */
  readonly number: number;
  readonly header: FileHeader;
  readonly footer: SnapshotFooter;
  /** The size of the file. */
  readonly bytes: number;
}

/** A snapshot that cannot be used: why, and where in the file that was found. */
export interface DamagedSnapshot {
  readonly path: string;
  readonly number: number;
  readonly offset: number;
  readonly reason: string;
}

/** Checks every byte of a snapshot. Yields after each frame, so that work can go on meanwhile. */
export function* checkSnapshot(
  disk: Disk,
  path: string,
  number: number,
): Generator<undefined, Snapshot | DamagedSnapshot> {
  const damaged = (offset: number, reason: string): DamagedSnapshot => ({ path, number, offset, reason });
  let file: ReturnType<Disk['open']> | undefined;
  try {
    file = disk.open(path, 'read');
    const window = new FileWindow(file);
    const reading = decodeFileHeader(window.bytes(0, Math.min(window.size, fileHeaderBytes)), fileKind.snapshot);
    if (reading.kind === 'otherVersion') return damaged(0, `it has format version ${reading.version}`);
    if (reading.kind === 'damaged') return damaged(0, reading.reason);
    const { header } = reading;
    if (header.number !== number) return damaged(0, `its header has the number ${header.number}`);
    const reader = new FrameReader(window, header);
    const hash = createHash('sha256').update(window.bytes(0, fileHeaderBytes));
    let count = 0;
    for (;;) {
      const frame = reader.next();
      if (frame === undefined) return damaged(window.size, 'it ends without a footer');
      if (frame.kind === 'damage') return damaged(frame.offset, frame.reason);
      if (frame.footer) {
        let footer: SnapshotFooter | undefined;
        forEachEntry(frame, ({ bytes }) => {
          footer = decodeFooter(bytes);
        });
        const isRight =
          footer!.count === count &&
          footer!.bytes === frame.offset &&
          window.size === frame.offset + frame.bytes &&
          Buffer.compare(hash.digest(), footer!.sha256) === 0;
        if (!isRight) return damaged(frame.offset, 'its footer does not match its content');
        return { path, number, header, footer: footer!, bytes: window.size };
      }
      hash.update(window.bytes(frame.offset, frame.bytes));
      if (!frame.part) count += frame.count;
      yield;
    }
  } catch (error) {
    if (isOutOfFiles(error)) throw unreadable(path, error);
    return damaged(0, `it cannot be read: ${String(error)}`);
  } finally {
    file?.close();
  }
}

/** Does the same without a pause. */
export function checkSnapshotNow(disk: Disk, path: string, number: number): Snapshot | DamagedSnapshot {
  const check = checkSnapshot(disk, path, number);
  for (;;) {
    const step = check.next();
    if (step.done === true) return step.value;
  }
}

/** Hands the entries of a checked snapshot to `give`. */
export function readSnapshot(disk: Disk, { path, header }: Snapshot, give: (entry: Entry) => void): void {
  const file = disk.open(path, 'read');
  try {
    const reader = new TransactionReader(new FileWindow(file), header, { frame() {}, entry: give });
    let found: 'read' | 'end' | Damage;
    do found = reader.next();
    while (found === 'read');
    if (found !== 'end') throw unreadable(path, 'it changed while it was read');
  } finally {
    file.close();
  }
}
