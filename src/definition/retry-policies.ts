/**
 * The retry policies that ship, as values to be given with a job; what they mean is in
 * `core/retry.ts`.
 */
import type { RetryErrors } from '../core/policy.js';
import { CallsheetError } from '../errors.js';
import { checkOptions } from './known-options.js';

/**
 * What becomes of a job that failed or was interrupted: one of the values here, or what
 * `retryErrors` makes.
 */
export type RetryPolicy = string & { readonly [policy]: true };

declare const policy: unique symbol;

/**
 * Own errors are final; an interrupted job runs again, nine times at most. What a job has that asks
 * for nothing else.
 */
export const retryDefault = 'default' as RetryPolicy;
/**
 * Interruptions without end; own errors are final. What a callback has that asks for nothing else.
 */
export const retryForever = 'forever' as RetryPolicy;
/** Begun once at most, whatever happens: its start is on the disk before its code runs. */
export const retryNever = 'never' as RetryPolicy;

/** Which errors are retried, how often, and after how long. */
export interface RetryErrorsOptions {
  /** How many times at most. */
  readonly limit: number;
  /**
   * The delay before a retry: `initialMs` (1,000 by default), each time `factor` (2) as long, at
   * most `maxMs` (an hour), less up to a `jitter` part (0.2) by chance.
   */
  readonly backoff?: {
    readonly initialMs?: number;
    readonly factor?: number;
    readonly maxMs?: number;
    readonly jitter?: number;
  };
  /** Only errors of these names, their own or of a class of theirs; all by default. */
  readonly only?: readonly string[];
}

const shipped: ReadonlySet<unknown> = new Set([retryDefault, retryForever, retryNever]);
/** The first characters of what `retryErrors` makes. */
const madeForm = /^\{"limit":\d/;

/** @internal */
export function isRetryPolicy(value: unknown): value is RetryPolicy {
  return shipped.has(value) || (typeof value === 'string' && madeForm.test(value));
}

/** Own errors are retried, up to a limit, after a delay that grows; otherwise as the default. */
export function retryErrors(options: RetryErrorsOptions): RetryPolicy {
  checkOptions('options', options, { limit: true, backoff: true, only: true });
  const { limit, backoff = {}, only = [] } = options;
  checkOptions('backoff', backoff, { initialMs: true, factor: true, maxMs: true, jitter: true });
  const { initialMs = 1000, factor = 2, maxMs = 3_600_000, jitter = 0.2 } = backoff;
  const fits = (value: number, least: number, most: number) =>
    typeof value === 'number' && value >= least && value <= most;
  const right =
    Number.isInteger(limit) &&
    limit >= 0 &&
    fits(initialMs, 0, 1e12) &&
    fits(factor, 1, 1e6) &&
    fits(maxMs, 0, 1e12) &&
    fits(jitter, 0, 1) &&
    Array.isArray(only);
  if (!right) {
    const needed =
      'limit a whole number from 0, initialMs and maxMs from 0, factor from 1, jitter from 0 to 1, only a list';
    throw new CallsheetError('INVALID_OPTION', `retryErrors: ${needed}`);
  }
  const made: RetryErrors = { limit, initialMs, factor, maxMs, jitter, only: only.map(String) };
  return JSON.stringify(made) as RetryPolicy;
}
