/**
 * The entries of the journal that hold records.
 *
 * An entry is one of:
 *
 *    1 name        number (varint), text            a name; later entries use its number
 *    2 jobs        headers, see `job-header.ts`     whole headers; the last one of an id counts
 *    3 payload     id (16), slot (1), bytes         a job's arguments or result, written once,
 *                                                   before its header in the same frame
 *    4 forget      ids (16 each)                    the jobs and their payloads are gone
 *    5 setting     key (text), JSON (text)          a queue, quota …, whole; empty: removed
 *    6 annotation  id (16), name (text), 1, value   a value; 0 instead of 1 and value: taken back
 *    7 move        id (16), slot (1), bytes         a payload, copied out of a dying segment
 *    8 kept jobs   headers, each with two places    in snapshots only
 *
 * An entry holds several headers or ids: few enough that a damaged entry loses little, many enough
 * that its own cost is small.
 *
 * A header records which payloads its job has, not where they are: their entries come before it, in
 * the same frame or an earlier one. A move changes the place of a payload that a job has; it never
 * brings back a job that is gone. A *place* is the segment, offset, length and checksum of a
 * payload's entry (3 or 7), as varints, or 0 for none; the arguments' place comes before the
 * result's.
 *
 * Numbers are varints. Names are interned per file, so that a segment can be read without those
 * before it.
 *
 * NEWER BUILDS. A setting is a JSON object with its `kind`, and its key begins with that kind and a
 * zero character. A setting of an unknown kind is kept as it is, by loading, snapshots and salvage,
 * for the build that knows it. Unknown fields of a known kind last until this build changes the
 * record. An unknown type of entry, or an unknown field of a job's header, decides how a job must
 * be treated, so it is refused like a newer version. Every other change of this layout is a new
 * format version.
 *
 * ROOM FOR RUNS. Types 9 to 12 are kept for plain jobs that are put, claimed and settled as one:
 *
 *    9 run      number, callable, queue, owner, level, put time, count, first position; then for
 *               each job length and checksum of its arguments, and they with a head as in type 3
 *   10 claim    number, agent, time; ranges of jobs of the run, with their fences
 *   11 settle   number, times; ranges of jobs, and for each its outcome: kind, length and checksum,
 *               and the bytes with a head
 *   12 leave    number, indices: these jobs left the run; their headers precede this entry in the
 *               same frame
 *
 * Such a job has no header of its own until it leaves. Its payloads have places as others have, for
 * a place may lie within an entry: offset, length and checksum are those of the payload's head and
 * bytes.
 */

import type { ByteWriter } from '../../codec/bytes.js';
import type { Id } from '../../core/records.js';

export const entryTypes = {
  name: 1,
  jobs: 2,
  payload: 3,
  forget: 4,
  setting: 5,
  annotation: 6,
  move: 7,
  keptJobs: 8,
} as const;

/** Bytes of a payload's entry before the payload itself. */
export const payloadHeadBytes = 17;

export function writePayloadHead(out: ByteWriter, id: Id, slot: number): void {
  out.id(id);
  out.u8(slot);
}
