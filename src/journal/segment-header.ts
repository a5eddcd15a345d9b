/**
 * The header of a segment as bytes, and back. The layout is in `format.ts`. Knows nothing of files.
 */
import { crc32 } from 'node:zlib';
import { formatVersion, getUint53, logSegmentKind, segmentHeaderBytes, segmentMagic, setUint53 } from './format.js';

/** What the header of a segment says. */
export interface SegmentHeader {
  readonly number: number;
  readonly salt: number;
  /** The LSN of the segment's first frame. */
  readonly firstLsn: number;
  /** The checksum of the last frame before this segment. */
  readonly previousChecksum: number;
  /** The header's own checksum, to which the first frame is chained. */
  readonly checksum: number;
}

/** What the first bytes of a file turned out to be. */
export type HeaderReading =
  | { kind: 'header'; header: SegmentHeader }
  | { kind: 'newer'; version: number }
  | { kind: 'damaged'; reason: string };

/** Makes the bytes of a header; gives them with the header as a reader will see it. */
export function encodeSegmentHeader(fields: Omit<SegmentHeader, 'checksum'>): {
  bytes: Uint8Array;
  header: SegmentHeader;
} {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(segmentMagic);
  view.setUint32(12, formatVersion, true);
  view.setUint32(16, logSegmentKind, true);
  view.setUint32(20, fields.salt, true);
  setUint53(view, 24, fields.number);
  setUint53(view, 32, fields.firstLsn);
  view.setUint32(40, fields.previousChecksum, true);
  const checksum = crc32(bytes.subarray(12));
  view.setUint32(8, checksum, true);
  return { bytes, header: { ...fields, checksum } };
}

/** Reads a header from the first 64 bytes of a file. A version is believed only under a checksum that holds. */
export function decodeSegmentHeader(bytes: Uint8Array): HeaderReading {
  const damaged = (reason: string): HeaderReading => ({ kind: 'damaged', reason });
  if (bytes.length < segmentHeaderBytes) return damaged('the file ends inside the segment header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (segmentMagic.some((byte, at) => bytes[at] !== byte)) return damaged('this is not the beginning of a segment');
  const checksum = view.getUint32(8, true);
  if (crc32(bytes.subarray(12, segmentHeaderBytes)) !== checksum) {
    return damaged('the segment header does not match its checksum');
  }
  const version = view.getUint32(12, true);
  if (version > formatVersion) return { kind: 'newer', version };
  if (version !== formatVersion) return damaged(`there is no format version ${version}`);
  if (view.getUint32(16, true) !== logSegmentKind) return damaged('the file is not a segment of the log');
  if (bytes.subarray(44, segmentHeaderBytes).some((byte) => byte !== 0))
    return damaged('the unused bytes are not zero');
  const header: SegmentHeader = {
    number: getUint53(view, 24),
    salt: view.getUint32(20, true),
    firstLsn: getUint53(view, 32),
    previousChecksum: view.getUint32(40, true),
    checksum,
  };
  return { kind: 'header', header };
}
