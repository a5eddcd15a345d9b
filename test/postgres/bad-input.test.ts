/** Wrong settings, and servers that refuse to work: the errors that users see. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CallsheetError, defineJobs, open } from 'callsheet';
import pg from 'pg';
import { startOwn } from '../../bench/harness/postgres-server.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { migrate } from '../../src/store/postgres/schema.js';
import { slow } from '../cli/jobs/defined.js';
import { freshSchema, serverUrl } from './schemas.js';

const soon = { timeoutMs: 30_000 };

/** A program in which no package `pg` is installed. */
const withoutDriver = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`
  export async function resolve(name, context, next) {
    if (name !== 'pg') return next(name, context);
    throw Object.assign(new Error('Cannot find package pg'), { code: 'ERR_MODULE_NOT_FOUND' });
  }\`));`;

test('[19.2] without the package `pg`, open says what to install', () => {
  const program = `import { open } from 'callsheet';
    const error = await open({ postgres: 'postgres://127.0.0.1:1/none', jobs: [] }).catch((error) => error);
    console.log(error.code, error.message);`;
  const preload = `data:text/javascript,${encodeURIComponent(withoutDriver)}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', preload, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '../../..'),
  });
  assert.match(stdout, /^PEER_MISSING .*npm install pg/, stderr);
});

test('[19.2] open names a wrong password and a read-only server in the words of the server', async (t) => {
  const server = await startOwn();
  t.after(() => server.stop());
  const connection = await Connection.open(server.url);
  await migrate(connection, 'callsheet');
  await connection.run("create role guarded login superuser password 'right'");
  const hosts = join(server.directory, 'pg_hba.conf');
  writeFileSync(hosts, `host all guarded 127.0.0.1/32 scram-sha-256\n${readFileSync(hosts, 'utf8')}`);
  await connection.run('select pg_reload_conf()');
  await connection.close();
  const as = (password: string) => server.url.replace('callsheet@', `guarded:${password}@`);
  const failed = async (postgres: string): Promise<CallsheetError> =>
    open({ postgres, jobs: [slow] }).then(
      () => assert.fail('it opened'),
      (error: CallsheetError) => error,
    );
  const wrong = await failed(as('wrong'));
  assert.equal(wrong.code, 'DATABASE_UNUSABLE');
  assert.match(wrong.message, /password authentication failed for user "guarded"/);
  assert.ok(!`${wrong.stack}${wrong.cause}`.includes('guarded:wrong'), 'no password in an error');
  const right = await open({ postgres: as('right'), jobs: [slow], dispatcher: false });
  await right.close();
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query('alter role guarded set default_transaction_read_only = on');
  await admin.end();
  const reader = await failed(as('right'));
  assert.deepEqual([reader.code, /read-only/.test(reader.message)], ['DATABASE_UNUSABLE', true]);
});

test('[19.1] a job whose function no host has waits, says so, and runs where a host has it', async (t) => {
  const place = { postgres: await serverUrl(), schema: await freshSchema(), threads: 1, graceMs: 0 };
  const later = defineJobs<typeof import('../cli/jobs/slow.js')>(
    'later',
    new URL('../cli/jobs/slow.js', import.meta.url),
  );
  const client = await open({ ...place, jobs: [later, slow], dispatcher: false });
  t.after(() => client.close());
  const host = await open({ ...place, jobs: [slow] });
  t.after(() => host.close());
  const unknown = await client.queue().putAll(Array.from({ length: 300 }, () => later.add(1, 2)));
  const known = await client.queue().put(slow.add(20, 22));
  assert.equal(await known.result(soon), 42, 'it is behind all of them');
  const { reasons } = await host.monitor.explain(unknown[0]!.id);
  assert.ok(JSON.stringify(reasons).includes('later#add'), JSON.stringify(reasons));
  const other = await open({ ...place, jobs: [slow, later] });
  t.after(() => other.close());
  assert.equal(await unknown.at(-1)!.result(soon), 3);
});

test('[19.9] a payload beyond the limit is refused before anything is sent, with a client too', async (t) => {
  const place = { postgres: await serverUrl(), schema: await freshSchema(), payloadLimitBytes: 1024 };
  const runtime = await open({ ...place, jobs: [slow], dispatcher: false });
  t.after(() => runtime.close());
  const queue = runtime.queue();
  const asked: string[] = [];
  const client = { query: async (text: string) => asked.push(text) };
  const large = slow.putInto('x'.repeat(2000));
  await assert.rejects(queue.put(large), { code: 'PAYLOAD_TOO_LARGE' });
  await assert.rejects(queue.put(large, { client } as never), { code: 'PAYLOAD_TOO_LARGE' });
  await assert.rejects(queue.put(slow.add(1, 2), { client: {} } as never), TypeError);
  assert.deepEqual(asked, []);
  assert.deepEqual(await runtime.monitor.counts(), []);
});
