/**
 * The stored arguments of a call: their list, or an object with the list, the value that the
 * module's definition captured at the put, and the trace of the put.
 */
import { type DecodeOptions, decodePayload, encodePayload } from '../codec/payload.js';
import { payloadEnd } from '../codec/payload-end.js';
import { MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import { NotStorableError } from '../errors.js';

/** The arguments of a call, with the other data that its put stored. */
export interface StoredCall {
  readonly args: unknown[];
  /** The value of the module's `capture`. */
  readonly captured?: unknown;
  readonly trace?: StoredTrace | undefined;
}

/**
 * The trace of a put, for the spans of its job's runs: flags, and the W3C `traceparent` and
 * `tracestate` of the put's span, each left out if there is none. The format is fixed, because
 * stored jobs outlive the settings of a tracer.
 */
export type StoredTrace = readonly [flags: number, traceparent?: string, tracestate?: string];

/**
 * `child`: the spans of the job's runs are children of that span; otherwise they begin traces that
 * are linked to it. `parts`: parts and items have spans, too. `childParts`: these are its children.
 */
export const traceFlag = { child: 1, parts: 2, childParts: 4 } as const;

/** The trace of a job that carries none: its runs begin traces without a link. */
export const unknownTrace: StoredTrace = [0];

/** Parts of a whole that all have spans; of the others fewer and fewer have. */
const tracedParts = 64;

/** Returns the trace of a part or an item of a job; `undefined` if it has none. */
export function traceOfPart(trace: StoredTrace | undefined, index: number): StoredTrace | undefined {
  if (trace === undefined || !(trace[0] & traceFlag.parts)) return undefined;
  // From there on, half of `tracedParts` of each power of two: a million items have 500 spans.
  const step = index < tracedParts ? 1 : 2 ** (Math.floor(Math.log2(index / tracedParts)) + 1);
  if (index % step !== 0) return undefined;
  const [flags, ...context] = trace;
  const isChild = (flags & traceFlag.childParts) !== 0;
  return flagged(isChild ? flags | traceFlag.child : flags & ~traceFlag.child, context);
}

/**
 * Returns the trace of a job that another puts inside. It is linked, never a child: a job that puts
 * itself again would make a trace without an end.
 */
export function linkedTrace([flags, ...own]: StoredTrace, context: Context = own): StoredTrace {
  return flagged(flags & ~(traceFlag.child | traceFlag.childParts), context);
}

type Context = readonly (string | undefined)[];
const flagged = (flags: number, context: Context) => [flags, ...context] as unknown as StoredTrace;

const keyOf = (name: string) => encodePayload(name, { root: '', code: 'ARGUMENT_NOT_STORABLE' });
const argsKey = keyOf('args');
const traceKey = keyOf('trace');
const emptyList = Uint8Array.of(0x90);
const contextBytes = (trace: StoredTrace) => encodePayload(trace, { root: 'trace', code: 'ARGUMENT_NOT_STORABLE' });

/**
 * Adds a trace to encoded arguments. They are copied as they are, so that an error of encoding them
 * names the same path with and without a trace. Arguments at the very limit stay without it.
 */
export function withTrace(args: Uint8Array | null, trace: StoredTrace, limitBytes: number): Uint8Array | null {
  const joined = objectOf([argsKey, args ?? emptyList, traceKey, contextBytes(trace)]);
  return joined.length > limitBytes ? args : joined;
}

/** The parts of a stored call that a change or a retry replaces. */
export interface CallChanges {
  /** The list of arguments. */
  readonly args?: Uint8Array | null | undefined;
  readonly trace?: StoredTrace | undefined;
}

/**
 * Replaces parts of a stored call. The value of `capture` belongs to the put: it is copied, and so
 * is the trace unless there is another.
 */
export function changedCall(stored: Uint8Array | null, { args, trace }: CallChanges): Uint8Array | null {
  const pieces = stored === null ? [] : piecesOf(stored);
  if (args !== undefined) setPiece(pieces, argsKey, args ?? emptyList);
  if (trace !== undefined) setPiece(pieces, traceKey, contextBytes(trace));
  if (pieces.length === 2 && isKey(pieces[0]!, argsKey)) return args === null ? null : pieces[1]!;
  if (!pieces.some((piece, at) => at % 2 === 0 && isKey(piece, argsKey))) pieces.unshift(argsKey, emptyList);
  const joined = objectOf(pieces);
  if (joined.length <= MOST_LIMIT_BYTES) return joined;
  const rule = `need more than ${MOST_LIMIT_BYTES} bytes with the value that capture made`;
  throw new NotStorableError('PAYLOAD_TOO_LARGE', 'arguments', rule);
}

/** Returns keys and values in turn, as they are stored. */
function piecesOf(stored: Uint8Array): Uint8Array[] {
  const token = stored[0]!;
  if ((token & 0xf0) !== objectToken) return [argsKey, stored];
  const pieces: Uint8Array[] = [];
  for (let at = 1, left = 2 * (token & 0x0f); left > 0; left--) {
    const end = payloadEnd(stored, at);
    pieces.push(stored.subarray(at, end));
    at = end;
  }
  return pieces;
}

function setPiece(pieces: Uint8Array[], key: Uint8Array, value: Uint8Array): void {
  const at = pieces.findIndex((piece, index) => index % 2 === 0 && isKey(piece, key));
  if (at < 0) pieces.push(key, value);
  else pieces[at + 1] = value;
}

const isKey = (piece: Uint8Array, key: Uint8Array) => Buffer.compare(piece, key) === 0;

/** The first byte of an object with fewer than 16 entries, without their number. */
const objectToken = 0x80;

/** Returns an object of keys and values in turn. */
function objectOf(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(1 + pieces.reduce((sum, { length }) => sum + length, 0));
  joined[0] = objectToken | (pieces.length / 2);
  let at = 1;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Decodes the stored arguments of a call; `from` and `to` as in `decodePayload`. */
export function decodeCall(bytes: Uint8Array | null, options?: DecodeOptions, from?: number, to?: number): StoredCall {
  if (bytes === null) return { args: [] };
  const decoded = decodePayload(bytes, options, from, to) as unknown[] | (StoredCall & { readonly trace?: unknown });
  if (Array.isArray(decoded)) return { args: decoded };
  const { trace } = decoded;
  return isTrace(trace) || trace === undefined ? decoded : { ...decoded, trace: unknownTrace };
}

export const isTrace = (value: unknown): value is StoredTrace =>
  Array.isArray(value) &&
  Number.isInteger(value[0]) &&
  value.length <= 3 &&
  value.slice(1).every((text) => typeof text === 'string');
