/** Ids and texts as values of SQL. */
import type { Id } from '../../core/records.js';

const idBytes = Buffer.alloc(16);

/** An id as PostgreSQL reads a uuid. An empty id is null, which no row has. */
export function uuidOf(id: Id): string | null {
  if (id === '') return null;
  idBytes.write(id, 'latin1');
  return idBytes.toString('hex');
}
/** An id as PostgreSQL writes it. */
export const idFrom = (uuid: string): Id => Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('latin1');

/** Bytes of a text, since a text of PostgreSQL cannot hold every character. */
export const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');
export const textFrom = (bytes: Buffer): string => bytes.toString('utf8');
