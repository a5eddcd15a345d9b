import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defineJobs, open } from '../../src/index.js';
import { Connection, quoted } from '../../src/store/postgres/connection.js';
import { PostgresDatabase } from '../../src/store/postgres/database.js';
import { checkVersion, migrate, schemaVersion } from '../../src/store/postgres/schema.js';
import { freshSchema, serverUrl } from './schemas.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

test('[19.2] a migration runs once, however many processes start it', async () => {
  const schema = await freshSchema();
  const connections = await Promise.all([1, 2, 3].map(async () => Connection.open(await serverUrl())));
  await connections[0]!.run(`drop schema ${quoted(schema)} cascade`);
  const before = await Promise.all(connections.map((connection) => migrate(connection, schema)));
  assert.deepEqual(before.sort(), [0, schemaVersion, schemaVersion]);
  await Promise.all(connections.map((connection) => connection.close()));
});

test('[19.2] a newer schema is refused, and not modified', async () => {
  const schema = await freshSchema();
  const connection = await Connection.open(await serverUrl());
  await connection.run(`update ${quoted(schema)}.meta set version = 1000, oldest = 1000`);
  await assert.rejects(checkVersion(connection, schema), { code: 'DATABASE_VERSION' });
  await assert.rejects(migrate(connection, schema), { code: 'DATABASE_VERSION' });
  const [row] = await connection.run(`select version, oldest from ${quoted(schema)}.meta`);
  assert.deepEqual(row, { version: 1000, oldest: 1000 });
  await connection.close();
});

test('[19.2] a build runs beside a newer one whose tables it understands', async () => {
  const schema = await freshSchema();
  const connection = await Connection.open(await serverUrl());
  await connection.run(`update ${quoted(schema)}.meta set version = ${schemaVersion + 1}, oldest = ${schemaVersion}`);
  await checkVersion(connection, schema);
  assert.equal(await migrate(connection, schema), schemaVersion + 1);
  const [row] = await connection.run(`select version from ${quoted(schema)}.meta`);
  assert.deepEqual(row, { version: schemaVersion + 1 }, 'it is not taken back');
  await connection.close();
});

test('[19.2] older tables are refused with the command, which brings them up to date', async () => {
  const schema = await freshSchema();
  const connection = await Connection.open(await serverUrl());
  const tables = quoted(schema);
  await connection.run(`drop table ${tables}.outbox, ${tables}.promotions`);
  await connection.run(`drop table ${tables}.slices, ${tables}.uses, ${tables}.payloads`);
  await connection.run(`alter table ${tables}.jobs drop column far`);
  await connection.run(`alter table ${tables}.meta drop column oldest; update ${tables}.meta set version = 1`);
  await assert.rejects(checkVersion(connection, schema), {
    code: 'DATABASE_UNUSABLE',
    message: /run `callsheet migrate/,
  });
  assert.equal(await migrate(connection, schema), 1);
  await checkVersion(connection, schema);
  await connection.close();
});

test('[19.3] two schemas of a database are two stores', async (t) => {
  const postgres = await serverUrl();
  const jobs = [defineJobs('slow', new URL('../cli/jobs/slow.js', import.meta.url))];
  const [one, other] = await Promise.all(
    [await freshSchema(), await freshSchema()].map((schema) => open({ postgres, schema, jobs, dispatcher: false })),
  );
  t.after(() => Promise.all([one!.close(), other!.close()]));
  await one!.createQueue('mail');
  assert.deepEqual([await one!.queues(), await other!.queues()], [['', 'mail'], ['']]);
});

test('[19.2] a database without tables is refused with the command that makes them', async () => {
  const database = new PostgresDatabase({ connection: await serverUrl(), schema: 'nowhere' });
  await assert.rejects(database.open(), { code: 'DATABASE_UNUSABLE', message: /callsheet migrate .*nowhere/ });
});

test('[19.2] the command makes the tables, and says so', async () => {
  const schema = await freshSchema();
  const url = await serverUrl();
  const connection = await Connection.open(url);
  await connection.run(`drop schema ${quoted(schema)} cascade`);
  const run = () =>
    spawnSync(process.execPath, [program, 'migrate', '--postgres', url, '--schema', schema, '--json'], {
      encoding: 'utf8',
    });
  assert.deepEqual(JSON.parse(run().stdout), { schema, before: 0, version: schemaVersion });
  assert.deepEqual(JSON.parse(run().stdout), { schema, before: schemaVersion, version: schemaVersion });
  const { status, stderr } = spawnSync(
    process.execPath,
    [program, 'migrate', '--postgres', 'postgres://127.0.0.1:1/x'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 3);
  assert.match(stderr, /PostgreSQL cannot be reached: .*ECONNREFUSED/);
  await connection.close();
});

test('[19.3] a role that may only read and write the rows can run jobs, and cannot make tables', async () => {
  const schema = await freshSchema();
  const url = await serverUrl();
  const owner = await Connection.open(url);
  const role = `runner ${schema}`;
  await owner.run(`create role ${quoted(role)} login`);
  await owner.run(`grant usage on schema ${quoted(schema)} to ${quoted(role)}`);
  await owner.run(`grant select, insert, update, delete on all tables in schema ${quoted(schema)} to ${quoted(role)}`);
  await owner.run(`grant usage on all sequences in schema ${quoted(schema)} to ${quoted(role)}`);
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), database: 'postgres', user: role };
  const database = new PostgresDatabase({ connection, schema });
  await database.open();
  const transaction = database.begin('change');
  assert.equal(await transaction.lastCommit('a'), undefined);
  assert.equal((await transaction.load([{ kind: 'positions', blocks: 1 }])).positions.length, 1);
  transaction.end();
  await database.close();
  const runner = await Connection.open(connection);
  await assert.rejects(migrate(runner, 'other'), { code: 'DATABASE_UNUSABLE', message: /permission denied/ });
  await runner.close();
  await owner.run(`drop owned by ${quoted(role)}; drop role ${quoted(role)}`);
  await owner.close();
});

test('[19.2] a server that is read-only is refused with the reason', async () => {
  const schema = await freshSchema();
  const url = await serverUrl();
  const connection = `${url}?options=-c%20default_transaction_read_only%3Don`;
  const refusal = { code: 'DATABASE_UNUSABLE', message: /^PostgreSQL is read-only: .*read-only transaction/ };
  await assert.rejects(new PostgresDatabase({ connection, schema }).open(), refusal);
  const migrated = Connection.first(connection, (first) => migrate(first, 'another'));
  await assert.rejects(migrated, refusal);
});

test('[19.3] a role that may not use the schema is refused with the grant that it needs', async () => {
  const schema = await freshSchema();
  const url = await serverUrl();
  const owner = await Connection.open(url);
  const role = `stranger ${schema}`;
  await owner.run(`create role ${quoted(role)} login`);
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), database: 'postgres', user: role };
  await assert.rejects(new PostgresDatabase({ connection, schema }).open(), ({ code, message }) => {
    assert.equal(code, 'DATABASE_UNUSABLE');
    assert.ok(message.includes(`grant usage on schema ${quoted(schema)} to ${quoted(role)}`), message);
    return true;
  });
  await owner.run(`drop role ${quoted(role)}`);
  await owner.close();
});

test('[19.2] a server that starts up is waited for', async () => {
  const schema = await freshSchema();
  const url = new URL(await serverUrl());
  const fields = Buffer.from('SFATAL\0C57P03\0Mthe database system is starting up\0\0');
  const refusal = Buffer.concat([Buffer.from([0x45, 0, 0, 0, fields.length + 4]), fields]);
  let refused = 0;
  const starting = createServer((socket) => {
    socket.on('error', () => {});
    if (refused < 2) {
      refused++;
      socket.once('data', () => socket.end(refusal));
    } else socket.pipe(connect(Number(url.port), url.hostname)).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(starting, 'listening');
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = `${(starting.address() as { port: number }).port}`;
  const database = new PostgresDatabase({ connection: through.href, schema });
  await database.open();
  assert.equal(refused, 2);
  await database.close();
  starting.close();
  await once(starting, 'close');
});

test('[19.2] a name that PostgreSQL cannot keep whole is no schema', async () => {
  const postgres = await serverUrl();
  for (const schema of ['', 'é'.repeat(32), 'pg_jobs', 'a\0b'])
    await assert.rejects(open({ postgres, schema, jobs: [] }), { code: 'INVALID_OPTION', message: /^`schema` must/ });
  const run = (...given: string[]) => spawnSync(process.execPath, [program, 'migrate', ...given], { encoding: 'utf8' });
  const reserved = run('--postgres', postgres, '--schema', 'pg_jobs');
  assert.deepEqual([reserved.status, reserved.stdout], [2, '']);
  assert.match(reserved.stderr, /`schema` must .*pg_jobs/);
  const foreign = run('--postgres', 'http://a:secret@db.example');
  assert.equal(foreign.status, 2);
  assert.match(foreign.stderr, /`postgres` must begin with postgres:\/\/ or postgresql:\/\/, got "http:\/\/…"/);
});
