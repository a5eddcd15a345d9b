/**
 * The format of a payload, shared by writer and reader. Payloads lie in journals and databases: a
 * change here needs a new journal version.
 *
 * A payload is exactly one value of standard msgpack
 * (https://github.com/msgpack/msgpack/blob/master/spec.md). A list is an array header followed by
 * its elements, so lists are joined without decoding them.
 *
 * - nil, booleans, and text are msgpack's own. Text is well-formed UTF-8: lone surrogates are
 *   refused.
 * - A number that is an integer of at most 32 bits (and not −0) is an int; every other number is a
 *   float 64.
 * - A bigint of at most 64 bits is an int 64 (`d3`), which no number ever is; a larger one is an
 *   extension.
 * - An array is an array; a plain object is a map with text keys, in the object's order, never
 *   `__proto__`.
 * - A Uint8Array is a bin. Everything else is one of the extensions below, each complete in itself.
 *
 * | type | value | data |
 * |---|---|---|
 * | 0x00 | undefined | one zero byte |
 * | 0x42 `B` | bigint over 64 bits | sign (0 or 1), big-endian magnitude without leading zeros |
 * | 0x44 `D` | Date | milliseconds since 1970 as a big-endian float 64 |
 * | 0x62 `b` | buffer beside the payload, or a view | one array: class, place, offset, length |
 * | 0x6d `m` | Map | one array: key, value, key, value … |
 * | 0x6e `n` | object with no prototype | one map |
 * | 0x72 `r` | reference to a job | its 16-byte id |
 * | 0x73 `s` | Set | one array |
 * | 0x74 `t` | other binary data | an index into {@link BINARY_KINDS}, then the bytes |
 * | 0x78 `x` | RegExp | one array: source, flags, lastIndex |
 *
 * The elements of typed arrays are in the order of a little-endian machine. Of the platforms of
 * Node 20, only s390x has another order, and this code does not serve it.
 */

/** The extension types. */
export const extension = {
  undefined: 0x00,
  bigint: 0x42,
  date: 0x44,
  buffer: 0x62,
  map: 0x6d,
  nullPrototype: 0x6e,
  reference: 0x72,
  set: 0x73,
  binary: 0x74,
  regExp: 0x78,
} as const;

/** The classes that an extension `t` can hold, stored by index. Only ever append. */
export const BINARY_KINDS = [
  'ArrayBuffer',
  'Buffer',
  'DataView',
  'Int8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const;

/** Levels of arrays and objects that a stored value may have. */
export const DEPTH_LIMIT = 1_000;

/** Levels that the reader follows. Lists of lists add a few to the writer's limit for one value. */
export const READ_DEPTH_LIMIT = DEPTH_LIMIT + 100;

/** Objects, arrays and other heap values that one stored value may have. */
export const OBJECT_LIMIT = 1_000_000;

/** Bytes that a payload may have by default: 64 MiB. */
export const DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024;

/** The largest limit that can be set: a payload is one entry of the journal, whole in memory. */
export const MOST_LIMIT_BYTES = 128 * 1024 * 1024;

export const REFERENCE_BYTES = 16;
