/** Puts within a transaction of the user: a row that a runtime reads after the commit. */
import { idToText } from '../codec/id.js';
import type { Level } from '../core/records.js';
import { invalidOption } from '../errors.js';
import type { WireJob } from '../protocol/messages.js';
import { packPosted } from '../protocol/posted.js';
import type { Client } from './client.js';

/** A connection to PostgreSQL, such as `pg.Client` or a client of a `pg.Pool`. */
export interface SqlClient {
  /** Runs one statement with its values `$1`, `$2` and so on. */
  query(text: string, values: unknown[]): unknown;
}

interface PostOptions {
  readonly client?: unknown;
  readonly signal?: AbortSignal;
}

/** Writes the jobs with the user's client. Rejects with the error of the client, if it has one. */
export async function post(
  { outbox, dispatcher, link }: Client,
  client: SqlClient,
  queue: string,
  level: Level,
  jobs: WireJob[],
): Promise<void> {
  if (jobs.length === 0) return;
  const ids = jobs.map(([id]) => idToText(id)).join(',');
  const put = packPosted(queue, level, jobs);
  const bytes = Buffer.from(put.buffer, put.byteOffset, put.byteLength);
  link.request(['posting']).catch(() => {});
  await client.query(outbox!, [ids, idToText(dispatcher), bytes]);
}

/** Checks the options of a put with a `client`. */
export function checkPosting({ outbox }: Client, options: PostOptions, level: Level): void {
  const { client, signal } = options;
  if (typeof (client as Partial<SqlClient> | null)?.query !== 'function')
    throw invalidOption('client', 'must have query(text, values), as a client of `pg` has', client);
  if (outbox === undefined)
    throw invalidOption('client', 'must be left out: the jobs of this runtime are not in PostgreSQL', client);
  if (level === 'memory')
    throw invalidOption('durability', 'must be "full" or "process" with a client', level, RangeError);
  if (signal !== undefined) throw invalidOption('signal', 'must be left out with a client: cancel() the job', signal);
}
