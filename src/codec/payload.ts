/**
 * Values as bytes: arguments, results, annotations. They are encoded once, by who makes them, and
 * decoded once, by who uses them; whatever lies between carries the bytes.
 *
 * What comes back is deep-equal to what went in, or it never went in: `undefined`, −0, NaN, bigints
 * of any size, Date, RegExp, Map, Set, ArrayBuffer and its views (a Buffer stays a Buffer), objects
 * without a prototype are all carried. Everything else is refused with its path: functions,
 * symbols, instances of classes, errors, getters, symbol keys, `__proto__` as a key, lone
 * surrogates, invalid dates, cycles, holes in arrays, resizable and detached buffers; and buffers
 * that are shared or to be transferred, but where they can travel beside the payload.
 *
 * Four things are not part of a value here: the same object in two places comes back as two copies;
 * two views on one buffer come back with a buffer each, as large as the view; what was frozen comes
 * back unfrozen; and what is of another realm (`vm`, a test runner) comes back of this one.
 */
import { DEFAULT_LIMIT_BYTES } from './payload-format.js';
import { type BufferReader, PayloadReader, type ReferenceReader } from './payload-reader.js';
import { PayloadWriter } from './payload-writer.js';
import type { HandedBuffer } from './transfer.js';

/** What a payload is for, and how it is bounded. */
export interface EncodeOptions {
  /** What the value is called at the beginning of a path in errors: `arguments`, `result`. */
  readonly root: string;
  /** The code of the error for a value that cannot be stored. */
  readonly code: 'ARGUMENT_NOT_STORABLE' | 'RESULT_NOT_STORABLE';
  /** The most bytes that the payload may have; 64 MiB by default. */
  readonly limitBytes?: number | undefined;
  /** What sets that limit, for errors: `payloadLimitBytes of open()` by default. */
  readonly limitName?: string | undefined;
  /**
   * Tells a live handle from any other object: its 16-byte id, or undefined. Asked only about
   * objects that are neither plain nor arrays.
   */
  readonly reference?: ((value: object) => Uint8Array | undefined) | undefined;
  /**
   * Takes a buffer that travels beside the payload, and gives its place there; without it such a
   * buffer is refused.
   */
  readonly handOver?: ((buffer: HandedBuffer) => number) | undefined;
}

/** How a payload is decoded. */
export interface DecodeOptions {
  /**
   * Makes the live handle for a stored reference; without it, a payload with a reference is
   * refused.
   */
  readonly reference?: ReferenceReader | undefined;
  /** The buffer that travelled beside the payload in this place. */
  readonly buffer?: BufferReader | undefined;
}

/**
 * The writer between two uses. A trap or a `reference` that encodes while a payload is written gets
 * another.
 */
let spareWriter: PayloadWriter | undefined;

/**
 * The payload of a value: one msgpack value, in an array of exactly its size with a buffer of its
 * own.
 *
 * @throws {NotStorableError} with the path of the first part that cannot be stored faithfully, or
 * with the code PAYLOAD_TOO_LARGE where the whole has too many bytes, objects (a million) or levels
 * (a thousand).
 */
export function encodePayload(value: unknown, options: EncodeOptions): Uint8Array {
  return write(value, options.root, options.code, options, false);
}

/**
 * The payload of a call's arguments: their list, with paths such as `arguments[0].when`. The list
 * itself is the caller's own (a rest parameter); only its elements are looked at.
 */
export function encodeArguments(args: readonly unknown[], options: Partial<EncodeOptions> = {}): Uint8Array {
  return write(args, options.root ?? 'arguments', options.code ?? 'ARGUMENT_NOT_STORABLE', options, true);
}

function write(
  value: unknown,
  root: string,
  code: EncodeOptions['code'],
  options: Partial<EncodeOptions>,
  isOwnArray: boolean,
): Uint8Array {
  const writer = spareWriter ?? new PayloadWriter();
  spareWriter = undefined;
  try {
    const { limitBytes = DEFAULT_LIMIT_BYTES, limitName, reference, handOver } = options;
    return writer.write(value, root, code, { bytes: limitBytes, name: limitName }, reference, isOwnArray, handOver);
  } finally {
    spareWriter = writer;
  }
}

/**
 * The value of a payload.
 *
 * @throws {CallsheetError} PAYLOAD_CORRUPT if the bytes are not a payload, whatever they are. What
 * `reference` throws is passed on.
 */
export function decodePayload(bytes: Uint8Array, options?: DecodeOptions): unknown {
  return new PayloadReader(bytes, options?.reference, options?.buffer).read();
}
