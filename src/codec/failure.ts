/**
 * A job's failure as plain data. It is stored with the job and survives threads, restarts and
 * hosts, which thrown objects do not. Making a failure never fails, whatever was thrown, and its
 * size is bounded.
 */
import { CallsheetError, PayloadCorruptError } from '../errors.js';
import { decodePayload, encodePayload } from './payload.js';
import { FAILURE_LIMIT_BYTES, type FailureData, thrownAsData } from './thrown.js';

/** A job's failure. `failure(error)` makes one. */
export interface Failure {
  /** The error's name, such as `RangeError`. */
  readonly name: string;
  /** The error's message. */
  readonly message: string;
  /** The stack as text, if there was one. */
  readonly stack?: string;
  /** The error's `code`, if it is text or a number. */
  readonly code?: string | number;
  /**
   * The error's `cause`: a failure if it is an error, otherwise the value. For a thrown value that
   * is not an error, that value.
   */
  readonly cause?: unknown;
  /** The errors of an AggregateError, at most 16. */
  readonly errors?: readonly Failure[];
  /**
   * The error's other own enumerable properties. A text describes each value that cannot be stored.
   */
  readonly properties?: Readonly<Record<string, unknown>>;
  /**
   * The names of the error and of its classes, nearest first: `['MyError', 'RangeError', 'Error']`.
   */
  readonly names: readonly string[];
  /** Returns `true` if one of these is the name of the error or of one of its classes. */
  check(...names: string[]): boolean;
}

/**
 * The only implementation of {@link Failure}. Its optional fields exist only if they have a value.
 */
class StoredFailure implements Failure {
  readonly #isFailure = true;
  readonly name: string;
  readonly message: string;
  readonly names: readonly string[];
  declare readonly stack?: string;
  declare readonly code?: string | number;
  declare readonly cause?: unknown;
  declare readonly errors?: readonly Failure[];
  declare readonly properties?: Readonly<Record<string, unknown>>;

  constructor(data: FailureData) {
    this.name = data.name;
    this.message = data.message;
    this.names = data.names;
    const optional = this as { -readonly [field in keyof Failure]: Failure[field] };
    if (data.stack !== undefined) optional.stack = data.stack;
    if (data.code !== undefined) optional.code = data.code;
    if (data.cause !== undefined) {
      optional.cause = 'failure' in data.cause ? new StoredFailure(data.cause.failure) : data.cause.value;
    }
    if (data.errors !== undefined) optional.errors = data.errors.map((error) => new StoredFailure(error));
    if (data.properties !== undefined) optional.properties = data.properties;
  }

  /** Runs no code of the value, as `instanceof` would: a thrown Proxy may have traps that throw. */
  static is(value: unknown): value is StoredFailure {
    return typeof value === 'object' && value !== null && #isFailure in value && value.#isFailure;
  }

  check(...names: string[]): boolean {
    return names.some((name) => this.names.includes(name));
  }
}

/** Returns `true` for a failure, which a handler may return. */
export function isFailure(value: unknown): value is Failure {
  return StoredFailure.is(value);
}

/**
 * Makes a failure of any thrown value. Returns a failure unchanged. Never throws. A handler that
 * returns a failure fails with it; its retry policy is not asked, and the jobs that it put stay.
 *
 * Kept at most: 8,192 characters of the message, 16,384 of the stack, 128 of the name and of the
 * code, 8 causes, 16 errors of an AggregateError (64 errors in all), 32 properties of 4 KiB each,
 * and 64 KiB of the whole. A text that is cut ends with the number of characters left out.
 */
export function failureFrom(thrown: unknown): Failure {
  return isFailure(thrown) ? thrown : new StoredFailure(thrownAsData(thrown));
}

/** Encodes a failure as a payload of at most `FAILURE_LIMIT_BYTES`. */
export function encodeFailure(failure: Failure): Uint8Array {
  return encodePayload(dataOf(failure), {
    root: 'failure',
    code: 'RESULT_NOT_STORABLE',
    limitBytes: FAILURE_LIMIT_BYTES,
  });
}

/** Encodes one of callsheet's own errors. Its stack shows only a place in callsheet: left out. */
export function encodeOwnFailure(error: Error): Uint8Array {
  const { stack: _, ...failure } = failureFrom(error);
  return encodeFailure(failure as Failure);
}

/**
 * Decodes a failure.
 *
 * @throws {CallsheetError} PAYLOAD_CORRUPT if the bytes are not those of a failure.
 */
export function decodeFailure(bytes: Uint8Array): Failure {
  const data = decodePayload(bytes);
  if (!isFailureData(data)) throw new PayloadCorruptError('The bytes of a stored failure hold another value.');
  return new StoredFailure(data);
}

/**
 * The error that `job.result()` rejects with. Its `cause` is the job's error made anew, with the
 * nearest built-in class.
 */
export class JobFailedError extends CallsheetError {
  /** The job's failure. Not enumerable, since a printed error already shows its cause. */
  declare readonly failure: Failure;

  constructor(failure: Failure) {
    super('JOB_FAILED', failure.message, { cause: errorFrom(failure) });
    Object.defineProperty(this, 'failure', { value: failure });
  }
}

/** The built-in classes for errors made anew. A user's class becomes the nearest of these. */
const errorClasses = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const;

/** Makes an error with the failure's name, message, stack, code, cause and properties. */
export function errorFrom(failure: Failure): Error {
  const cause = isFailure(failure.cause) ? errorFrom(failure.cause) : failure.cause;
  const options = 'cause' in failure ? { cause } : undefined;
  const known = failure.names.find((name): name is keyof typeof errorClasses => Object.hasOwn(errorClasses, name));
  const error =
    failure.errors === undefined
      ? new (known === undefined ? Error : errorClasses[known])(failure.message, options)
      : new AggregateError(failure.errors.map(errorFrom), failure.message, options);
  const define = (key: string, value: unknown, enumerable: boolean): void => {
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  };
  for (const [key, value] of Object.entries(failure.properties ?? {})) define(key, value, true);
  if (failure.code !== undefined) define('code', failure.code, true);
  if (error.name !== failure.name) define('name', failure.name, false);
  define('stack', failure.stack ?? `${failure.name}: ${failure.message}`, false);
  return error;
}

/** Returns the failure as the data that is stored. */
function dataOf(failure: Failure): FailureData {
  const { name, message, names, stack, code, cause, errors, properties } = failure;
  return {
    name,
    message,
    names,
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
    ...('cause' in failure && { cause: isFailure(cause) ? { failure: dataOf(cause) } : { value: cause } }),
    ...(errors !== undefined && { errors: errors.map(dataOf) }),
    ...(properties !== undefined && { properties }),
  };
}

function isFailureData(value: unknown): value is FailureData {
  if (typeof value !== 'object' || value === null) return false;
  const { name, message, names, stack, code, cause, errors, properties } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    Array.isArray(names) &&
    names.every((one) => typeof one === 'string') &&
    (stack === undefined || typeof stack === 'string') &&
    (code === undefined || typeof code === 'string' || typeof code === 'number') &&
    (cause === undefined || isCauseData(cause)) &&
    (errors === undefined || (Array.isArray(errors) && errors.every(isFailureData))) &&
    (properties === undefined || (typeof properties === 'object' && properties !== null))
  );
}

function isCauseData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'failure' in value ? isFailureData(value.failure) : 'value' in value;
}
