/**
 * Makes an error of the cause of a thread's end. The error is logged, emitted with the event, and
 * stored as the cause with the job that the thread was at.
 */
import { errorFrom, failureFrom } from '../../codec/failure.js';

/**
 * Returns the error for a value that was thrown and not caught in the thread. The value may be
 * anything; the error is bounded and has the stack.
 */
export function uncaughtError(thrown: unknown, heapLimitMb: number | undefined): Error {
  const error = errorFrom(failureFrom(thrown));
  if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  const limit = heapLimitMb === undefined ? '' : ` at ${heapLimitMb} MB, the limit of its heap (resourceLimits)`;
  return withoutStack(Object.assign(new Error(`the thread was out of memory${limit}`), { code: error.code }));
}

/**
 * Returns the error for a thread that ended without an error. `stack`: that of the call of
 * `process.exit`, if known.
 */
export function exitError(exitCode: number, stack?: string): Error {
  const how = stack === undefined ? '' : ', by a call of process.exit()';
  const error = Object.assign(new Error(`the thread ended with exit code ${exitCode}${how}`), { exitCode });
  if (stack === undefined) return withoutStack(error);
  error.stack = `Error: ${error.message}\n${stack.slice(0, longestStack)}`;
  return error;
}

const longestStack = 16_384;

/** Removes a stack that would only show a place in callsheet. */
function withoutStack(error: Error): Error {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
