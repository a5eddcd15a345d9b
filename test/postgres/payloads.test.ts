/** Large payloads on PostgreSQL: rows of their own, as long as a job has them. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { open } from 'callsheet';
import pg from 'pg';
import { Connection, quoted } from '../../src/store/postgres/connection.js';
import { nearBytes } from '../../src/store/postgres/payloads.js';
import { FarPayload } from '../../src/store/shared/far-payload.js';
import { slow } from '../cli/jobs/defined.js';
import { freshSchema, openDatabase, serverUrl } from './schemas.js';

const soon = { timeoutMs: 30_000 };
const size = 2 * nearBytes + 1;
const bytes = Uint8Array.from({ length: size }, (_, at) => at % 251);

async function opened(t: TestContext) {
  const [postgres, schema] = [await serverUrl(), await freshSchema()];
  const runtime = await open({ postgres, schema, jobs: [slow], threads: 1, graceMs: 0 });
  t.after(() => runtime.close());
  const database = await openDatabase(schema);
  const connection = await Connection.open(postgres);
  t.after(() => connection.close());
  const kept = async () => {
    await database.sweepPayloads();
    const count = (table: string) => `(select count(*)::int from ${quoted(schema)}.${table}) as ${table}`;
    return (await connection.run(`select ${count('payloads')}, ${count('slices')}, ${count('uses')}`))[0];
  };
  return { runtime, database, connection, schema, kept };
}

test('[19.4] a large payload is kept until the last job that has it is forgotten', async (t) => {
  const { runtime, kept } = await opened(t);
  const job = await runtime.queue().put(slow.refuse(bytes));
  await job.failure(soon);
  const again = await runtime.retry(job);
  await again.failure(soon);
  assert.deepEqual(await kept(), { payloads: 1, slices: 3, uses: 2 });
  await runtime.forgetAll({ id: job.id });
  assert.deepEqual(await kept(), { payloads: 1, slices: 3, uses: 1 });
  assert.deepEqual((await again.arguments())[0], bytes);
  await runtime.forgetAll({ id: again.id });
  assert.deepEqual(await kept(), { payloads: 0, slices: 0, uses: 0 });
});

test('[19.4] an upload goes on behind the slices that are there', async (t) => {
  const { database, connection, schema, kept } = await opened(t);
  const payload = new FarPayload(size);
  await database.upload(payload, bytes);
  const slices = `${quoted(schema)}.slices`;
  await connection.run(`delete from ${slices} where at > 0; update ${slices} set bytes = 'begun'`);
  await database.upload(payload, bytes);
  const rows = await connection.run<{ bytes: Buffer }>(`select bytes from ${slices} order by at`);
  assert.equal(`${rows[0]!.bytes}`, 'begun');
  assert.deepEqual(Buffer.concat(rows.slice(1).map((row) => row.bytes)), Buffer.from(bytes.subarray(nearBytes)));
  assert.deepEqual(await kept(), { payloads: 1, slices: 3, uses: 0 }, 'its job may come');
  await connection.run(`update ${quoted(schema)}.payloads set loose_from = now() - interval '25 hours'`);
  assert.deepEqual(await kept(), { payloads: 0, slices: 0, uses: 0 });
});

test('[19.9] large arguments of a put within a transaction are uploaded before it is taken in', async (t) => {
  const { runtime, kept } = await opened(t);
  const client = new pg.Client({ connectionString: await serverUrl() });
  await client.connect();
  t.after(() => client.end());
  const jobs = await Promise.all([1, 2].map(() => runtime.queue().put(slow.back(bytes), { client })));
  for (const job of jobs) assert.deepEqual(await job.result(soon), bytes);
  assert.deepEqual(await kept(), { payloads: 4, slices: 12, uses: 4 });
});
