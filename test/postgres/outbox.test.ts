/** Puts within a transaction of the user: the jobs are put if and when it commits. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { map, type OpenOptions, open, parallel, type Runtime } from 'callsheet';
import pg from 'pg';
import { quoted } from '../../src/store/postgres/connection.js';
import { slow } from '../cli/jobs/defined.js';
import { realJobs, stubborn } from '../contract/real/jobs/all.js';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { freshSchema, serverUrl } from './schemas.js';

const soon = { timeoutMs: 30_000 };

interface Opened {
  readonly runtime: Runtime;
  readonly client: pg.Client;
  readonly schema: string;
}

async function opened(t: TestContext, options: Partial<OpenOptions> = {}): Promise<Opened> {
  const [postgres, schema] = [await serverUrl(), await freshSchema()];
  const runtime = await open({ postgres, schema, jobs: [slow], threads: 1, graceMs: 0, ...options });
  t.after(() => runtime.close());
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  t.after(() => client.end());
  return { runtime, client, schema };
}

test('[19.9] a put is taken in if the transaction commits, and is nothing if it rolls back', async (t) => {
  const { runtime, client } = await opened(t);
  const queue = runtime.queue();
  await client.query('create temporary table orders (id int)');
  await client.query('begin; insert into orders values (1)');
  const rolled = await queue.put(slow.add(1, 1), { client });
  await client.query('rollback');
  await client.query('begin; insert into orders values (2)');
  const put = await queue.put(slow.add(20, 22), { client, priority: 3 });
  await assert.rejects(put.details(), { code: 'JOB_FORGOTTEN' }, 'before the commit there is no job');
  await client.query('commit');
  assert.equal(await put.result(soon), 42);
  assert.equal((await put.details()).priority, 3);
  await assert.rejects(rolled.result(), { code: 'JOB_FORGOTTEN' });
});

test('[19.9] a job runs although its handle is never asked', async (t) => {
  const { runtime, client } = await opened(t);
  const events = runtime.events();
  await runtime.queue().put(slow.add(1, 2), { client });
  for await (const event of events) if (event.type === 'job.completed') break;
});

test('[19.9] a job begins within seconds of a commit that its quiet process does not hear of', async (t) => {
  const { runtime, client } = await opened(t, { jobs: realJobs });
  const file = join(temporaryDirectory(), 'began');
  // Looks that follow the opening would find it, too.
  await delay(2000);
  await client.query('begin');
  await runtime.queue().put(stubborn.quick(file, 'began'), { client });
  await delay(2000);
  await client.query('commit');
  await eventually('it has begun', () => existsSync(file), { limitMs: 8000 });
});

test('[19.9] a thousand rollbacks leave nothing, a thousand commits a thousand jobs', async (t) => {
  const { runtime, client, schema } = await opened(t, { dispatcher: false });
  const queue = runtime.queue();
  const levels = ['read committed', 'repeatable read', 'serializable'];
  let statements = 0;
  const counting = {
    query: (text: string, values: unknown[]) => {
      statements++;
      return client.query(text, values);
    },
  };
  for (let n = 0; n < 2000; n++) {
    await client.query(`begin isolation level ${levels[n % 3]}`);
    await queue.put(slow.add(n, 1), { client: counting });
    await client.query(n % 2 === 0 ? 'rollback' : 'commit');
  }
  assert.equal(statements, 2000, 'one statement each');
  const counted = async () => (await runtime.monitor.counts())[0]?.count;
  while ((await counted()) !== 1000) await queue.details();
  const { rows } = await client.query(`select count(*)::int as left from ${quoted(schema)}.outbox`);
  assert.deepEqual(rows, [{ left: 0 }]);
});

test('[19.9] a job that is refused later has failed with that error, and its callbacks run', async (t) => {
  const { runtime, client } = await opened(t);
  const job = slow.add(1, 2).on({ failure: slow.always });
  const refused = await runtime.queue('nowhere').put(job, { client });
  assert.deepEqual((await refused.failure(soon))?.name, 'UnknownQueueError');
  await eventually('its callback has run', async () => (await refused.details()).callbacksDone === 1);
  const held = await runtime.queue().put(slow.add(1, 2), { client, quotas: ['none'], unique: 'a' });
  assert.equal((await held.failure(soon))?.name, 'UnknownQuotaError');
  const whole = parallel([slow.add(1, 2), slow.add(3, 4).with({ quotas: ['none'] })]);
  assert.equal((await (await runtime.queue().put(whole, { client })).failure(soon))?.name, 'UnknownQuotaError');
});

test('[19.9] compositions, several jobs, dates and keys work in a transaction', async (t) => {
  const { runtime, client } = await opened(t);
  const queue = runtime.queue();
  await client.query('begin');
  const whole = await queue.put(parallel([slow.add(1, 1), slow.add(2, 2)]), { client });
  const [first, second] = await queue.putAll([slow.add(1, 2), slow.add(3, 4)], { client });
  const later = await queue.put(slow.add(1, 2), { client, beginAfter: 3_600_000, unique: 'later' });
  await client.query('commit');
  assert.deepEqual(await Promise.all([first.result(soon), second.result(soon)]), [3, 7]);
  assert.deepEqual(
    Array.from(await whole.result(soon), ({ result }) => result),
    [2, 4],
  );
  assert.equal(await later.status(), 'pending');
  const same = await queue.put(slow.add(1, 2), { client, unique: 'later' });
  const other = await queue.put(slow.add(1, 2), { unique: 'later' });
  assert.equal(other.id, later.id);
  await assert.rejects(same.status(), { code: 'JOB_FORGOTTEN' }, 'the live job has the key');
});

test('[19.9] a job of a newer build stays for it, and others go on', async (t) => {
  const { runtime, client, schema } = await opened(t);
  const newer = await runtime
    .queue()
    .put(slow.add(1, 2), { client: changed(client, (text) => text.replace(', 1, $3', ', 99, $3')) });
  const torn = await runtime.queue().put(slow.add(1, 2), {
    client: changed(
      client,
      (text) => text,
      () => Buffer.from('torn'),
    ),
  });
  const job = await runtime.queue().put(slow.add(1, 2), { client });
  assert.equal(await job.result(soon), 3);
  for (const left of [newer, torn]) await assert.rejects(left.status(), { code: 'JOB_FORGOTTEN' });
  const { rows } = await client.query(`select count(*)::int as left from ${quoted(schema)}.outbox`);
  assert.deepEqual(rows, [{ left: 2 }]);
});

const changed = (client: pg.Client, statement: (text: string) => string, bytes = (given: unknown) => given) => ({
  query: (text: string, [ids, owner, put]: unknown[]) => client.query(statement(text), [ids, owner, bytes(put)]),
});

test('[19.9] what no transaction can have is refused with a plain error', async (t) => {
  const { runtime, client } = await opened(t);
  const queue = runtime.queue();
  const refused = (code: string, message: RegExp) => ({ code, message });
  for (const none of [null, {}, 'postgres://x'])
    await assert.rejects(
      queue.put(slow.add(1, 2), { client: none as never }),
      refused('INVALID_OPTION', /^`client` must have query/),
    );
  const gone = { client, signal: new AbortController().signal };
  await assert.rejects(
    queue.put(slow.add(1, 2), gone),
    refused('INVALID_OPTION', /^`signal` must be left out with a client/),
  );
  await assert.rejects(
    queue.put(slow.add(1, 2), { client, durability: 'memory' }),
    refused('INVALID_OPTION', /^`durability`/),
  );
  await assert.rejects(
    queue.put(map([1], slow.sleep), { client }),
    refused('INVALID_OPTION', /^`client` must be left out for a map/),
  );
  await assert.rejects(queue.broadcast(slow.add(1, 2), { client }), refused('INVALID_OPTION', /^`client` .*broadcast/));
  await assert.rejects(
    queue.put(slow.add((() => 1) as never, 2), { client }),
    refused('ARGUMENT_NOT_STORABLE', /arguments\[0\]/),
  );
  const directory = temporaryDirectory();
  const journal = await open({ directory: `${directory}/jobs`, jobs: realJobs, threads: 1 });
  await assert.rejects(
    journal.queue().put(stubborn.ignores, { client }),
    refused('INVALID_OPTION', /^`client` must be left out: .*not in PostgreSQL/),
  );
  await journal.close();
  await client.query('begin');
  await assert.rejects(client.query('select 1/0'));
  await assert.rejects(queue.put(slow.add(1, 2), { client }), { code: '25P02' }, 'the error of the driver');
  await client.query('rollback');
});
