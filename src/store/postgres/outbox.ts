/**
 * Puts that users write within their own transactions, in a table of its own. A row is an encoded
 * put, and the first process that sees it after the commit decides it. So the transaction of a user
 * takes one insert, waits for no lock, and may have any isolation level, and a rollback leaves
 * nothing.
 */
import type { Id } from '../../core/records.js';
import type { Posted } from '../shared/database.js';
import { quoted, type Run } from './connection.js';
import type { Tables } from './tables.js';
import { idFrom, uuidOf } from './values.js';

/** The version of the encoding. A build leaves later ones to newer builds. */
const format = 1;
/** Rows that one transaction takes. */
const postedAtOnce = 64;

/**
 * Returns the statement of a put, for a client of the user. Its values are the ids of the jobs as
 * UUIDs with commas between them, the UUID of their owner, and the bytes of the put.
 */
export const outboxStatement = (schema: string): string =>
  `insert into ${quoted(schema)}.outbox (ids, owner, format, put)
    values (string_to_array($1::text, ',')::uuid[], $2::text::uuid, ${format}, $3::bytea)`;

/** Whether rows wait, other than those known as `unreadable`: any, or one with these jobs. */
export async function arePosted(
  run: Run,
  { outbox }: Tables,
  unreadable: Iterable<number>,
  jobs?: readonly Id[],
): Promise<boolean> {
  const [ofJobs, values] = jobs === undefined ? ['', []] : [' and ids && $2::uuid[]', [jobs.map(uuidOf)]];
  const text = `select 1 from ${outbox} where format <= ${format} and seq <> all($1::bigint[])${ofJobs} limit 1`;
  return (await run(text, [[...unreadable], ...values])).length > 0;
}

/** Takes rows out of the table, in the order in which they were written. */
export async function takePosted(
  run: Run,
  { outbox }: Tables,
  unreadable: Iterable<number>,
): Promise<readonly Posted[]> {
  const first = `select seq from ${outbox} where format <= ${format} and seq <> all($1::bigint[])
    order by seq limit ${postedAtOnce} for update skip locked`;
  const text = `delete from ${outbox} where seq in (${first}) returning seq::float8, owner, put`;
  const rows = await run<{ seq: number; owner: string; put: Buffer }>(text, [[...unreadable]]);
  return rows.sort((a, b) => a.seq - b.seq).map(({ seq, owner, put }) => ({ seq, owner: idFrom(owner), put }));
}
