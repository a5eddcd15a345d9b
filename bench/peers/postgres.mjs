/** A PostgreSQL server's settings of durability, and a temporary schema on it. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';

export function newSchema() {
  return `callsheet_bench_${randomBytes(8).toString('hex')}`;
}

export async function describePostgres(server) {
  const [version, fsync, commit] = await inClient(server, async (client) => {
    const show = async (name) => Object.values((await client.query(`SHOW ${name}`)).rows[0])[0];
    return [await show('server_version'), await show('fsync'), await show('synchronous_commit')];
  });
  const synced = fsync === 'on' && commit !== 'off';
  return `PostgreSQL ${version.split(' ')[0]}, ${synced ? 'synced' : 'not synced'}`;
}

export async function dropSchema(server, schema) {
  await inClient(server, (client) => client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`));
}

async function inClient(server, work) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
