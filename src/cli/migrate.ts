/** `callsheet migrate`: makes the tables in PostgreSQL, or brings them up to this version. */
import { checkConnectionString, checkSchema } from '../definition/database-options.js';
import { Connection } from '../store/postgres/connection.js';
import { migrate, schemaVersion } from '../store/postgres/schema.js';
import { CommandError, exitCodes, isOfOption } from './exit.js';
import { Output } from './output.js';
import { escaped } from './words.js';

export interface MigrateOptions {
  readonly postgres?: string;
  readonly schema: string;
  readonly json?: boolean;
}

export async function migrateTables({
  postgres = process.env.DATABASE_URL,
  schema,
  json = false,
}: MigrateOptions): Promise<number> {
  if (postgres === undefined)
    throw new CommandError(exitCodes.usage, 'no database: name one with --postgres or DATABASE_URL');
  checkUsage(postgres, schema);
  const before = await Connection.first(postgres, async (connection) => {
    const found = await migrate(connection, schema);
    await connection.close();
    return found;
  });
  const out = new Output({ json });
  const name = escaped(schema);
  if (json) out.json({ schema, before, version: schemaVersion });
  else if (before === schemaVersion) out.line(`schema ${name} has version ${before}: nothing to do`);
  else out.line(`schema ${name} has version ${schemaVersion} now, before it had ${before}`);
  await out.end();
  return exitCodes.done;
}

function checkUsage(postgres: string, schema: string): void {
  try {
    checkConnectionString('postgres', postgres);
    checkSchema('schema', schema);
  } catch (error) {
    if (isOfOption(error)) throw new CommandError(exitCodes.usage, error.message);
    throw error;
  }
}
