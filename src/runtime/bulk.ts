/** Actions on all jobs that fit a filter. */
import { idToText } from '../codec/id.js';
import type { JobOptions as CoreOptions } from '../core/commands.js';
import { checkBoolean, checkFunction, checkNumber } from '../definition/arguments.js';
import type { OptionNames } from '../definition/known-options.js';
import { CountDiffersError, type ErrorCode } from '../errors.js';
import type { BulkStep } from '../protocol/messages.js';
import type { BulkAction } from '../protocol/monitor.js';
import { checkSignal } from './abort.js';
import type { Client } from './client.js';
import { type JobQuery, wireFilter } from './job-filter.js';

/** The options of `retryAll`, `cancelAll` and `forgetAll`. */
export interface BulkOptions {
  /** `true` only counts the jobs. */
  readonly dryRun?: boolean;
  /** The number of jobs that must fit, as counted before. With any other, nothing is done. */
  readonly expect?: number;
  /** Ends the action: no more jobs follow. It rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Called now and then while the action goes on. */
  readonly onProgress?: (progress: BulkProgress) => void;
}

/** The progress of a bulk action. */
export interface BulkProgress {
  /** The jobs that fit when they were counted, before the first was acted on. */
  readonly matched: number;
  readonly done: number;
  readonly refused: number;
}

/** A job on which the action was refused: nothing was changed. */
export interface RefusedJob {
  readonly id: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The result of a bulk action, as plain data. */
export interface BulkResult {
  /** The jobs that fit when they were counted, before the first was acted on. */
  readonly matched: number;
  readonly done: number;
  /** The first 1,000 of the refused jobs. */
  readonly refused: readonly RefusedJob[];
  readonly refusedCount: number;
  /**
   * The other matched jobs: when their turn came, they did not fit any more. Another action like
   * this one was faster, or they have changed.
   */
  readonly skipped: number;
}

/** @internal */
export const bulkOptions: OptionNames<BulkOptions> = { dryRun: true, expect: true, signal: true, onProgress: true };

const mostRefused = 1000;
let lastBulk = 0;

/** The part of an action that its filter does not say. */
export type Acting =
  | { readonly type: 'cancel' | 'forget' }
  | {
      readonly type: 'retry';
      readonly options: CoreOptions;
      readonly parts: 'failed' | 'all';
      readonly callbacks: 'again' | 'none';
    };

/** @internal Counts the jobs, then acts on one after another. The names of options were checked. */
export async function actOnAll(
  client: Client,
  acting: Acting,
  filter: JobQuery,
  { dryRun = false, expect, signal, onProgress }: BulkOptions,
): Promise<BulkResult> {
  checkBoolean('dryRun', dryRun);
  if (expect !== undefined) checkNumber('expect', expect, { integer: true, least: 0 });
  if (onProgress !== undefined) checkFunction('onProgress', onProgress, 'must be a function');
  if (signal !== undefined) checkSignal(signal);
  const action = { ...acting, filter: wireFilter(filter, client.encoding()) } as BulkAction;
  signal?.throwIfAborted();
  const matched = (await client.ask({ type: 'bulkCount', action })) as number;
  if (expect !== undefined && matched !== expect)
    throw new CountDiffersError(`${matched} jobs fit, not ${expect}: nothing was done`);
  const refused: RefusedJob[] = [];
  let [done, refusedCount] = [0, 0];
  const bulk = ++lastBulk;
  for (let next: BulkAction | null = action; !dryRun; next = null) {
    const step: BulkStep = await stepOf(client, bulk, next, signal);
    done += step.done;
    refusedCount += step.refused.length;
    for (const [id, [code, message]] of step.refused.slice(0, mostRefused - refused.length))
      refused.push({ id: idToText(id), code: code as ErrorCode, message });
    onProgress?.({ matched, done, refused: refusedCount });
    if (step.isOver) break;
  }
  const skipped = dryRun ? 0 : Math.max(0, matched - done - refusedCount);
  return { matched, done, refused, refusedCount, skipped };
}

/** Takes a step. When the signal aborts, it ends the action, and rejects with the reason. */
async function stepOf(
  { link }: Client,
  bulk: number,
  action: BulkAction | null,
  signal: AbortSignal | undefined,
): Promise<BulkStep> {
  const end = async () => {
    await link.request(['endBulk', bulk]);
    throw signal!.reason;
  };
  if (signal?.aborted) return end();
  const step = link.request(['bulk', bulk, action]) as Promise<BulkStep>;
  if (signal === undefined) return step;
  let aborted = () => {};
  const abort = new Promise<void>((resolve) => {
    aborted = resolve;
  }).then(end);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    return await Promise.race([step, abort]);
  } finally {
    signal.removeEventListener('abort', aborted);
    step.catch(() => {});
  }
}
