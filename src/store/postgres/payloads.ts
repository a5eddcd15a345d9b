/**
 * Large payloads, in slices of a table of their own: neither their way to the server nor a look at
 * their job takes long at a time.
 *
 * `uses` has the jobs of each payload. One without any is loose: it was uploaded and its job is not
 * committed yet, or its jobs are forgotten.
 */
import { type Id, type JobRecord, type PayloadSlot, payloadSlots } from '../../core/records.js';
import type { Rows, Writes } from '../shared/database.js';
import { FarPayload } from '../shared/far-payload.js';
import type { Copy, Run } from './connection.js';
import type { Tables } from './tables.js';
import { uuidOf } from './values.js';

/** Payloads up to this size are in the rows of their jobs. */
export const nearBytes = 1 << 20;
/** Part of the format of the table: it must never change. */
const sliceBytes = 1 << 20;
/** Slices that one statement reads, since a statement has a time limit. */
const slicesAtOnce = 8;
/** Payloads that are dropped at once. Each may have thousands of rows. */
const sweptAtOnce = 8;

/**
 * Writes the slices that are not there yet: all within the transaction of the caller, or each in a
 * commit of its own. The last of these commits waits for the server's disk, the others do not.
 */
export async function upload(
  run: Run,
  { payloads, slices }: Tables,
  payload: FarPayload,
  bytes: Uint8Array,
  place: 'alone' | 'within' = 'alone',
): Promise<void> {
  const id = uuidOf(payload.id);
  const begun = run(`insert into ${payloads} (id, loose_from) values ($1, now()) on conflict do nothing`, [id]);
  const counted = run<{ slices: number }>(`select count(*)::int as slices from ${slices} where payload = $1`, [id]);
  const [, [there]] = await Promise.all([begun, counted]);
  const count = Math.ceil(bytes.byteLength / sliceBytes);
  const insert = `insert into ${slices} (payload, at, bytes)`;
  for (let at = there!.slices; at < count; at++) {
    const slice = bytes.subarray(at * sliceBytes, (at + 1) * sliceBytes);
    const values = [id, at, Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength)];
    if (place === 'within' || at === count - 1) await run(`${insert} values ($1, $2, $3)`, values);
    else {
      const soon = `select set_config('synchronous_commit', 'off', true)`;
      await run(`with soon as (${soon}) ${insert} select $1::uuid, $2::int, $3::bytea from soon`, values);
    }
  }
}

/** Reads a payload, unless its jobs are gone. The driver would make texts of it in usual rows. */
export async function readPayload(copy: Copy, { slices }: Tables, payload: FarPayload, rows: Rows): Promise<void> {
  const bytes = new Uint8Array(payload.byteLength);
  let read = 0;
  for (let at = 0; at * sliceBytes < bytes.length; at += slicesAtOnce) {
    const some = `payload = '${uuidOf(payload.id)}' and at between ${at} and ${at + slicesAtOnce - 1}`;
    const text = `copy (select bytes from ${slices} where ${some} order by at) to stdout (format binary)`;
    const into = new CopiedSlices(bytes.subarray(at * sliceBytes, (at + slicesAtOnce) * sliceBytes));
    await copy(text, (piece) => into.take(piece));
    read += into.taken;
  }
  if (read === bytes.length) rows.payloads.push([payload.id, bytes]);
}

/** Bytes before the first row of a binary copy, and before the value of a row with one. */
const copyHead = 19;
const rowHead = 6;

/** Takes the slices out of the output of a binary copy, wherever it is cut into pieces. */
class CopiedSlices {
  readonly #bytes: Uint8Array;
  #at = -copyHead;
  /** The number of bytes that came. */
  taken = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(piece: Buffer): void {
    const row = rowHead + sliceBytes;
    const end = this.#at + piece.length;
    for (let slice = Math.max(0, Math.floor(this.#at / row)); slice * row < end; slice++) {
      const value = slice * row + rowHead;
      const from = Math.max(value, this.#at);
      const to = Math.min(value + sliceBytes, end, value - slice * sliceBytes + this.#bytes.length);
      if (from >= to) continue;
      this.#bytes.set(piece.subarray(from - this.#at, to - this.#at), from - value + slice * sliceBytes);
      this.taken += to - from;
    }
    this.#at = end;
  }
}

/** Drops payloads that no job has, but not those that were uploaded since a day. */
export async function sweepPayloads(run: Run, { payloads, uses }: Tables): Promise<void> {
  const unused = `loose_from < now() - interval '1 day' and not exists (select from ${uses} where payload = id)`;
  const loose = `select id from ${payloads} where ${unused} limit ${sweptAtOnce} for update skip locked`;
  await run(`delete from ${payloads} where id in (${loose})`);
}

/** Notes which payloads the written jobs have, and have no more. */
export function writeUses(
  run: Run,
  { payloads, uses }: Tables,
  { jobs, forgotten }: Writes,
  before: (id: Id) => JobRecord | undefined,
): Promise<unknown>[] {
  const taken: Use[] = [];
  const left: Use[] = [];
  const move = (job: Id, had: readonly Id[], has: readonly Id[]) => {
    for (const payload of has) if (!had.includes(payload)) taken.push({ payload, job });
    for (const payload of had) if (!has.includes(payload)) left.push({ payload, job });
  };
  for (const job of jobs) move(job.id, idsOf(before(job.id)), idsOf(job));
  for (const id of forgotten) move(id, idsOf(before(id)), []);
  const pairs = (all: readonly Use[]) => [all.map(({ payload }) => uuidOf(payload)), all.map(({ job }) => uuidOf(job))];
  const given = 'unnest($1::uuid[], $2::uuid[]) as new (payload, job)';
  const runs: Promise<unknown>[] = [];
  if (taken.length > 0) {
    const [ids, ofJobs] = pairs(taken);
    runs.push(
      run(`insert into ${uses} (payload, job) select payload, job from ${given} on conflict do nothing`, [ids, ofJobs]),
      run(`update ${payloads} set loose_from = null where id = any($1) and loose_from is not null`, [ids]),
    );
  }
  if (left.length > 0) {
    const [ids, ofJobs] = pairs(left);
    runs.push(
      run(`delete from ${uses} old using ${given} where old.payload = new.payload and old.job = new.job`, [
        ids,
        ofJobs,
      ]),
      run(`update ${payloads} set loose_from = '-infinity' where id = any($1)`, [ids]),
    );
  }
  return runs;
}

interface Use {
  readonly payload: Id;
  readonly job: Id;
}

const idsOf = (job: JobRecord | undefined): readonly Id[] => (job === undefined ? [] : farOf(job).map(({ id }) => id));

/** Returns the payloads of a job that are not in its row. */
export function farOf(job: JobRecord): readonly FarPayload[] {
  return payloadSlots.map((slot) => job[slot]).filter((payload) => payload instanceof FarPayload);
}

/** The places of a job's far payloads, for each slot: its id, and its size, which is 0 for none. */
const placeBytes = 20;

/** Returns the places as they are in the row; null for none. */
export function placesOf(job: JobRecord): Uint8Array | null {
  let places: Buffer | null = null;
  for (const [index, slot] of payloadSlots.entries()) {
    const payload = job[slot];
    if (!(payload instanceof FarPayload)) continue;
    places ??= Buffer.alloc(payloadSlots.length * placeBytes);
    places.write(payload.id, index * placeBytes, 'latin1');
    places.writeUInt32BE(payload.byteLength, index * placeBytes + 16);
  }
  return places;
}

export function farFrom(places: Buffer, slot: PayloadSlot): FarPayload | null {
  const at = payloadSlots.indexOf(slot) * placeBytes;
  const byteLength = places.readUInt32BE(at + 16);
  return byteLength === 0 ? null : new FarPayload(byteLength, places.toString('latin1', at, at + 16));
}
