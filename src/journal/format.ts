/**
 * The format of the journal on disk, version 1: in prose first, then its constants. Writer and reader are apart, in
 * `file-header.ts`, `frame-writer.ts` and `frame-reader.ts`. The journal knows bytes only: what an entry means is not
 * in here.
 *
 * FILES. A journal is one directory. Every name that starts with `journal-` in it is the journal's (see `file-names.ts`);
 * all other names are foreign, left alone and ignored. The log is cut into segments, `journal-<number, ten digits>.segment`,
 * numbered from 1. A segment is a file header followed by frames; it has no end mark. A segment is sealed (its last byte
 * synced) before the next one is created, so that only the last one can have a torn tail. Behind the last frame of the last segment
 * there may be zeros up to the end of the file: room for frames to come, of which nothing else is to be known.
 *
 * GENERATIONS. A snapshot, `journal-<number>.snapshot`, holds what the log came to when the segment of that number began, and
 * possibly some of what that segment and the following ones say: it is taken while work goes on. So the snapshot *and then* the
 * log from the beginning of that segment on, replayed in order, give the state; replaying twice must not matter. Snapshot and log
 * are a generation. The two newest generations are kept: all segments from the older one's on, without a gap. Segments before
 * that are no longer log; those of them that are still there hold entries that somebody knows the positions of. Without two
 * snapshots, the older generation is the whole log, from segment 1 on.
 *
 * CREATION. The first segment is made, with its header and its name on the disk, and then `journal-created`, an empty file: the
 * witness. No frame is written before its name is on the disk. So with a witness, a first segment that is missing or has no header
 * is damage; without one, it is a creation that was interrupted, and the directory is new. A witness that is missing beside a
 * log is made again.
 *
 * WITNESS. Later it has 32 bytes, written in place and synced: the log up to that LSN was on the
 * disk when it was written. It is written when the first frames of a segment are on the disk and
 * before they are acknowledged, when the journal is closed, and when it is opened. A witness of
 * another size, or whose checksum does not hold, says nothing about the log.
 *
 *    0  8  magic, as of a file header
 *    8  4  checksum of bytes 12..32, not salted
 *   12  4  zero
 *   16  8  number of the segment
 *   24  8  LSN
 *
 * All integers are little-endian and unsigned. Checksums are the CRC-32 of zlib. *Salted* means that the CRC starts from the
 * segment's salt, a random number, instead of from 0: what an earlier life of a disk block left there never passes.
 *
 * FILE HEADER, of segments and snapshots, 64 bytes. Magic, version, checksum and salt stay where they are in every later
 * version.
 *
 *    0  8  magic: "csheet\r\n" (a transfer that translates line ends destroys it)
 *    8  4  checksum of bytes 12..64, not salted
 *   12  4  format version (1)
 *   16  4  kind of file (1: segment of the log; 2: snapshot)
 *   20  4  salt
 *   24  8  number of the segment; of a snapshot: of the segment with which its log begins
 *   32  8  LSN of the segment's first frame; of a snapshot: of the first frame of its log
 *   40  4  checksum of the last frame before that segment (0 in segment 1)
 *   44 20  zero
 *
 * FRAME: a header of 48 bytes, a table, the bytes of the entries, zeros up to a multiple of 8. At most 8 MiB in all.
 *
 *    0  4  magic
 *    4  4  header checksum: bytes 8..48, salted. This is "the frame's checksum": it vouches for all the others
 *    8  4  length of the payload (table and entries, without the padding)
 *   12  4  payload checksum: the table, salted. The table holds a checksum of each entry, so that every byte is
 *          summed once, one damaged entry can be told from its neighbours, and an entry can be read back on its own
 *   16  8  LSN: 1 for the first frame of a journal, then one more for each frame, through all segments. The frames of a
 *          snapshot are numbered from the LSN in its header on, which only keeps them in order
 *   24  8  the highest LSN that was known to be on disk when this frame was written; in a snapshot, 0
 *   32  4  checksum of the frame before (for the first frame of a file: of the file header)
 *   36  1  kind (1: entries; 2: mark, which is empty and only carries the LSNs; 3: the footer of a snapshot)
 *   37  1  flags (1 `more`: the transaction goes on in the next frame; 2 `part`: so does the entry)
 *   38  2  zero
 *   40  4  count of entries
 *   44  4  zero
 *   48     table: per entry 8 bytes: its length (24 bits), its type (8 bits, 1..255), its checksum (not salted)
 *          then the bytes of the entries, back to back
 *
 * TRANSACTION: what one append wrote. It is applied whole or not at all. Usually it is one frame; a larger one is a run of
 * frames of which all but the last have `more`. It never crosses segments (the names that a store interns are per segment),
 * so a segment may be longer than intended, but not because of anything else that can be helped.
 *
 * PARTS: an entry too large for a frame is a run of frames with one entry each. All but the last have `more` and `part` and
 * are filled to exactly 8 MiB, so that where the bytes are follows from where they begin. The checksum in the table of a part
 * is that of the entry up to the end of this part; the last one is the checksum of the whole entry. An entry has at most 129 MiB:
 * who reads it has to hold it in memory, and nothing else that is read makes anybody do so.
 *
 * FOOTER: the last frame of a snapshot, which is not whole without it. Its one entry, of type 1:
 *
 *    0  8  count of the entries in the frames before
 *    8  8  end LSN: the log up to here was on the disk before the snapshot got its name
 *   16  8  bytes of the file before this frame
 *   24 32  SHA-256 of these bytes
 *
 * VOUCHING: a frame that says "synced up to LSN n", the header of a segment that says "first LSN n + 1", and the footer of a
 * snapshot that says "end LSN n" vouch for all frames up to n, and so does the witness. Damage there
 * is never a torn tail.
 */

export const formatVersion = 1;

export const fileMagic: Uint8Array = Uint8Array.from(Buffer.from('csheet\r\n', 'latin1'));
export const fileHeaderBytes = 64;
export const fileKind = { segment: 1, snapshot: 2 } as const;
export type FileKind = (typeof fileKind)[keyof typeof fileKind];

/** Bytes as unlikely in text as in small numbers, different under every byte order. */
export const frameMagic = 0xf5c4a11e;
export const frameHeaderBytes = 48;
/** The most that a frame may take on disk, header and padding included. */
export const maxFrameBytes = 8 * 1024 * 1024;
/** The most that a frame's table and entries may take. */
export const maxPayloadBytes = maxFrameBytes - frameHeaderBytes;
/** What one entry takes in the table of its frame. */
export const tableRowBytes = 8;
/** The largest entry that fits into one frame, and how much of a larger one each part but the last holds. */
export const maxPartBytes = maxPayloadBytes - tableRowBytes;
/** The largest entry, in parts or not: the largest payload, and room for what is stored with one. */
export const maxEntryBytes = 129 * 1024 * 1024;

export const frameKind = { entries: 1, mark: 2, footer: 3 } as const;
export const frameFlag = { more: 1, part: 2 } as const;

/** The entry in the footer of a snapshot. */
export const footerBytes = 56;

/** The size of a witness that says something. */
export const witnessBytes = 32;

/** The unit in which a disk writes all or nothing, as far as recovery relies on it. */
export const sectorBytes = 512;

/** An entry of a transaction: bytes that only the caller understands. */
export interface Entry {
  /** What kind of entry this is, for the caller: 1 to 255. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Where the bytes of an entry are, to read them back. Stays true for as long as the segment exists. */
export interface Position {
  readonly segment: number;
  /** Where the bytes begin in the file of the segment. */
  readonly offset: number;
  readonly length: number;
  /** CRC-32 of the bytes. */
  readonly checksum: number;
}

/** A length rounded up to the multiple of 8 at which the next frame begins. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Writes a number up to 2^53 as 8 bytes: a BigInt a frame would cost more than the rest of the header. */
export function setUint53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 0x1_0000_0000, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Reads what {@link setUint53} wrote; larger numbers lose digits, and so never equal an expected one. */
export function getUint53(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}
