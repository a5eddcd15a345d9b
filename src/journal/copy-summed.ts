/**
 * Copies an entry to where it is written from, and sums it up on the way: CRC-32 as zlib has it. Most entries are a few dozen bytes, for which
 * a view and a call into zlib cost several times what the sum does: those are summed by the usual table of 256 remainders.
 */
import { crc32 } from 'node:zlib';

const shortBytes = 64;
/** The generator of CRC-32, its lowest power in the highest bit. */
const polynomial = 0xedb8_8320;

const remainders = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
  return remainder;
});

/**
 * Gives the checksum of the copy, not of the source: that may be shared memory, and a checksum must hold whatever happens to it meanwhile.
 * `sum` is the checksum of what comes before.
 */
export function copySummed(target: Uint8Array, at: number, source: Uint8Array, sum = 0): number {
  const { length } = source;
  if (length > shortBytes) {
    target.set(source, at);
    return crc32(target.subarray(at, at + length), sum);
  }
  let rest = ~sum;
  for (let index = 0; index < length; index++) {
    const byte = source[index]!;
    target[at + index] = byte;
    rest = (rest >>> 8) ^ remainders[(rest ^ byte) & 0xff]!;
  }
  return ~rest >>> 0;
}
