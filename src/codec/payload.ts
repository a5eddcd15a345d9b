/**
 * Values as bytes: arguments, results, annotations. The thread that makes a value encodes it once,
 * and the thread that uses it decodes it once. All code in between carries the bytes.
 *
 * A decoded value is deep-equal to the encoded one, or encoding was refused. Carried are
 * `undefined`, −0, NaN, bigints of any size, Date, RegExp, Map, Set, ArrayBuffer and its views (a
 * Buffer stays a Buffer), and objects without a prototype. Everything else is refused with its
 * path: functions, symbols, instances of classes, errors, getters, symbol keys, `__proto__` as a
 * key, lone surrogates, invalid dates, cycles, holes in arrays, resizable and detached buffers.
 * Shared and transferred buffers are refused, too, unless they can travel beside the payload.
 *
 * Four things are not part of a value here. The same object in two places comes back as two copies.
 * Two views of one buffer come back with a buffer each, as large as the view. A frozen object comes
 * back unfrozen. An object of another realm (`vm`, a test runner) comes back in this one.
 */
import { type BufferReader, PayloadReader, type ReferenceReader } from './payload-reader.js';
import { PayloadWriter } from './payload-writer.js';
import type { HandedBuffer } from './transfer.js';

/** The use of a payload, and its limit. */
export interface EncodeOptions {
  /** The first word of paths in errors: `arguments`, `result`. */
  readonly root: string;
  /** The code of the error for a value that cannot be stored. */
  readonly code: 'ARGUMENT_NOT_STORABLE' | 'RESULT_NOT_STORABLE';
  /** The most bytes that the payload may have. Default: 64 MiB. */
  readonly limitBytes?: number | undefined;
  /** The option that sets the limit, named in errors. Default: `payloadLimitBytes of open()`. */
  readonly limitName?: string | undefined;
  /** Returns the 16-byte id of a live handle. Not called for plain objects and arrays. */
  readonly reference?: ((value: object) => Uint8Array | undefined) | undefined;
  /** Takes a buffer that travels beside the payload, and returns its place. Default: refuses it. */
  readonly handOver?: ((buffer: HandedBuffer) => number) | undefined;
}

/** The handles and buffers that a payload may refer to. */
export interface DecodeOptions {
  /**
   * Makes the live handle of a stored reference. Without it, a payload with a reference is refused.
   */
  readonly reference?: ReferenceReader | undefined;
  /** Returns the buffer at this place in the list beside the payload. */
  readonly buffer?: BufferReader | undefined;
}

/** The writer while not in use. Encoding within a trap or `reference` makes another one. */
let spareWriter: PayloadWriter | undefined;
/** The reader while not in use. Decoding within `reference` or `buffer` makes another one. */
let spareReader: PayloadReader | undefined;

/**
 * Encodes a value as one msgpack value, in an array of exactly its size with a buffer of its own.
 *
 * @throws {NotStorableError} with the path of the first part that cannot be stored faithfully, or
 * with the code PAYLOAD_TOO_LARGE if the whole has too many bytes, objects (a million) or levels (a
 * thousand).
 */
export function encodePayload(value: unknown, options: EncodeOptions): Uint8Array {
  return write(value, options.root, options.code, options, false, false);
}

/**
 * Encodes a value for a reader who copies the bytes at once: the next encoding overwrites them.
 *
 * @throws the same errors as `encodePayload`.
 */
export function encodeLent(value: unknown, options: EncodeOptions): Uint8Array {
  return write(value, options.root, options.code, options, false, true);
}

/**
 * Encodes the arguments of a call, with paths such as `arguments[0].when`. The list itself is the
 * caller's own (a rest parameter), so only its elements are checked.
 */
export function encodeArguments(args: readonly unknown[], options: Partial<EncodeOptions> = {}): Uint8Array {
  return write(args, options.root ?? 'arguments', options.code ?? 'ARGUMENT_NOT_STORABLE', options, true, false);
}

function write(
  value: unknown,
  root: string,
  code: EncodeOptions['code'],
  options: Partial<EncodeOptions>,
  isOwnArray: boolean,
  isLent: boolean,
): Uint8Array {
  const writer = spareWriter ?? new PayloadWriter();
  spareWriter = undefined;
  try {
    return writer.write(value, root, code, options, isOwnArray, isLent);
  } finally {
    spareWriter = writer;
  }
}

/**
 * Decodes a payload: all bytes, or those from `from` to `to`.
 *
 * @throws {CallsheetError} PAYLOAD_CORRUPT if the bytes are not a payload, whatever they are.
 * Errors of `reference` are passed on.
 */
export function decodePayload(bytes: Uint8Array, options?: DecodeOptions, from = 0, to = bytes.length): unknown {
  const reader = spareReader ?? new PayloadReader();
  spareReader = undefined;
  try {
    return reader.read(bytes, from, to, options?.reference, options?.buffer);
  } finally {
    spareReader = reader;
  }
}
