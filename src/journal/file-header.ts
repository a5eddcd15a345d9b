/**
 * Encodes and decodes the header of a segment or a snapshot. The layout is in `format.ts`. Knows
 * nothing of files.
 */
import { crc32 } from 'node:zlib';
import { type FileKind, fileHeaderBytes, fileKind, fileMagic, formatVersion, getUint53, setUint53 } from './format.js';

/** The fields of a file's header. */
export interface FileHeader {
  readonly kind: FileKind;
  /** The number of the segment; in a snapshot, that of the first segment of its log. */
  readonly number: number;
  readonly salt: number;
  /** The LSN of that segment's first frame. */
  readonly firstLsn: number;
  /** The checksum of the last frame before that segment. */
  readonly previousChecksum: number;
  /** The header's own checksum, to which the first frame is chained. */
  readonly checksum: number;
}

/** The result of decoding the first bytes of a file. */
export type HeaderReading =
  | { kind: 'header'; header: FileHeader }
  | { kind: 'otherVersion'; version: number }
  | { kind: 'damaged'; reason: string };

/** Returns the bytes of a header, and the header as a reader decodes it. */
export function encodeFileHeader(fields: Omit<FileHeader, 'checksum'>): {
  bytes: Uint8Array;
  header: FileHeader;
} {
  const bytes = new Uint8Array(fileHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(fileMagic);
  view.setUint32(12, formatVersion, true);
  view.setUint32(16, fields.kind, true);
  view.setUint32(20, fields.salt, true);
  setUint53(view, 24, fields.number);
  setUint53(view, 32, fields.firstLsn);
  view.setUint32(40, fields.previousChecksum, true);
  const checksum = crc32(bytes.subarray(12));
  view.setUint32(8, checksum, true);
  return { bytes, header: { ...fields, checksum } };
}

/** Reads the header of a file of this kind. Believes a version only if the checksum holds. */
export function decodeFileHeader(bytes: Uint8Array, kind: FileKind): HeaderReading {
  const damaged = (reason: string): HeaderReading => ({ kind: 'damaged', reason });
  if (bytes.length < fileHeaderBytes) return damaged('the file ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, fileHeaderBytes);
  if (fileMagic.some((byte, at) => bytes[at] !== byte))
    return damaged('this is not the beginning of a file of the journal');
  const checksum = view.getUint32(8, true);
  if (crc32(bytes.subarray(12, fileHeaderBytes)) !== checksum) {
    return damaged('the file header does not match its checksum');
  }
  const version = view.getUint32(12, true);
  if (version !== formatVersion) return { kind: 'otherVersion', version };
  if (view.getUint32(16, true) !== kind)
    return damaged(`the file is not a ${kind === fileKind.segment ? 'segment of the log' : 'snapshot'}`);
  if (bytes.subarray(44, fileHeaderBytes).some((byte) => byte !== 0)) return damaged('the unused bytes are not zero');
  const header: FileHeader = {
    kind,
    number: getUint53(view, 24),
    salt: view.getUint32(20, true),
    firstLsn: getUint53(view, 32),
    previousChecksum: view.getUint32(40, true),
    checksum,
  };
  return { kind: 'header', header };
}
