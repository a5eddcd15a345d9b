/** The retry policies that ship, as values. `core/retry.ts` carries them out. */
import { longestPolicy } from '../core/limits.js';
import type { RetryErrors } from '../core/policy.js';
import { invalidOption } from '../errors.js';
import { checkArray, checkNumber, checkText } from './arguments.js';
import { checkOptions } from './known-options.js';

/**
 * The policy after a failure or an interruption: one of the values here, or a value of
 * `retryErrors`.
 */
export type RetryPolicy = string & { readonly [policy]: true };

declare const policy: unique symbol;

/** Own errors are final. An interrupted job runs again, up to nine times. The default of jobs. */
export const retryDefault = 'default' as RetryPolicy;
/**
 * Own errors are final. An interrupted job runs again without a limit. The default of callbacks.
 */
export const retryForever = 'forever' as RetryPolicy;
/** The job begins at most once, whatever happens: its start is on the disk before its code runs. */
export const retryNever = 'never' as RetryPolicy;

/** Options of `retryErrors`. */
export interface RetryErrorsOptions {
  /** The most retries. */
  readonly limit: number;
  /**
   * The delay before a retry. The first is `initialMs` (1,000 by default), each next one `factor`
   * (2) times as long, at most `maxMs` (3,600,000). Chance shortens each by up to the part `jitter`
   * (0.2) of it.
   */
  readonly backoff?: {
    readonly initialMs?: number;
    readonly factor?: number;
    readonly maxMs?: number;
    readonly jitter?: number;
  };
  /** The names of errors that are retried, or of their classes. All errors by default. */
  readonly only?: readonly string[];
}

const shipped: ReadonlySet<unknown> = new Set([retryDefault, retryForever, retryNever]);
/** The beginning of each value of `retryErrors`. */
const madeForm = /^\{"limit":\d/;

/** @internal */
export function isRetryPolicy(value: unknown): value is RetryPolicy {
  return shipped.has(value) || (typeof value === 'string' && madeForm.test(value));
}

/**
 * Makes a policy that retries own errors up to a limit, after growing delays, and handles
 * interruptions as `retryDefault`.
 *
 * @throws {TypeError | RangeError} INVALID_OPTION: an option is wrong.
 */
export function retryErrors(options: RetryErrorsOptions): RetryPolicy {
  checkOptions('options', options, { limit: true, backoff: true, only: true });
  const { limit, backoff = {}, only = [] } = options;
  checkOptions('backoff', backoff, { initialMs: true, factor: true, maxMs: true, jitter: true });
  const { initialMs = 1000, factor = 2, maxMs = 3_600_000, jitter = 0.2 } = backoff;
  checkNumber('limit', limit, { integer: true, least: 0 });
  checkNumber('backoff.initialMs', initialMs, { least: 0, most: 1e12, unit: 'milliseconds' });
  checkNumber('backoff.factor', factor, { least: 1, most: 1e6 });
  checkNumber('backoff.maxMs', maxMs, { least: 0, most: 1e12, unit: 'milliseconds' });
  checkNumber('backoff.jitter', jitter, { least: 0, most: 1 });
  checkArray('only', only, 'names of errors');
  for (const [index, name] of only.entries()) checkText(`only[${index}]`, name, 'must be a string', () => true);
  const made: RetryErrors = { limit, initialMs, factor, maxMs, jitter, only };
  const text = JSON.stringify(made);
  if (text.length > longestPolicy)
    throw invalidOption('only', `must leave at most ${longestPolicy} characters of JSON`, only, RangeError);
  return text as RetryPolicy;
}
