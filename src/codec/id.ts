/**
 * Ids: UUIDs of version 7, which sort by time. Inside they are sixteen characters of one byte each;
 * outside they have the usual spelling.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { parse, stringify, v7, validate } from 'uuid';
import type { Id } from '../core/records.js';

const scratch = Buffer.alloc(16);

/** Random bytes for many ids, since a call into the system costs more than the rest of an id. */
const pool = Buffer.alloc(16 * 256);
const randoms = Array.from({ length: 256 }, (_, index) => pool.subarray(16 * index, 16 * index + 16));
let used = randoms.length;
let lastMs = 0;
let sequence = 0;

export function newId(): Id {
  if (used === randoms.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = randoms[used++]!;
  // Ids of one millisecond sort in the order in which they were made. The order goes on if the
  // clock is set back.
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    sequence = random.readUInt32LE(0) >>> 2;
  } else sequence++;
  v7({ random, msecs: lastMs, seq: sequence }, scratch);
  return scratch.toString('latin1');
}

/** Returns a UUID of version 8, the same for the same text. */
export function derivedId(text: string): Id {
  const bytes = createHash('sha256').update(text, 'utf8').digest().subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return bytes.toString('latin1');
}

/**
 * Whether an id of sixteen characters is a UUID, since only a UUID has a text. Only stored or
 * received bytes can be anything else.
 */
export function isId(id: string): id is Id {
  const version = id.charCodeAt(6) >> 4;
  const isOfVariant = id.charCodeAt(8) >> 6 === 2;
  return (isOfVariant && version >= 1 && version <= 8) || id === nilId || id === maxId;
}

const nilId = '\x00'.repeat(16);
const maxId = '\xff'.repeat(16);

/** The id as users see it. */
export function idToText(id: Id): string {
  return stringify(Buffer.from(id, 'latin1'));
}

/** Returns `undefined` if the text is not a UUID. */
export function idFromText(text: string): Id | undefined {
  return validate(text) ? idFromBytes(parse(text)) : undefined;
}

export function idToBytes(id: Id): Uint8Array {
  return new Uint8Array(Buffer.from(id, 'latin1'));
}

export function idFromBytes(bytes: Uint8Array): Id {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
