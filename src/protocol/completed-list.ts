/**
 * The completed parts of a whole, in order, as one run of bytes, joined without decoding a payload.
 * A postprocess gets it as its argument; without a postprocess it is the result of the composition.
 *
 * Count (32 bits), then for each part: id (16 bytes), kind of outcome (8 bits), size (32 bits),
 * payload.
 *
 * A long list is not passed whole, and the list of a map never is. A reference is passed in its
 * place, for fetching the list piece by piece: the id of the whole (16 bytes) and its number of
 * parts (32 bits).
 */
import type { Id } from '../core/records.js';

/**
 * The forms in which an outcome is passed. Their order is stored in folded chunks and must not
 * change. `pages`: a reference to a long list. `items`: a reference to the list of a map.
 */
export const outcomeForms = ['none', 'value', 'failure', 'list', 'pages', 'items'] as const;
export type OutcomeForm = Exclude<(typeof outcomeForms)[number], 'none'>;

/**
 * The longest list, in bytes, that is passed whole to a client. A running job reads longer ones
 * piece by piece.
 */
export const listLimitBytes = 256 * 1024 * 1024;

const itemHeadBytes = 21;
const countBytes = 4;
const referenceBytes = 20;

/** An outcome as it is passed on: encoded, with its form. */
export interface EncodedOutcome {
  readonly kind: OutcomeForm;
  readonly payload: Uint8Array;
}

export interface CompletedItem extends EncodedOutcome {
  readonly id: Id;
}

export interface ListReference {
  readonly whole: Id;
  readonly length: number;
}

/** The bytes of a packed list with this many items and payload bytes. */
export const packedBytes = (items: number, payloadBytes: number) => countBytes + items * itemHeadBytes + payloadBytes;

export function packCompleted(items: readonly CompletedItem[]): Uint8Array {
  const payloadBytes = items.reduce((sum, { payload }) => sum + payload.byteLength, 0);
  const bytes = new Uint8Array(packedBytes(items.length, payloadBytes));
  const out = Buffer.from(bytes.buffer);
  let at = out.writeUInt32LE(items.length, 0);
  for (const { id, kind, payload } of items) {
    at += out.write(id, at, 16, 'latin1');
    at = out.writeUInt8(outcomeForms.indexOf(kind), at);
    at = out.writeUInt32LE(payload.byteLength, at);
    out.set(payload, at);
    at += payload.byteLength;
  }
  return bytes;
}

/** Returns the items. Their payloads are views of `bytes`, not decoded. */
export function unpackCompleted(bytes: Uint8Array): CompletedItem[] {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: CompletedItem[] = [];
  let at = countBytes;
  for (let left = input.readUInt32LE(0); left > 0; left--) {
    const size = input.readUInt32LE(at + 17);
    const start = at + itemHeadBytes;
    const payload = bytes.subarray(start, start + size);
    const kind = outcomeForms[input.readUInt8(at + 16)] as OutcomeForm;
    items.push({ id: input.toString('latin1', at, at + 16), kind, payload });
    at = start + size;
  }
  return items;
}

export function packReference({ whole, length }: ListReference): Uint8Array {
  const bytes = new Uint8Array(referenceBytes);
  const out = Buffer.from(bytes.buffer);
  out.write(whole, 0, 16, 'latin1');
  out.writeUInt32LE(length, 16);
  return bytes;
}

export function unpackReference(bytes: Uint8Array): ListReference {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { whole: input.toString('latin1', 0, 16), length: input.readUInt32LE(16) };
}
