/**
 * The format of the journal on disk, version 2: first in prose, then its constants.
 * `file-header.ts`, `frame-writer.ts` and `frame-reader.ts` write and read it. The journal knows
 * bytes only: the meaning of an entry is defined elsewhere.
 *
 * FILES. A journal is one directory. Every name in it that starts with `journal-` belongs to the
 * journal (see `file-names.ts`); all other names are foreign and ignored. The log is cut into
 * segments, `journal-<number, ten digits>.segment`, numbered from 1. A segment is a file header
 * followed by frames; it has no end mark. A segment is sealed (its last byte synced) before the
 * next one is created, so only the last one can have a torn tail. After the last frame of the last
 * segment there may be zeros up to the end of the file: room for later frames, without other
 * meaning.
 *
 * GENERATIONS. A snapshot, `journal-<number>.snapshot`, holds the state at the moment when the
 * segment of that number began, and possibly some effects of that segment and later ones, since it
 * is taken while work goes on. The state is the snapshot followed by the log from the beginning of
 * that segment, replayed in order; replaying an entry twice must not matter. Snapshot and log are a
 * generation. The two newest generations are kept: all segments from the older one's first on,
 * without a gap. Older segments are no longer log; one remains while positions of its entries are
 * in use. Without two snapshots, the older generation is the whole log, from segment 1 on.
 *
 * CREATION. The first segment is made, with its header and its name on the disk, and then
 * `journal-created`, an empty file: the witness. No frame is written before its name is on the
 * disk. So with a witness, a first segment that is missing or has no header is damage. Without one,
 * it is an interrupted creation, and the directory is new. A witness that is missing beside a log
 * is made again.
 *
 * WITNESS. Later it has 32 bytes, written in place and synced: the log up to its LSN was on the
 * disk when it was written. It is written when the first frames of a segment are on the disk and
 * before they are acknowledged, when the journal is closed, and when it is opened. A witness of
 * another size, or with a wrong checksum, proves nothing about the log.
 *
 *    0  8  magic, as of a file header
 *    8  4  checksum of bytes 12..32, not salted
 *   12  4  zero
 *   16  8  number of the segment
 *   24  8  LSN
 *
 * All integers are little-endian and unsigned. Checksums are the CRC-32 of zlib. *Salted* means
 * that the CRC starts from the segment's salt, a random number, instead of from 0: remains of an
 * earlier file in a disk block never pass.
 *
 * FILE HEADER, of segments and snapshots, 64 bytes. Magic, version, checksum and salt keep their
 * places in every later version.
 *
 *    0  8  magic: "csheet\r\n" (a transfer that translates line ends destroys it)
 *    8  4  checksum of bytes 12..64, not salted
 *   12  4  format version (2)
 *   16  4  kind of file (1: segment of the log; 2: snapshot)
 *   20  4  salt
 *   24  8  number of the segment; of a snapshot: of the segment with which its log begins
 *   32  8  LSN of the segment's first frame; of a snapshot: of the first frame of its log
 *   40  4  checksum of the last frame before that segment (0 in segment 1)
 *   44 20  zero
 *
 * FRAME: a header of 48 bytes, a table, the bytes of the entries, zeros up to a multiple of 8. At
 * most 8 MiB in all.
 *
 *    0  4  magic
 *    4  4  header checksum: bytes 8..48, salted. It is "the frame's checksum" and covers all others
 *    8  4  length of the payload (table and entries, without the padding)
 *   12  4  payload checksum: the table, salted. The table holds a checksum of each entry, so that
 *          every byte is summed once, one damaged entry is distinguished from others, and an
 *          entry can be read back on its own
 *   16  8  LSN: 1 for the first frame of a journal, then one more for each frame, through all
 *          segments. The frames of a snapshot are numbered from the LSN in its header on, which
 *          only keeps them in order
 *   24  8  the highest LSN known to be on disk when this frame was written; in a snapshot, 0
 *   32  4  checksum of the frame before (for the first frame of a file: of the file header)
 *   36  1  kind (1: entries; 2: mark, empty, only carries the LSNs; 3: footer of a snapshot)
 *   37  1  flags (1 `more`: the transaction goes on in the next frame; 2 `part`: so does the entry)
 *   38  2  zero
 *   40  4  count of entries
 *   44  4  zero
 *   48     table: per entry 8 bytes: its length (24 bits), its type (8 bits, 1..255), its checksum
 *          (not salted); then the bytes of the entries, back to back
 *
 * TRANSACTION: the frames of one append. It is applied whole or not at all. Usually it is one
 * frame; a larger one is a run of frames, all but the last with `more`. It never crosses segments
 * (the names that a store interns are per segment), so a segment may exceed its size.
 *
 * PARTS: an entry too large for a frame is a run of frames with one entry each. All but the last
 * have `more` and `part` and are filled to exactly 8 MiB, so the places of all parts follow from
 * the first. The checksum in the table of a part is that of the entry up to the end of this part;
 * the last one is the checksum of the whole entry. An entry has at most 129 MiB, the most that a
 * reader must hold in memory.
 *
 * FOOTER: the last frame of a snapshot, which is not whole without it. Its one entry, of type 1:
 *
 *    0  8  count of the entries in the frames before
 *    8  8  end LSN: the log up to here was on the disk before the snapshot got its name
 *   16  8  bytes of the file before this frame
 *   24 32  SHA-256 of these bytes
 *
 * VOUCHING: a frame with the synced LSN n, the header of a segment with the first LSN n + 1, the
 * footer of a snapshot with the end LSN n, and a witness with the LSN n vouch for all frames up to
 * n. Damage there is never a torn tail.
 *
 * VERSIONS. Opening refuses a file of any other version, and modifies nothing. Version 1 was never
 * released. Within a version a store may add kinds of entries and fields, if it says so itself: a
 * build that does not know one throws `NewerEntryError`, and opening is refused as for a version.
 */

export const formatVersion = 2;

/** Thrown by a reader of entries: this entry is whole, but only a newer callsheet knows it. */
export class NewerEntryError extends Error {}

export const fileMagic: Uint8Array = Uint8Array.from(Buffer.from('csheet\r\n', 'latin1'));
export const fileHeaderBytes = 64;
export const fileKind = { segment: 1, snapshot: 2 } as const;
export type FileKind = (typeof fileKind)[keyof typeof fileKind];

/** Bytes that are unlikely in text and in small numbers, and differ under every byte order. */
export const frameMagic = 0xf5c4a11e;
export const frameHeaderBytes = 48;
/** Limit of a frame on disk, with header and padding. */
export const maxFrameBytes = 8 * 1024 * 1024;
/** Limit of a frame's table and entries. */
export const maxPayloadBytes = maxFrameBytes - frameHeaderBytes;
export const tableRowBytes = 8;
/** The largest entry of one frame, and the size of all parts but the last of a larger one. */
export const maxPartBytes = maxPayloadBytes - tableRowBytes;
/** The largest entry, also in parts: the largest payload, with room for its record. */
export const maxEntryBytes = 129 * 1024 * 1024;

export const frameKind = { entries: 1, mark: 2, footer: 3 } as const;
export const frameFlag = { more: 1, part: 2 } as const;

export const footerBytes = 56;

/** The size of a witness that records an LSN. */
export const witnessBytes = 32;

/** The unit that recovery expects a disk to write whole or not at all. */
export const sectorBytes = 512;

/** An entry of a transaction, which only the caller understands. */
export interface Entry {
  /** The caller's kind of entry: 1 to 255. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * The entries of a transaction, back to back in one buffer. There are as many as payloads, so none
 * is an object of its own.
 */
export interface Entries {
  readonly count: number;
  readonly bytes: Uint8Array;
  /** Type and end of each entry, alternating. Each begins where the one before it ends. */
  readonly table: readonly number[];
}

/** The place of an entry's bytes. Valid while the segment exists. */
export interface Position {
  readonly segment: number;
  /** The offset of the bytes in the segment's file. */
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
}

/** The places of a transaction's entries, in their order. Valid until the next transaction. */
export interface Positions {
  readonly segment: number;
  readonly offsets: Float64Array;
  readonly checksums: Int32Array;
}

/** Rounds a length up to the multiple of 8 at which the next frame begins. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Writes a number up to 2^53 as 8 bytes. A BigInt would cost more than the rest of the header. */
export function setUint53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 0x1_0000_0000, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Reads a number of {@link setUint53}. A larger one loses digits, so it equals no expected one. */
export function getUint53(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}
