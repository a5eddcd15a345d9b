/**
 * Encodes and decodes the footer of a snapshot. The layout is in `format.ts`.
 */
import { footerBytes, getUint53, setUint53 } from './format.js';

export interface SnapshotFooter {
  /** The number of entries in the frames before. */
  readonly count: number;
  /** The log up to here was on the disk before the snapshot got its name. */
  readonly endLsn: number;
  /** The number of bytes in the file before the footer's frame. */
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export function encodeFooter({ count, endLsn, bytes, sha256 }: SnapshotFooter): Uint8Array {
  const encoded = new Uint8Array(footerBytes);
  const view = new DataView(encoded.buffer);
  setUint53(view, 0, count);
  setUint53(view, 8, endLsn);
  setUint53(view, 16, bytes);
  encoded.set(sha256, 24);
  return encoded;
}

/** Reads a footer from the bytes of its entry. The frame reader has checked their length. */
export function decodeFooter(encoded: Uint8Array): SnapshotFooter {
  const view = new DataView(encoded.buffer, encoded.byteOffset, footerBytes);
  return {
    count: getUint53(view, 0),
    endLsn: getUint53(view, 8),
    bytes: getUint53(view, 16),
    sha256: encoded.slice(24, footerBytes),
  };
}
