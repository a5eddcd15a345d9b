/**
 * Copies an entry into the write buffer and computes its CRC-32 on the way, as zlib does. Most
 * entries have a few dozen bytes. For these a view and a call into zlib cost several times the sum
 * itself, so they use the usual table of 256 remainders.
 */
import { crc32 } from 'node:zlib';

const shortBytes = 64;
/** The generator polynomial of CRC-32, its lowest power in the highest bit. */
const polynomial = 0xedb8_8320;

const remainders = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
  return remainder;
});

/**
 * Copies the bytes from `from` to `to`. Returns the checksum of the copy, not of the source: the
 * source may be shared memory that changes meanwhile. `sum` is the checksum of the bytes before.
 */
export function copySummed(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  to: number,
  sum = 0,
): number {
  const length = to - from;
  if (length > shortBytes) {
    target.set(source.subarray(from, to), at);
    return crc32(target.subarray(at, at + length), sum);
  }
  let rest = ~sum;
  for (let index = 0; index < length; index++) {
    const byte = source[from + index]!;
    target[at + index] = byte;
    rest = (rest >>> 8) ^ remainders[(rest ^ byte) & 0xff]!;
  }
  return ~rest >>> 0;
}
