/**
 * The stored arguments of a call: their list, or an object with the list, the value that the
 * module's definition captured at the put, and the trace of the put.
 */
import { type DecodeOptions, decodePayload, encodePayload } from '../codec/payload.js';

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

const argsKey = encodePayload('args', { root: '', code: 'ARGUMENT_NOT_STORABLE' });
const traceKey = encodePayload('trace', { root: '', code: 'ARGUMENT_NOT_STORABLE' });
/** The msgpack header of a map with two entries. */
const twoEntries = 0x82;
const emptyList = Uint8Array.of(0x90);

/**
 * Adds a trace to encoded arguments. They are copied as they are, so that an error of encoding them
 * names the same path with and without a trace. Arguments at the very limit stay without it.
 */
export function withTrace(args: Uint8Array | null, trace: StoredTrace, limitBytes: number): Uint8Array | null {
  const list = args ?? emptyList;
  const context = encodePayload(trace, { root: 'trace', code: 'ARGUMENT_NOT_STORABLE' });
  const size = 1 + argsKey.length + list.length + traceKey.length + context.length;
  if (size > limitBytes) return args;
  const joined = new Uint8Array(size);
  joined[0] = twoEntries;
  let at = 1;
  for (const piece of [argsKey, list, traceKey, context]) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Decodes the stored arguments of a call. */
export function decodeCall(bytes: Uint8Array | null, options?: DecodeOptions): StoredCall {
  if (bytes === null) return { args: [] };
  const decoded = decodePayload(bytes, options) as unknown[] | (StoredCall & { readonly trace?: unknown });
  if (Array.isArray(decoded)) return { args: decoded };
  const { trace } = decoded;
  return isTrace(trace) || trace === undefined ? decoded : { ...decoded, trace: unknownTrace };
}

const isTrace = (value: unknown): value is StoredTrace =>
  Array.isArray(value) &&
  Number.isInteger(value[0]) &&
  value.length <= 3 &&
  value.slice(1).every((text) => typeof text === 'string');
