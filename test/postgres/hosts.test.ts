/** Several processes on one database: the product as users run it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type OpenOptions, open, type Runtime } from 'callsheet';
import { startOwn } from '../../bench/harness/postgres-server.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { migrate } from '../../src/store/postgres/schema.js';
import { realJobs, stubborn } from '../contract/real/jobs/all.js';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { freshSchema, serverUrl } from './schemas.js';

/** Long for any machine, so that a result that never comes is an error. */
const soon = { timeoutMs: 30_000 };

const host = new URL('./programs/host.js', import.meta.url);

async function opened(t: TestContext, options: Partial<OpenOptions>): Promise<Runtime> {
  const runtime = await open({ jobs: realJobs, threads: 1, pingMs: 200, deathMs: 1000, graceMs: 0, ...options });
  t.after(() => runtime.close());
  return runtime;
}

async function started(t: TestContext, url: string, schema: string): Promise<Program> {
  const program = new Program(t, host, url, schema);
  assert.match((await program.line()) ?? program.errors, /^open /);
  return program;
}

test('[19.1] a job that one process puts runs in another, and its result comes back', async (t) => {
  const [postgres, schema, file] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'lines')];
  const client = await opened(t, { postgres, schema, dispatcher: false });
  await started(t, postgres, schema);
  const jobs = await client.queue().putAll(['a', 'b', 'c'].map((line) => stubborn.quick(file, line)));
  assert.deepEqual(await Promise.all(jobs.map((job) => job.result(soon))), ['a', 'b', 'c']);
  assert.equal(readFileSync(file, 'utf8'), 'a\nb\nc\n', 'each ran once, in order');
});

test('[19.4] a job of a process that was killed runs in another', async (t) => {
  const [postgres, schema, file] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'lines')];
  const client = await opened(t, { postgres, schema, dispatcher: false });
  const first = await started(t, postgres, schema);
  const held = await client.queue().put(stubborn.ignores);
  await first.says(`started ${held.id}`);
  await first.kill();
  const second = await started(t, postgres, schema);
  await second.says(`started ${held.id}`);
  await held.cancel();
  const behind = await client.queue().put(stubborn.quick(file, 'behind'));
  assert.equal(await behind.result(soon), 'behind', 'its thread is free again');
});

test('[19.4] large arguments and results come whole, also to a job that is retried', async (t) => {
  const [postgres, schema, file] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'lines')];
  const [client, host] = [
    await opened(t, { postgres, schema, dispatcher: false }),
    await opened(t, { postgres, schema, deathMs: 10_000 }),
  ];
  const large = 'abcdefg'.repeat(200_000);
  const later = await client.queue().put(stubborn.quick(file, large).with({ beginAfter: 3_600_000 }));
  await later.cancel();
  const again = await client.retry(later);
  assert.equal(await again.result(soon), large);
  assert.equal(await host.job(again.id).result(soon), large);
  assert.equal(readFileSync(file, 'utf8'), `${large}\n`);
});

test('[19.5] a server that crashes and comes back loses nothing that was put', async (t) => {
  const server = await startOwn({ fsync: 'on', synchronous_commit: 'on' });
  const connection = await Connection.open(server.url);
  await migrate(connection, 'callsheet');
  await connection.close();
  const file = join(temporaryDirectory(), 'lines');
  const runtime = await opened(t, { postgres: server.url });
  const before = await runtime.queue().putAll(['a', 'b'].map((line) => stubborn.quick(file, line)));
  await server.halt('QUIT');
  const during = runtime.queue().put(stubborn.quick(file, 'c'));
  const again = await startOwn({}, server);
  t.after(() => again.stop());
  const results = await Promise.all([...before, await during].map((job) => job.result(soon)));
  assert.deepEqual(results, ['a', 'b', 'c']);
  await runtime.close();
});
