/** Checks how a database is named, for `open` and for `callsheet migrate`. */
import { invalidOption } from '../errors.js';
import { checkText } from './arguments.js';

/** PostgreSQL cuts longer names off, and keeps `pg_` for itself. */
const longestSchema = 63;

/** The schema of the tables if none is named. */
export const defaultSchema = 'callsheet';

export function checkSchema(path: string, schema: unknown): void {
  const rule = `must be a string of 1 to ${longestSchema} bytes that has no NUL and does not begin with pg_`;
  const isLegal = (text: string) =>
    text !== '' && Buffer.byteLength(text) <= longestSchema && !text.includes('\0') && !text.startsWith('pg_');
  checkText(path, schema, rule, isLegal);
}

export function checkConnectionString(path: string, text: string): void {
  if (/^postgres(ql)?:\/\//i.test(text)) return;
  throw invalidOption(path, 'must begin with postgres:// or postgresql://', withoutSecrets(text), RangeError);
}

/** Returns a connection string without its password, wherever that is. */
export function withoutSecrets(text: string): string {
  const [scheme] = /^[a-z]+:\/\//i.exec(text) ?? [''];
  return text === scheme ? text : `${scheme}…`;
}
