/** Runs failed jobs again, as new jobs. */
import { idToText } from '../codec/id.js';
import type { Id } from '../core/records.js';
import { checkOneOf } from '../definition/arguments.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import type { WireRetry } from '../protocol/messages.js';
import { actOnAll, type BulkOptions, type BulkResult, bulkOptions } from './bulk.js';
import type { Client } from './client.js';
import { changeable, encodeChanges, idOf, Job, type JobChanges } from './job.js';
import type { JobQuery } from './job-filter.js';

/**
 * The options of `retry`. Those that are left out are the failed job's own, but a date: the new job
 * begins as soon as possible.
 */
export interface RetryOptions extends JobChanges {
  /**
   * The parts of a serial or parallel that run again, before its postprocess: those that did not
   * succeed (`failed`, the default), or all of them. Of a map only the former.
   */
  readonly parts?: 'failed' | 'all';
  /** `again` (the default) gives the new job callbacks like those of the failed one. */
  readonly callbacks?: 'again' | 'none';
}

const retryOptions: OptionNames<RetryOptions> = { ...changeable, parts: true, callbacks: true };

/** Puts a copy of a failed job. */
export async function retryJob<Result>(
  client: Client,
  job: Job<Result> | string,
  options: RetryOptions,
): Promise<Job<Result>> {
  checkOptions('options', options, retryOptions);
  const id = idOf(job);
  const { tracing } = client;
  const retry = async () => {
    const trace = tracing?.trace();
    const [made] = (await client.do({ type: 'retry', job: id, ...wireRetry(client, options), trace })) as [Id];
    return new Job<Result>(client, made);
  };
  if (tracing === undefined) return retry();
  const isDated = options.beginAfter !== undefined;
  return tracing.put({ queue: '', callable: '', jobs: 1, isDated, retryOf: idToText(id) }, retry);
}

/** The options of `retryAll`: those of `retry`, without arguments, and those of a bulk action. */
export interface RetryAllOptions extends Omit<RetryOptions, 'args'>, BulkOptions {}

/** Retries all failed jobs that fit the filter and were not retried. */
export async function retryAll(client: Client, filter: JobQuery, options: RetryAllOptions): Promise<BulkResult> {
  const { args: _, ...names } = retryOptions;
  checkOptions('options', options, { ...names, ...bulkOptions } as OptionNames<RetryAllOptions>);
  const { dryRun, expect, signal, onProgress, ...retry } = options;
  const given = Object.fromEntries(
    Object.entries({ dryRun, expect, signal, onProgress }).filter(([, value]) => value !== undefined),
  );
  return actOnAll(client, { type: 'retry', ...wireRetry(client, retry) }, filter, given);
}

/** Returns options whose names were checked, as they are sent. */
function wireRetry(client: Client, options: RetryOptions): Omit<WireRetry, 'type' | 'job'> {
  const { parts = 'failed', callbacks = 'again', ...changes } = options;
  checkOneOf('parts', parts, ['failed', 'all']);
  checkOneOf('callbacks', callbacks, ['again', 'none']);
  return { parts, callbacks, ...encodeChanges(client, changes) };
}
