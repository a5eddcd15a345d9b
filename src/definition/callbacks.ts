/**
 * Callbacks as they are given: functions of registered modules that are called with a job's
 * outcome.
 */
import type { Failure } from '../codec/failure.js';
import { type Callable, isCallable, JobCall } from './define-jobs.js';

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

/** @internal The call that a callback makes, its outcome still to come. */
export function callbackCall(value: unknown, where: string): JobCall {
  if (value instanceof JobCall) return value;
  if (isCallable(value)) return new JobCall({ ...value, args: value.given });
  throw new TypeError(`${where} is to be a function of a module from defineJobs(), uncalled`);
}
