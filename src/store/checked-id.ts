/** Ids that come from stored bytes, which may be damaged. */
import type { ByteReader } from '../codec/bytes.js';
import { isId } from '../codec/id.js';
import type { Id } from '../core/records.js';

/** Reads an id. Refuses a damaged one here, where the error can still name what holds it. */
export function readId(input: ByteReader): Id {
  return checkedId(input.id());
}

export function checkedId(id: Id): Id {
  if (isId(id)) return id;
  throw new RangeError(`${Buffer.from(id, 'latin1').toString('hex')} is not a UUID`);
}
