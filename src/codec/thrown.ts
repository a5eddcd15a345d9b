/**
 * Reads a thrown value into plain data of a bounded size. It is the least trustworthy of all
 * values: it may be null, a Proxy, an object with getters that throw, or its own cause. Nothing
 * here throws.
 */
import { types } from 'node:util';
import { NotStorableError } from '../errors.js';
import { decodePayload, encodePayload } from './payload.js';
import { kindText, toWellFormed } from './storable.js';

/** A failure as it is stored. */
export interface FailureData {
  readonly name: string;
  readonly message: string;
  readonly names: readonly string[];
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: { readonly failure: FailureData } | { readonly value: unknown };
  readonly errors?: readonly FailureData[];
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** The most bytes of a stored failure. */
export const FAILURE_LIMIT_BYTES = 64 * 1024;

/** How much of an error is kept. */
interface Bounds {
  readonly messageLength: number;
  readonly stackLength: number;
  readonly causes: number;
  readonly errors: number;
  readonly properties: number;
  readonly propertyBytes: number;
}

/** The state of one reading. Errors hold errors, so a tree of them could be of any size. */
interface Reading {
  readonly bounds: Bounds;
  /** The number of inner errors that may still be read. */
  errorsLeft: number;
}

/** Tried in turn until the whole is small enough. The last one always is. */
const BOUNDS: readonly Bounds[] = [
  { messageLength: 8_192, stackLength: 16_384, causes: 8, errors: 16, properties: 32, propertyBytes: 4_096 },
  { messageLength: 2_048, stackLength: 2_048, causes: 4, errors: 4, properties: 8, propertyBytes: 512 },
  { messageLength: 2_048, stackLength: 2_048, causes: 0, errors: 0, properties: 0, propertyBytes: 0 },
];

/** The most errors read in all: causes, and errors of AggregateErrors. */
const ERRORS_IN_ALL = 64;
const NAME_LENGTH = 128;
const NAMES = 16;
/** Properties of an error that are not copied into `properties`. */
const FIELDS = new Set(['name', 'message', 'stack', 'cause', 'errors', '__proto__']);

/** Returns the data of a thrown value, which takes at most {@link FAILURE_LIMIT_BYTES}. */
export function thrownAsData(thrown: unknown): FailureData {
  for (const bounds of BOUNDS) {
    const data = readThrown(thrown, { bounds, errorsLeft: ERRORS_IN_ALL }, []);
    if (isStorable(data)) return data;
  }
  // Reached only if two readings of the same object gave different values.
  return { name: 'Error', message: 'an error that could not be read', names: ['Error'] };
}

function readThrown(thrown: unknown, reading: Reading, above: readonly unknown[]): FailureData {
  const { bounds } = reading;
  if (!isErrorLike(thrown)) return readValue(thrown, bounds);
  const names = namesOf(thrown);
  const stack = read(thrown, 'stack');
  const code = read(thrown, 'code');
  const properties = propertiesOf(thrown, bounds);
  const errors = read(thrown, 'errors');
  const inside = [...above, thrown];
  return {
    name: names[0] ?? 'Error',
    message: cut(textOf(read(thrown, 'message') ?? ''), bounds.messageLength),
    names,
    ...(typeof stack === 'string' && { stack: cut(stack, bounds.stackLength) }),
    ...(isCode(code) && { code: typeof code === 'string' ? cut(code, NAME_LENGTH) : code }),
    ...causeOf(thrown, reading, inside),
    ...(isArray(errors) && inside.length <= bounds.causes && { errors: readErrors(errors, reading, inside) }),
    ...(properties !== undefined && { properties }),
  };
}

/**
 * Reads a thrown value that is not an error. The message describes it; the cause holds the value
 * itself if it can be stored.
 */
function readValue(thrown: unknown, bounds: Bounds): FailureData {
  const copy = storableCopy(thrown, bounds.propertyBytes);
  return {
    name: 'NonErrorThrown',
    message: cut(`a value that is not an error was thrown: ${textOf(thrown)}`, bounds.messageLength),
    names: ['NonErrorThrown'],
    ...('value' in copy && copy.value !== undefined && { cause: copy }),
  };
}

function causeOf(thrown: object, reading: Reading, inside: readonly unknown[]): Pick<FailureData, 'cause'> {
  const cause = read(thrown, 'cause');
  if (cause === undefined) return {};
  if (inside.includes(cause)) return { cause: { value: '[an error above is its own cause]' } };
  if (!isErrorLike(cause)) return { cause: { value: stored(cause, 'cause', reading.bounds) } };
  if (inside.length > reading.bounds.causes || reading.errorsLeft-- <= 0) {
    return { cause: { value: `[more causes: ${textOf(cause)}]` } };
  }
  return { cause: { failure: readThrown(cause, reading, inside) } };
}

function readErrors(errors: readonly unknown[], reading: Reading, inside: readonly unknown[]): FailureData[] {
  const found: FailureData[] = [];
  const length = read(errors, 'length');
  for (let i = 0; i < reading.bounds.errors && typeof length === 'number' && i < length; i++) {
    const error = read(errors, i);
    if (inside.includes(error)) continue;
    if (reading.errorsLeft-- <= 0) break;
    found.push(readThrown(error, reading, inside));
  }
  return found;
}

/** The error's own enumerable properties without a field of their own. */
function propertiesOf(thrown: object, bounds: Bounds): Record<string, unknown> | undefined {
  const properties: Record<string, unknown> = {};
  let kept = 0;
  try {
    for (const key of Object.keys(thrown)) {
      const property = Object.getOwnPropertyDescriptor(thrown, key);
      if (property === undefined || FIELDS.has(key) || (key === 'code' && isCode(property.value))) continue;
      if (kept++ >= bounds.properties) break;
      const isAccessor = property.get !== undefined || property.set !== undefined;
      properties[toWellFormed(key.slice(0, NAME_LENGTH))] = isAccessor
        ? '[a getter]'
        : stored(property.value, key, bounds);
    }
  } catch {
    // The trap of a Proxy threw. The properties read before it are kept.
  }
  return kept === 0 ? undefined : properties;
}

/** Returns a copy of the value, or a text that describes it if it cannot be stored. */
function stored(value: unknown, what: string, bounds: Bounds): unknown {
  if (typeof value === 'string') return cut(value, bounds.propertyBytes);
  const copy = storableCopy(value, bounds.propertyBytes, what);
  return 'value' in copy ? copy.value : `[${cut(copy.refusal, 256)}]`;
}

/** Returns a storable copy that the thrower cannot change, or why there is none. */
function storableCopy(value: unknown, limitBytes: number, root = 'it'): { value: unknown } | { refusal: string } {
  try {
    return { value: decodePayload(encodePayload(value, { root, code: 'RESULT_NOT_STORABLE', limitBytes })) };
  } catch (error) {
    return { refusal: error instanceof NotStorableError ? error.message : `${root} cannot be stored` };
  }
}

/** The names of the error and of its classes up to Object, each once. */
function namesOf(thrown: object): string[] {
  const names = new Set<string>();
  const add = (name: unknown): void => {
    if (typeof name === 'string' && name !== '' && names.size < NAMES) names.add(cut(name, NAME_LENGTH));
  };
  add(read(thrown, 'name'));
  try {
    for (let at = Object.getPrototypeOf(thrown); at !== null && names.size < NAMES; at = Object.getPrototypeOf(at)) {
      const made: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
      if (typeof made !== 'function' || made === Object) continue;
      add(Object.getOwnPropertyDescriptor(made, 'name')?.value);
    }
  } catch {
    // The trap of a Proxy threw.
  }
  return names.size === 0 ? ['Error'] : [...names];
}

/** Returns `true` for a real error of any realm, and for an object with the shape of one. */
function isErrorLike(value: unknown): value is object {
  try {
    if (typeof value !== 'object' || value === null) return false;
    if (types.isNativeError(value) || value instanceof Error) return true;
    return typeof read(value, 'message') === 'string' && typeof read(value, 'stack') === 'string';
  } catch {
    return false;
  }
}

function isCode(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Returns a property, or undefined if its getter throws. */
function read(object: object, key: string | number): unknown {
  try {
    return (object as Record<string | number, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Describes any value as a short text. Calls no method of the value. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return kindText(value);
}

/** The beginning of a text, without lone surrogates, and the number of characters left out. */
function cut(text: string, length: number): string {
  if (text.length <= length) return toWellFormed(text);
  return `${toWellFormed(text.slice(0, length))}… [${text.length - length} more characters]`;
}

function isStorable(data: FailureData): boolean {
  try {
    return (
      encodePayload(data, { root: 'failure', code: 'RESULT_NOT_STORABLE', limitBytes: FAILURE_LIMIT_BYTES }).length > 0
    );
  } catch {
    return false;
  }
}
