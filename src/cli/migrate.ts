/** `callsheet migrate`: makes the tables in PostgreSQL, or brings them up to this version. */
import { Connection } from '../store/postgres/connection.js';
import { migrate, schemaVersion } from '../store/postgres/schema.js';
import { CommandError, exitCodes } from './exit.js';
import { Output } from './output.js';
import { databaseOf } from './place.js';
import { escaped } from './words.js';

export interface MigrateOptions {
  readonly postgres?: string;
  readonly schema?: string;
  readonly json?: boolean;
}

export async function migrateTables(options: MigrateOptions): Promise<number> {
  const { postgres: given = process.env.CALLSHEET_POSTGRES || process.env.DATABASE_URL, json = false } = options;
  if (given === undefined)
    throw new CommandError(
      exitCodes.usage,
      'no database: name one with --postgres, CALLSHEET_POSTGRES or DATABASE_URL',
    );
  const { postgres, schema } = databaseOf(given, options.schema);
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
