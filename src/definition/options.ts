/** Options of jobs, checked and converted for the core. */

import { types } from 'node:util';
import type { JobOptions as CoreOptions } from '../core/commands.js';
import { longestKey, longestMs } from '../core/limits.js';
import {
  type RetryDefaults as CoreRetryDefaults,
  type LogThreshold,
  logThresholds,
  quotaKey,
} from '../core/records.js';
import { invalidOption } from '../errors.js';
import { checkArray, checkBoolean, checkNumber, checkOneOf, checkText } from './arguments.js';
import { isExport } from './callable.js';
import { checkOptions, type OptionNames } from './known-options.js';
import type { OwnPolicy } from './own-policies.js';
import { isRetryPolicy, type RetryPolicy } from './retry-policies.js';

/** Options of a job. All of them are stored with it. */
export interface JobOptions {
  /** A job with a higher priority goes first. Any finite number; 0 by default. */
  readonly priority?: number;
  /**
   * The job does not begin before this: a Date, an ISO string with its zone, or a delay in
   * milliseconds. A date in the past means as soon as possible.
   */
  readonly beginAfter?: Date | string | number;
  /**
   * Milliseconds from `beginAfter`, or else from the put. A job that has not begun by then fails
   * with `JobExpiredError`. By default it waits without a limit.
   */
  readonly beginByMs?: number;
  /**
   * The most milliseconds that a run may take. Then it ends as if cancelled, with
   * `JobTimeoutError`. No limit by default. For a serial, parallel or map, it counts for the
   * postprocess only: parts and items have their own.
   */
  readonly timeoutMs?: number;
  /**
   * The lowest level of logged lines about the job, and of the lines that it logs. By default that
   * of its module or function (`log` of `defineJobs`), else that of the runtime's logger.
   */
  readonly log?: LogThreshold;
  /**
   * The quotas of its queue in which it needs a place: names, or names with a key. None by default.
   */
  readonly quotas?: readonly (string | { readonly name: string; readonly key: string })[];
  /**
   * While a job with this key is live in the queue, a second put returns that job. 1 to 500
   * characters. Only for a job that is put or returned, not for parts, items and callbacks.
   */
  readonly unique?: string;
  /**
   * A second put with a live `unique` key replaces the first job while that is pending. `false` by
   * default.
   */
  readonly replace?: boolean;
  /**
   * The job is stored and stays `new`. It waits in no queue until `queue.put(callsheet.job(id))`;
   * `beginByMs` counts meanwhile. Only for a job that is put or returned, not for parts, items and
   * callbacks. `false` by default.
   */
  readonly held?: boolean;
  /**
   * The policy after a failure or an interruption: see {@link RetryPolicy}, or a function of your
   * own. By default that of the agent, else of the runtime, else `retryDefault`.
   */
  readonly retry?: RetryPolicy | OwnPolicy;
}

/** The names of the options of a job. */
export const jobOptions: OptionNames<JobOptions> = {
  priority: true,
  beginAfter: true,
  beginByMs: true,
  timeoutMs: true,
  log: true,
  quotas: true,
  unique: true,
  replace: true,
  held: true,
  retry: true,
};

/**
 * @internal Checks the values of options whose names were checked before.
 *
 * @param where The beginning of the paths in errors.
 * @param now The time from which delays count.
 */
export function coreOptions(options: JobOptions, where: string, now: number): CoreOptions | null {
  if (Object.keys(options).length === 0) return null;
  const { priority, beginAfter, beginByMs, timeoutMs, log, quotas, unique, replace, held, retry } = options;
  if (priority !== undefined) checkNumber(`${where}priority`, priority, { finite: true });
  if (unique !== undefined) {
    const fits = (text: string) => text !== '' && text.length <= longestKey;
    checkText(`${where}unique`, unique, `must be a string of 1 to ${longestKey} characters`, fits);
  }
  if (log !== undefined) checkOneOf(`${where}log`, log, logThresholds);
  if (replace !== undefined) checkBoolean(`${where}replace`, replace);
  if (held !== undefined) checkBoolean(`${where}held`, held);
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(beginAfter === undefined ? {} : { beginAfter: timeOf(beginAfter, `${where}beginAfter`, now) }),
    ...(typeof beginAfter === 'number' ? { delayed: true } : {}),
    ...(beginByMs === undefined ? {} : { beginByMs: duration(beginByMs, `${where}beginByMs`, { least: 0 }) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs: duration(timeoutMs, `${where}timeoutMs`, { above: 0 }) }),
    ...(log === undefined ? {} : { log }),
    ...(quotas === undefined ? {} : { quotas: quotaKeys(quotas, `${where}quotas`) }),
    ...(unique === undefined ? {} : { unique }),
    ...(replace === undefined ? {} : { replace }),
    ...(held === undefined ? {} : { held }),
    ...(retry === undefined ? {} : { policy: checkPolicy(retry, `${where}retry`) }),
  };
}

/** The retry policies of jobs and callbacks that have none of their own. */
export interface RetryDefaults {
  readonly jobs?: RetryPolicy | OwnPolicy;
  readonly callbacks?: RetryPolicy | OwnPolicy;
}

/** @internal Returns the defaults as they are stored. */
export function checkRetryDefaults(defaults: RetryDefaults, where: string): CoreRetryDefaults {
  checkOptions(where, defaults, { jobs: true, callbacks: true });
  const { jobs, callbacks } = defaults;
  return {
    ...(jobs === undefined ? {} : { jobs: checkPolicy(jobs, `${where}.jobs`) }),
    ...(callbacks === undefined ? {} : { callbacks: checkPolicy(callbacks, `${where}.callbacks`) }),
  };
}

/** @internal Returns the name under which a policy is stored. */
export function checkPolicy(policy: RetryPolicy | OwnPolicy, where: string): string {
  if (isRetryPolicy(policy)) return policy;
  if (isExport(policy)) return policy.callable;
  throw invalidOption(
    where,
    'must be retryDefault, retryForever, retryNever, retryErrors(…) or a function of a module from defineJobs()',
    policy,
  );
}

/** The zone is required: a date without one is another time on another machine. */
const isoForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;

function timeOf(value: Date | string | number, where: string, now: number): number {
  if (typeof value === 'number') return now + duration(value, where, { least: 0 });
  const rule = 'must be a valid Date, an ISO date with a zone, or a delay in milliseconds';
  if (typeof value !== 'string' && !types.isDate(value)) throw invalidOption(where, rule, value);
  const time = new Date(value).getTime();
  if (Number.isNaN(time) || (typeof value === 'string' && !(isoForm.test(value) && isDayThere(value))))
    throw invalidOption(where, rule, value, RangeError);
  return Math.max(1, time);
}

/** `Date` would take the 31st of February for a day in March. */
function isDayThere(iso: string): boolean {
  const [year, month, day] = iso.slice(0, 10).split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function duration(value: number, where: string, from: { readonly least: 0 } | { readonly above: 0 }): number {
  checkNumber(where, value, { ...from, below: longestMs, unit: 'milliseconds' });
  return value;
}

/** The most characters of all quotas together, so that the record of a job stays small. */
const quotasLimit = 2_000;

function quotaKeys(quotas: NonNullable<JobOptions['quotas']>, where: string): string[] {
  checkArray(where, quotas, 'quotas');
  const keys = [...new Set(Array.from(quotas, (quota, index) => quotaKeyFrom(quota, `${where}[${index}]`)))];
  if (keys.join().length > quotasLimit)
    throw invalidOption(where, `must have at most ${quotasLimit} characters in all`, quotas, RangeError);
  return keys;
}

/** Checks a quota that a job names, and returns it as records spell it. */
export function quotaKeyFrom(quota: NonNullable<JobOptions['quotas']>[number], where: string): string {
  const fits = (text: string) => text !== '' && text.length <= longestKey && !/[\0\n]/.test(text);
  const rule = `must be a string of 1 to ${longestKey} characters without line breaks`;
  if (typeof quota !== 'object' || quota === null) {
    checkText(where, quota, `${rule}, or { name, key }`, fits);
    return quotaKey(quota);
  }
  checkOptions(where, quota, { name: true, key: true });
  checkText(`${where}.name`, quota.name, rule, fits);
  if (quota.key !== undefined) checkText(`${where}.key`, quota.key, rule, fits);
  return quotaKey(quota.name, quota.key);
}
