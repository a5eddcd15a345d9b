/** The place of the jobs on which a command works: a directory, or a schema of a database. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkConnectionString, checkSchema, defaultSchema, withoutSecrets } from '../definition/database-options.js';
import { CommandError, exitCodes, isOfOption } from './exit.js';

/** The options of a command that name its place. */
export interface PlaceOptions {
  readonly directory?: string;
  readonly postgres?: string;
  readonly schema?: string;
}

/** A schema of a PostgreSQL database. */
export interface DatabasePlace {
  readonly postgres: string;
  readonly schema: string;
}

export type Place = { readonly directory: string } | DatabasePlace;

const usual = './.callsheet';

/** Returns the place given, else that of the environment, else the usual directory if it exists. */
export function placeOf(given: PlaceOptions): Place {
  const isNamed = given.directory !== undefined || given.postgres !== undefined;
  const { directory, postgres } = isNamed ? given : environment();
  if (directory && postgres !== undefined) {
    const [first, second] = isNamed ? ['--directory', '--postgres'] : ['CALLSHEET_DIRECTORY', 'CALLSHEET_POSTGRES'];
    throw new CommandError(exitCodes.usage, `either ${first} or ${second} names the jobs: give one of them`);
  }
  if (postgres !== undefined) return databaseOf(postgres, given.schema);
  if (given.schema !== undefined)
    throw new CommandError(exitCodes.usage, '--schema is for a database: name one with --postgres');
  return { directory: directoryOf(directory) };
}

/** Returns the directory given, that of the environment, or the usual one if it exists. */
export function directoryOf(given: string | undefined): string {
  const directory = given || environment().directory || (existsSync(usual) ? usual : undefined);
  if (directory !== undefined) return resolve(directory);
  throw new CommandError(
    exitCodes.usage,
    `no directory: name one with --directory or CALLSHEET_DIRECTORY; there is no ${usual} here`,
  );
}

/** Returns a schema of a database, checked; that of the environment if none is given. */
export function databaseOf(postgres: string, schema = process.env.CALLSHEET_SCHEMA || defaultSchema): DatabasePlace {
  try {
    checkConnectionString('postgres', postgres);
    checkSchema('schema', schema);
  } catch (error) {
    if (isOfOption(error)) throw new CommandError(exitCodes.usage, error.message);
    throw error;
  }
  return { postgres, schema };
}

/** A variable without a text is as good as none. */
function environment(): PlaceOptions {
  const { CALLSHEET_DIRECTORY: directory, CALLSHEET_POSTGRES: postgres } = process.env;
  return { ...(directory && { directory }), ...(postgres && { postgres }) };
}

/** Returns the place as it is shown: without a password. */
export function placeName(place: Place): string {
  if ('directory' in place) return place.directory;
  const { postgres, schema } = place;
  return `schema ${schema} of ${databaseName(postgres)}`;
}

/** Returns the place as a field of JSON or of a line of log. */
export const placeField = (place: Place) => ('directory' in place ? place : { database: placeName(place) });

function databaseName(postgres: string): string {
  try {
    const { host, pathname } = new URL(postgres);
    return `postgres://${host}${pathname}`;
  } catch {
    return withoutSecrets(postgres);
  }
}
