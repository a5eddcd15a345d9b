/**
 * Records as the journal's entries.
 *
 * An entry is one of:
 *
 *   1 name number (varint), text a name that later entries of this file give by its number 2 jobs
 *   headers, see `job-header.ts` jobs' headers, whole: the last one of an id counts 3 payload id
 *   (16), slot (1), bytes arguments or result of a job, written once, before its header in the same
 *   frame 4 forget ids (16 each) the jobs and their payloads are no more 5 setting key (text), JSON
 *   (text) a queue, quota or agent, whole; empty: removed 6 annotation id (16), name (text), 1,
 *   value or 0: taken back 7 move id (16), slot (1), bytes a payload again, copied out of a segment
 *   that is to be deleted 8 kept jobs headers, each with two places in snapshots only
 *
 * Headers and ids are as many as the entry holds: few enough for little to be lost with it, many
 * enough for the entry to cost little.
 *
 * A header says which payloads its job has, not where they are: they came with it, or with one
 * before. A move changes only where the payload of a job is that has one; it never brings back a
 * job that is gone. A *place* is where the entry of a payload (3 or 7) is, for arguments and then
 * for the result: segment, offset, length and checksum as varints, or 0 for none.
 *
 * Numbers are varints. Names are interned per file, so that a segment can be read without those
 * before it. Unknown entries and fields do not exist: a change of this layout is a new format
 * version.
 */

import type { ByteReader, ByteWriter } from '../../codec/bytes.js';
import { isId } from '../../codec/id.js';
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

/** The part of a payload's entry that is not the payload. */
export const payloadHeadBytes = 17;

/** Reads an id. What is none is refused here, since later nobody could say which job it is. */
export function readId(input: ByteReader): Id {
  return checkedId(input.id());
}

export function checkedId(id: Id): Id {
  if (isId(id)) return id;
  throw new RangeError(`${Buffer.from(id, 'latin1').toString('hex')} is no UUID`);
}

export function writePayloadHead(out: ByteWriter, id: Id, slot: number): void {
  out.id(id);
  out.u8(slot);
}
