/**
 * Ids: UUIDs of version 7, which sort by time, sixteen characters of one byte each inside and spelled as usual outside.
 */
import { parse, stringify, v7, validate } from 'uuid';
import type { Id } from '../core/records.js';

const scratch = Buffer.alloc(16);

export function newId(): Id {
  v7(undefined, scratch);
  return scratch.toString('latin1');
}

/** As users see it. */
export function idToText(id: Id): string {
  return stringify(Buffer.from(id, 'latin1'));
}

/** Undefined where the text is not a UUID. */
export function idFromText(text: string): Id | undefined {
  return validate(text) ? Buffer.from(parse(text)).toString('latin1') : undefined;
}

export function idToBytes(id: Id): Uint8Array {
  return Uint8Array.from(Buffer.from(id, 'latin1'));
}

export function idFromBytes(bytes: Uint8Array): Id {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
