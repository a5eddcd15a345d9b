/**
 * The completed parts of a whole, in order, as one run of bytes that is put together without opening a payload: what a postprocess gets,
 * and the value of a composition that has none.
 *
 * Count (32 bits), then for each part: id (16), kind of outcome (8 bits), size (32 bits), payload.
 */
import { type Id, type OutcomeKind, outcomeKinds } from '../core/records.js';

const itemHeadBytes = 21;

export interface CompletedItem {
  readonly id: Id;
  readonly kind: OutcomeKind;
  readonly payload: Uint8Array;
}

export function packCompleted(items: readonly CompletedItem[]): Uint8Array {
  let size = 4;
  for (const { payload } of items) size += itemHeadBytes + payload.byteLength;
  const bytes = new Uint8Array(size);
  const out = Buffer.from(bytes.buffer);
  let at = out.writeUInt32LE(items.length, 0);
  for (const { id, kind, payload } of items) {
    at += out.write(id, at, 16, 'latin1');
    at = out.writeUInt8(outcomeKinds.indexOf(kind), at);
    at = out.writeUInt32LE(payload.byteLength, at);
    out.set(payload, at);
    at += payload.byteLength;
  }
  return bytes;
}

/** Where each item is; payloads are views, opened by whoever uses them. */
export function unpackCompleted(bytes: Uint8Array): CompletedItem[] {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: CompletedItem[] = [];
  let at = 4;
  for (let left = input.readUInt32LE(0); left > 0; left--) {
    const size = input.readUInt32LE(at + 17);
    const start = at + itemHeadBytes;
    const payload = bytes.subarray(start, start + size);
    items.push({ id: input.toString('latin1', at, at + 16), kind: outcomeKinds[input.readUInt8(at + 16)]!, payload });
    at = start + size;
  }
  return items;
}
