/** Faults that other queues on PostgreSQL have met: see the guide. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open } from 'callsheet';
import pg from 'pg';
import { startOwn } from '../../bench/harness/postgres-server.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { PostgresDatabase } from '../../src/store/postgres/database.js';
import { migrate } from '../../src/store/postgres/schema.js';
import { ConnectionError } from '../../src/store/shared/database.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { slow } from '../cli/jobs/defined.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { forget, openGate } from '../contract/jobs/work.js';
import { noFaults } from '../shared-store/database.js';
import { openAloneOn, openBeside } from '../shared-store/kits.js';
import { Neighbourhood } from './kits.js';
import { freshSchema, serverUrl } from './schemas.js';

const soon = { timeoutMs: 30_000 };

test('[19.3] no statement lasts beyond its transaction, and no notification is sent within one', async () => {
  const [connection, schema] = [await serverUrl(), await freshSchema()];
  const said = new Map<Connection, string[]>();
  const { run } = Connection.prototype;
  mock.method(Connection.prototype, 'run', function (this: Connection, text: string, values?: unknown[]) {
    said.set(this, [...(said.get(this) ?? []), text]);
    return run.call(this, text, values);
  });
  const kit = await openAloneOn(() => new PostgresDatabase({ connection, schema }), { jobs: [slow] });
  await kit.waitForResult(await kit.runtime.queue().put(slow.add(1, 2), { priority: 1 }));
  await kit.close();
  mock.restoreAll();
  const texts = [...said.values()];
  const hasBegun = (list: readonly string[]) => list.some((text) => /^begin/i.test(text));
  const isAsked = (list: readonly string[], what: RegExp) => list.some((text) => what.test(text));
  assert.ok(texts.some(hasBegun));
  for (const list of texts.filter(hasBegun))
    assert.ok(
      !isAsked(list, /pg_notify|\bnotify\b|\blisten\b|pg_advisory_lock|\bset (?!local\b)session|temporary|prepare/i),
    );
  const listeners = texts.filter((list) => isAsked(list, /^listen /));
  assert.ok(listeners.length > 0 && !listeners.some(hasBegun), 'the listener is in no transaction');
});

test('[19.3] notifications that are nonsense end nothing', async () => {
  const [connection, schema] = [await serverUrl(), await freshSchema()];
  const database = new PostgresDatabase({ connection, schema });
  const heard: unknown[] = [];
  database.watch((holders) => heard.push(holders));
  const sender = new pg.Client({ connectionString: connection });
  await sender.connect();
  while (!database.hears) await delay(5);
  heard.length = 0;
  const nonsense = ['{', '{"due":7}', 'null'];
  for (const text of nonsense) await sender.query('select pg_notify($1, $2)', [`callsheet ${schema}`, text]);
  while (heard.length < nonsense.length) await delay(5);
  assert.deepEqual(heard, [undefined, undefined, undefined], 'anything may have changed');
  await sender.end();
  await database.close();
});

test('[19.3] a pooler that keeps no names of statements is noticed, and needs none from then on', async (t) => {
  const url = await serverUrl();
  const opened = async () => {
    const connection = await Connection.open(url);
    t.after(() => connection.close());
    return connection;
  };
  const ask = async (connection: Connection, n: number) =>
    assert.deepEqual(await connection.run('select $1::int as n', [n]), [{ n }]);
  const named = 'select name from pg_prepared_statements where statement = $1';
  const first = await opened();
  for (const n of [1, 2, 3]) await ask(first, n);
  assert.equal((await first.run(named, ['select $1::int as n'])).length, 1);
  // As if the next transaction were on another connection to the server.
  await first.run('deallocate all;');
  await assert.rejects(ask(first, 4), ConnectionError);
  const second = await opened();
  for (const n of [5, 6, 7]) await ask(second, n);
  assert.equal((await second.run(named, ['select $1::int as n'])).length, 0);
});

test('[2.10] a job ends as cancelled, though its process has not heard that another cancelled it', async (t) => {
  forget();
  const all = await Neighbourhood.make();
  const clock = new VirtualClock(Date.UTC(2030, 0));
  const opened = async (agent: boolean) => {
    const options = { jobs: allJobs, threads: 1, ...(!agent && { agent }) };
    const kit = await openBeside(options, { database: () => all.connect(), clock });
    t.after(() => kit.close());
    return kit;
  };
  const [running, other] = [await opened(true), await opened(false)];
  const job = await running.runtime.queue().put(work.hold('gate'));
  await running.untilIdle();
  assert.deepEqual(running.running, [job.id]);
  all.faults = { ...noFaults, forgets: () => true };
  await other.runtime.job(job.id).cancel();
  openGate('gate');
  await running.untilIdle();
  assert.equal(await other.runtime.job(job.id).status(), 'completed');
  assert.equal((await job.failure())?.name, 'JobCancelledError');
});

test('[19.3] puts of one key at the same moment in several processes are one job', async (t) => {
  const place = { postgres: await serverUrl(), schema: await freshSchema(), jobs: [slow], dispatcher: false };
  const all = await Promise.all([open(place), open(place), open(place)]);
  t.after(() => Promise.all(all.map((one) => one.close())));
  for (let round = 0; round < 10; round++) {
    const puts = all.map((one) => one.queue().put(slow.add(1, 2), { unique: `${round}`, beginAfter: 3_600_000 }));
    const ids = new Set((await Promise.all(puts)).map(({ id }) => id));
    assert.equal(ids.size, 1);
    assert.equal(await all[0]!.job([...ids][0]!).status(), 'pending', 'the job is there');
  }
});

test('[19.5] a server that becomes read-only and is mended takes all puts of that time, once', async (t) => {
  const server = await startOwn();
  t.after(() => server.stop());
  const connection = await Connection.open(server.url);
  await migrate(connection, 'callsheet');
  const runtime = await open({
    postgres: server.url,
    jobs: [slow],
    threads: 1,
    pingMs: 200,
    deathMs: 1000,
    graceMs: 0,
  });
  t.after(() => runtime.close());
  await (await runtime.queue().put(slow.add(1, 1))).result(soon);
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query('set default_transaction_read_only = off');
  await admin.query('alter database postgres set default_transaction_read_only = on');
  const others = `select pg_terminate_backend(pid) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  await admin.query(others);
  const sessions = async () =>
    (await admin.query(`select sum(sessions)::int as made from pg_stat_database`)).rows[0].made as number;
  const before = await sessions();
  const puts = Promise.all([1, 2].map((n) => runtime.queue().put(slow.add(n, n))));
  const isEarly = await Promise.race([
    puts.then(() => true),
    new Promise((resolve) => setTimeout(resolve, 1500, false)),
  ]);
  assert.equal(isEarly, false, 'nothing is acknowledged by a read-only server');
  const made = (await sessions()) - before;
  assert.ok(made < 40, `${made} connections: it waits longer and longer`);
  await admin.query('alter database postgres reset default_transaction_read_only');
  assert.deepEqual(await Promise.all((await puts).map((job) => job.result(soon))), [2, 4]);
  assert.equal((await runtime.monitor.counts())[0]?.count, 3);
  await admin.end();
  await runtime.close();
});
