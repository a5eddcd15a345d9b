/**
 * What can be asked for a job, as its users say it, checked and made into what the core takes.
 */

import { types } from 'node:util';
import type { JobOptions as CoreOptions } from '../core/commands.js';
import { type RetryDefaults as CoreRetryDefaults, quotaKey } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import { isExport } from './callable.js';
import { checkOptions, type OptionNames } from './known-options.js';
import { textRefusal } from './names.js';
import type { OwnPolicy } from './own-policies.js';
import { isRetryPolicy, type RetryPolicy } from './retry-policies.js';

/** What can be asked for a job. All of it is stored with the job. */
export interface JobOptions {
  /** Higher goes first; any finite number, 0 by default. */
  readonly priority?: number;
  /**
   * Not before this: a Date, an ISO string with its zone, or a delay in milliseconds. In the past:
   * as soon as possible.
   */
  readonly beginAfter?: Date | string | number;
  /**
   * A job that has not begun this many milliseconds after `beginAfter`, or else the put, fails with
   * `JobExpiredError`.
   */
  readonly beginByMs?: number;
  /**
   * How long a run may take, in milliseconds. After that it ends as if cancelled, with
   * `JobTimeoutError`. Of a serial, parallel or map, it is the postprocess's alone: parts and items
   * have their own.
   */
  readonly timeoutMs?: number;
  /** The quotas of its queue in which it needs a place: names, or names with a key. */
  readonly quotas?: readonly (string | { readonly name: string; readonly key: string })[];
  /**
   * While a job with this key is live in its queue, a second put gives that job. For a job that is
   * put or returned, not for parts and callbacks.
   */
  readonly unique?: string;
  /** A second put with a live `unique` key takes the first one's place while that is pending. */
  readonly replace?: boolean;
  /**
   * It is stored and `new`, and waits in no queue until somebody puts it by its handle:
   * `queue.put(callsheet.job(id))`. For a job that is put or returned, not for parts and callbacks.
   * `beginByMs` counts on meanwhile.
   */
  readonly held?: boolean;
  /**
   * What becomes of it if it fails or is interrupted; see {@link RetryPolicy}, or a function of
   * yours that says so.
   */
  readonly retry?: RetryPolicy | OwnPolicy;
}

/** Those of a job, wherever it gets them. */
export const jobOptions: OptionNames<JobOptions> = {
  priority: true,
  beginAfter: true,
  beginByMs: true,
  timeoutMs: true,
  quotas: true,
  unique: true,
  replace: true,
  held: true,
  retry: true,
};

/**
 * @internal Their names are checked where they are given. `where` begins the path in errors; `now`
 * is what a delay counts from.
 */
export function coreOptions(options: JobOptions, where: string, now: number): CoreOptions | null {
  if (Object.keys(options).length === 0) return null;
  const { priority, beginAfter, beginByMs, timeoutMs, quotas, unique, replace, held, retry } = options;
  if (priority !== undefined && !Number.isFinite(priority))
    throw invalid(`${where}priority`, `${priority} is not a finite number`);
  if (unique !== undefined && (typeof unique !== 'string' || unique === '' || unique.length > 500)) {
    throw invalid(`${where}unique`, 'is to be a text of 1 to 500 characters');
  }
  const refusal = unique === undefined ? undefined : textRefusal(unique);
  if (refusal !== undefined) throw invalid(`${where}unique`, refusal);
  for (const [name, value] of Object.entries({ replace, held })) {
    if (value !== undefined && typeof value !== 'boolean') throw invalid(where + name, 'is to be true or false');
  }
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(beginAfter === undefined ? {} : { beginAfter: timeOf(beginAfter, `${where}beginAfter`, now) }),
    ...(typeof beginAfter === 'number' ? { delayed: true } : {}),
    ...(beginByMs === undefined ? {} : { beginByMs: duration(beginByMs, `${where}beginByMs`) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs: timeout(timeoutMs, `${where}timeoutMs`) }),
    ...(quotas === undefined ? {} : { quotas: quotaKeys(quotas, `${where}quotas`) }),
    ...(unique === undefined ? {} : { unique }),
    ...(replace === undefined ? {} : { replace }),
    ...(held === undefined ? {} : { held }),
    ...(retry === undefined ? {} : { policy: checkPolicy(retry, `${where}retry`) }),
  };
}

/** What becomes of jobs, and of callbacks, that do not say it themselves. */
export interface RetryDefaults {
  readonly jobs?: RetryPolicy | OwnPolicy;
  readonly callbacks?: RetryPolicy | OwnPolicy;
}

/** @internal As they are stored. */
export function checkRetryDefaults(defaults: RetryDefaults, where: string): CoreRetryDefaults {
  checkOptions(where, defaults, { jobs: true, callbacks: true });
  const { jobs, callbacks } = defaults;
  return {
    ...(jobs === undefined ? {} : { jobs: checkPolicy(jobs, `${where}.jobs`) }),
    ...(callbacks === undefined ? {} : { callbacks: checkPolicy(callbacks, `${where}.callbacks`) }),
  };
}

/** @internal The name under which a policy is stored. */
export function checkPolicy(policy: RetryPolicy | OwnPolicy, where: string): string {
  if (isRetryPolicy(policy)) return policy;
  if (isExport(policy)) return policy.callable;
  throw invalid(
    where,
    'is to be retryDefault, retryForever, retryNever, what retryErrors() makes, or a function from defineJobs() as it is',
  );
}

/** With a zone: a date without one means another time on another machine. */
const isoForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;

function timeOf(value: Date | string | number, where: string, now: number): number {
  if (typeof value === 'number') return now + duration(value, where);
  if (typeof value === 'string' && !isoForm.test(value))
    throw invalid(where, `${JSON.stringify(value)} is not an ISO date with a zone`);
  if (typeof value !== 'string' && !types.isDate(value)) throw invalid(where, 'is to be a Date, a text or a delay');
  const time = new Date(value).getTime();
  if (Number.isNaN(time) || (typeof value === 'string' && !isDayThere(value)))
    throw invalid(where, 'is not a valid date');
  return Math.max(1, time);
}

/** The 31st of February is not taken for a day in March. */
function isDayThere(iso: string): boolean {
  const [year, month, day] = iso.slice(0, 10).split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function duration(value: number, where: string): number {
  if (typeof value !== 'number' || !(value >= 0) || value > Number.MAX_SAFE_INTEGER / 4) {
    throw invalid(where, `${value} is not a number of milliseconds`);
  }
  return value;
}

function timeout(value: number, where: string): number {
  if (value === 0) throw invalid(where, 'a run takes more than no time');
  return duration(value, where);
}

/** So that a job's record stays small. */
const quotasLimit = 2_000;

function quotaKeys(quotas: NonNullable<JobOptions['quotas']>, where: string): string[] {
  if (!Array.isArray(quotas)) throw invalid(where, 'is to be a list of names');
  const keys = [...new Set(Array.from(quotas, (quota, index) => oneQuota(quota, `${where}[${index}]`)))];
  if (keys.join().length > quotasLimit) throw invalid(where, `is to have ${quotasLimit} characters in all at most`);
  return keys;
}

function oneQuota(quota: NonNullable<JobOptions['quotas']>[number], where: string): string {
  if (typeof quota === 'object') checkOptions(where, quota, { name: true, key: true });
  const [name, key] = typeof quota === 'string' ? [quota, undefined] : [quota?.name, quota?.key];
  for (const text of [name, key ?? 'a']) {
    if (typeof text !== 'string' || text === '' || text.length > 500 || text.includes('\0') || text.includes('\n')) {
      throw invalid(where, 'is to be a name, or { name, key }, of texts of 1 to 500 characters without line breaks');
    }
    const refusal = text === undefined ? undefined : textRefusal(text);
    if (refusal !== undefined) throw invalid(where, refusal);
  }
  return quotaKey(name!, key);
}

/** @internal */
export function invalid(where: string, reason: string): CallsheetError {
  return new CallsheetError('INVALID_OPTION', `${where}: ${reason}`);
}
