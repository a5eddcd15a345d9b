/**
 * Callbacks as they are given: functions of registered modules that are called with a job's
 * outcome.
 */

import type { Failure } from '../codec/failure.js';
import type { Callable } from './callable.js';
import type { JobCall } from './job-call.js';
import { checkOptions } from './known-options.js';

/**
 * A function that takes an outcome as its last argument: uncalled, or with the arguments before it
 * given by `with`, and with options given by `withOptions`. A call takes the outcome after the
 * arguments that it has.
 */
export type CallbackLike<Outcome, Called = unknown> =
  | Callable<[outcome: Outcome], Called>
  | Callable<[outcome: Outcome | Failure], Called>
  | Callable<[], Called>
  | JobCall<Called>;

/** One function for both outcomes, or one for each, either of which may be missing. */
export type CallbackSides =
  | { readonly both: CallbackLike<never> }
  | { readonly success?: CallbackLike<never>; readonly failure?: CallbackLike<never> };

/**
 * One callback for both outcomes, or one for each: another name, or both forms at once, would lose
 * a callback.
 */
export function checkSides(sides: CallbackSides): CallbackSides {
  if (typeof sides === 'object' && sides !== null && 'both' in sides) checkOptions('sides', sides, { both: true });
  else checkOptions('sides', sides, { success: true, failure: true });
  return sides;
}
