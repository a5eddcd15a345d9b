/** Sends callsheet's errors between threads: as data, rebuilt as an instance of the same class. */

import { decodeFailure, encodeFailure, errorFrom, failureFrom } from '../codec/failure.js';
import { CallsheetError, type ErrorCode, errorClasses } from '../errors.js';
import type { WireError } from './messages.js';

/**
 * The properties of every error. Any other property is a detail of its class: a path, a file, an
 * offset.
 */
const common = new Set(['name', 'code', 'message', 'stack', 'cause']);

export function errorToData(error: unknown): WireError {
  if (!(error instanceof CallsheetError)) {
    return ['COORDINATOR_DIED', error instanceof Error ? (error.stack ?? error.message) : String(error), {}];
  }
  const details = Object.fromEntries(Object.entries(error).filter(([key]) => !common.has(key)));
  if (error.cause instanceof Error) details.cause = encodeFailure(failureFrom(error.cause));
  return [error.code, error.message, details];
}

export function errorFromData([code, message, { cause, ...details }]: WireError): CallsheetError {
  const options = cause instanceof Uint8Array ? { cause: errorFrom(decodeFailure(cause)) } : {};
  const Class = errorClasses[code as keyof typeof errorClasses];
  const error = new CallsheetError(code as ErrorCode, message, options);
  return Object.setPrototypeOf(Object.assign(error, details, { name: Class.name }), Class.prototype);
}
