/** Callbacks: functions of registered modules that are called with the outcome of a job. */

import type { Failure } from '../codec/failure.js';
import type { Callable } from './callable.js';
import type { JobCall } from './job-call.js';
import { checkOptions } from './known-options.js';

/**
 * A function that takes an outcome as its last argument. `with` gives the arguments before it, and
 * `withOptions` the options of the callback. A call of a callable does as well: the outcome comes
 * after its arguments.
 */
export type CallbackLike<Outcome, Called = unknown> =
  | Callable<[outcome: Outcome], Called>
  | Callable<[outcome: Outcome | Failure], Called>
  | Callable<[], Called>
  | JobCall<Called>;

/** One function for both outcomes, or one for each. Either of two may be missing. */
export type CallbackSides =
  | { readonly both: CallbackLike<never> }
  | { readonly success?: CallbackLike<never>; readonly failure?: CallbackLike<never> };

/** Rejects other names, and `both` beside a side: a callback would be lost in silence. */
export function checkSides(sides: CallbackSides): CallbackSides {
  if (typeof sides === 'object' && sides !== null && 'both' in sides) checkOptions('sides', sides, { both: true });
  else checkOptions('sides', sides, { success: true, failure: true });
  return sides;
}
