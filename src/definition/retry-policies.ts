/**
 * The retry policies that ship, as values to be given with a job; what they mean is in
 * `core/retry.ts`.
 */
import type { RetryErrors } from '../core/policy.js';
import { checkArray, checkNumber, checkText } from './arguments.js';
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
  checkNumber('limit', limit, { integer: true, least: 0 });
  checkNumber('backoff.initialMs', initialMs, { least: 0, most: 1e12, unit: 'milliseconds' });
  checkNumber('backoff.factor', factor, { least: 1, most: 1e6 });
  checkNumber('backoff.maxMs', maxMs, { least: 0, most: 1e12, unit: 'milliseconds' });
  checkNumber('backoff.jitter', jitter, { least: 0, most: 1 });
  checkArray('only', only, 'names of errors');
  for (const [index, name] of only.entries()) checkText(`only[${index}]`, name, 'must be a string', () => true);
  const made: RetryErrors = { limit, initialMs, factor, maxMs, jitter, only };
  return JSON.stringify(made) as RetryPolicy;
}
