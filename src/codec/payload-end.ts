/** Finds the end of a value among bytes without decoding it. */
import { PayloadCorruptError } from '../errors.js';

/** Bytes after the first one of values with one size, by first byte. */
const fixedSizes: Readonly<Record<number, number>> = {
  ...{ 192: 0, 194: 0, 195: 0, 203: 8, 204: 1, 205: 2, 206: 4, 210: 4, 211: 8 },
  // Extensions of one size, with the byte of their type.
  ...{ 212: 2, 215: 9, 216: 17 },
};
/** Bytes of the length that follows the first byte: of text and binary data, arrays, objects. */
const lengthSizes: Readonly<Record<number, number>> = {
  ...{ 196: 1, 198: 4, 201: 4, 217: 1, 218: 2, 219: 4, 220: 2, 221: 4, 222: 2, 223: 4 },
};

/**
 * Returns the index after the value that begins at `start`. The value itself is not checked.
 *
 * @throws {CallsheetError} PAYLOAD_CORRUPT if no value ends within the bytes.
 */
export function payloadEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  // Values that are still to come. Each has a byte at least, so a wrong count ends early.
  for (let left = 1; left > 0; left--) {
    const token = bytes[at++];
    if (token === undefined) break;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token < 0xa0) {
      left += (token & 0x0f) * (token < 0x90 ? 2 : 1);
      continue;
    }
    if (token < 0xc0) {
      at += token & 0x1f;
      continue;
    }
    const lengthSize = lengthSizes[token];
    if (lengthSize === undefined) {
      const size = fixedSizes[token];
      if (size === undefined) throw corrupt(at - 1, `0x${token.toString(16)} is not the first byte of a value`);
      at += size;
      continue;
    }
    let length = 0;
    for (const end = at + lengthSize; at < end; at++) length = length * 256 + (bytes[at] ?? 0);
    if (token >= 0xdc) left += length * (token >= 0xde ? 2 : 1);
    else at += length + (token === 0xc9 ? 1 : 0);
  }
  if (at > bytes.length || at === start) throw corrupt(bytes.length, 'it ends too early');
  return at;
}

const corrupt = (at: number, reason: string) =>
  new PayloadCorruptError(`A payload is damaged near byte ${at}: ${reason}.`);
