/**
 * Schemas of their own in one server for all tests of a file. The server starts with the first of
 * them, and stops when the tests are over.
 */
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { type Server, startServer } from '../../bench/harness/postgres-server.js';
import { Connection, quoted } from '../../src/store/postgres/connection.js';
import { PostgresDatabase } from '../../src/store/postgres/database.js';
import { migrate } from '../../src/store/postgres/schema.js';

let server: Promise<Server> | undefined;
const open: PostgresDatabase[] = [];
const schemas: string[] = [];

after(async () => {
  if (server === undefined) return;
  await Promise.all(open.map((database) => database.close()));
  const { url } = await server;
  const connection = await Connection.open(url);
  for (const schema of schemas) await connection.run(`drop schema ${quoted(schema)} cascade`);
  await connection.close();
  await (await server).stop();
});

/** Returns the connection string of the server. */
export async function serverUrl(): Promise<string> {
  server ??= startServer();
  return (await server).url;
}

/** Makes a schema with the tables of callsheet. Its name needs quotes. */
export async function freshSchema(): Promise<string> {
  const schema = `Test "${randomBytes(6).toString('hex')}" €`;
  const connection = await Connection.open(await serverUrl());
  await migrate(connection, schema);
  await connection.close();
  schemas.push(schema);
  return schema;
}

/** Opens a schema as another process does; a new one by default. */
export async function openDatabase(schema?: string): Promise<PostgresDatabase> {
  const database = new PostgresDatabase({ connection: await serverUrl(), schema: schema ?? (await freshSchema()) });
  await database.open();
  open.push(database);
  return database;
}
