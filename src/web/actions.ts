/** The actions of visitors. Each checks its request, and names its target. */
import { parseDuration } from '../definition/duration.js';
import { CallsheetError } from '../errors.js';
import type { BulkProgress, BulkResult, RefusedJob } from '../runtime/bulk.js';
import type { RetryOptions } from '../runtime/retry.js';
import type { Runtime } from '../runtime/runtime.js';
import { HttpError } from './http-error.js';
import { filterFrom } from './views/filter.js';

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BulkProgress) => void;
}

/** An action on the runtime. */
export interface Action {
  /** The thing on which it acts, for the record of actions. */
  readonly target: string;
  /** `true` if it may act on very many jobs, so that its progress is shown. */
  readonly isLong?: boolean;
  run(options: RunOptions): Promise<unknown>;
}

type Fields = Readonly<Record<string, unknown>>;
type MakeAction = (callsheet: Runtime, fields: Fields) => Action;

const bulk =
  (method: 'retryAll' | 'cancelAll' | 'forgetAll'): MakeAction =>
  (callsheet, fields) => {
    const filter = textOf(fields, 'filter');
    const expect = integerOf(fields, 'expect', 0);
    const asked = filterFrom(new URLSearchParams(filter));
    const target = `${filter || 'all jobs'} (${expect})`;
    return { target, isLong: true, run: (options) => callsheet[method](asked, { expect, ...options }) };
  };

const onJob =
  (act: (callsheet: Runtime, id: string) => Promise<unknown>): MakeAction =>
  (callsheet, fields) => {
    const id = textOf(fields, 'job');
    return { target: `job ${id}`, run: () => act(callsheet, id) };
  };

const onQueue =
  (act: (callsheet: Runtime, name: string) => Promise<unknown>): MakeAction =>
  (callsheet, fields) => {
    const name = textOf(fields, 'queue');
    return { target: `queue ${JSON.stringify(name)}`, run: () => act(callsheet, name) };
  };

const onSchedule =
  (act: (callsheet: Runtime, name: string) => Promise<unknown>): MakeAction =>
  (callsheet, fields) => {
    const name = textOf(fields, 'schedule');
    return { target: `schedule ${JSON.stringify(name)}`, run: () => act(callsheet, name) };
  };

/** The jobs of a page of a list, at most. */
const mostSelected = 1000;

/** Acts on jobs one after another. One that is refused holds up no other. */
const onSelected =
  (act: (callsheet: Runtime, id: string) => Promise<unknown>): MakeAction =>
  (callsheet, fields) => {
    const ids = idsOf(fields);
    const matched = ids.length;
    const run = async ({ signal, onProgress }: RunOptions): Promise<BulkResult> => {
      const refused: RefusedJob[] = [];
      for (const [index, id] of ids.entries()) {
        signal.throwIfAborted();
        try {
          await act(callsheet, id);
        } catch (error) {
          if (!(error instanceof CallsheetError)) throw error;
          refused.push({ id, code: error.code, message: error.message });
        }
        onProgress({ matched, done: index + 1 - refused.length, refused: refused.length });
      }
      return { matched, done: matched - refused.length, refused, refusedCount: refused.length, skipped: 0 };
    };
    return { target: `${matched} jobs: ${ids.slice(0, 3).join(', ')}${matched > 3 ? ' …' : ''}`, isLong: true, run };
  };

export const actions: Readonly<Record<string, MakeAction>> = {
  retry: changing(
    (callsheet, id, changes) => callsheet.retry(id, changes).then((made) => ({ id: made.id })),
    ['parts', 'callbacks'],
  ),
  change: changing((callsheet, id, changes) => callsheet.job(id).change(changes), []),
  cancel: onJob((callsheet, id) => callsheet.job(id).cancel()),
  'retry selected': onSelected((callsheet, id) => callsheet.retry(id)),
  'cancel selected': onSelected((callsheet, id) => callsheet.job(id).cancel()),
  'retry all': bulk('retryAll'),
  'cancel all': bulk('cancelAll'),
  'forget all': bulk('forgetAll'),
  'pause queue': onQueue((callsheet, name) => callsheet.queue(name).pause()),
  'resume queue': onQueue((callsheet, name) => callsheet.queue(name).resume()),
  'resize agent': resizeAgent,
  'resize quota': resizeQuota,
  'pause schedule': onSchedule((callsheet, name) => callsheet.schedule(name).pause()),
  'resume schedule': onSchedule((callsheet, name) => callsheet.schedule(name).resume()),
  'backfill schedule': backfill,
  'trigger schedule': onSchedule(async (callsheet, name) => ({ id: (await callsheet.schedule(name).trigger()).id })),
};

/** Counts the jobs on which a bulk action would act. It changes nothing. */
export async function countFor(callsheet: Runtime, query: URLSearchParams): Promise<{ readonly matched: number }> {
  const methods = { 'retry all': 'retryAll', 'cancel all': 'cancelAll', 'forget all': 'forgetAll' } as const;
  const name = query.get('action') ?? '';
  if (!Object.hasOwn(methods, name))
    throw new HttpError(400, 'BAD_PARAMETER', `action must be one of ${Object.keys(methods).join(', ')}`);
  const method = methods[name as keyof typeof methods];
  const { matched } = await callsheet[method](filterFrom(query), { dryRun: true });
  return { matched };
}

/** An action on a job that may be given other arguments and options. The runtime checks them. */
function changing(
  act: (callsheet: Runtime, id: string, changes: RetryOptions) => Promise<unknown>,
  others: readonly string[],
): MakeAction {
  return (callsheet, fields) => {
    const id = textOf(fields, 'job');
    const { beginAfter, timeout, ...given } = fields;
    const changes: Record<string, unknown> = {};
    for (const name of ['args', 'priority', 'quotas', ...others])
      if (given[name] !== undefined) changes[name] = given[name];
    if (beginAfter !== undefined) changes.beginAfter = dateOf(textOf(fields, 'beginAfter'));
    if (timeout !== undefined) changes.timeoutMs = durationOf(textOf(fields, 'timeout'));
    const names = Object.keys(changes);
    const target = `job ${id}${names.length === 0 ? '' : `, with other ${names.join(', ')}`}`;
    return { target, run: () => act(callsheet, id, changes) };
  };
}

function backfill(callsheet: Runtime, fields: Fields): Action {
  const [name, from, to] = [textOf(fields, 'schedule'), momentOf(fields, 'from'), momentOf(fields, 'to')];
  const run = async () => {
    const jobs = await callsheet.schedule(name).backfill(from, to);
    return { done: jobs.length, refusedCount: 0 };
  };
  return { target: `schedule ${JSON.stringify(name)}: ${from.toISOString()} to ${to.toISOString()}`, run };
}

function momentOf(fields: Fields, name: string): Date {
  const text = textOf(fields, name);
  const date = text === 'now' ? new Date() : new Date(text);
  if (!Number.isNaN(date.getTime())) return date;
  throw new HttpError(400, 'BAD_PARAMETER', `${name} must be "now", or a date such as 2030-01-31T09:00Z`);
}

/** Reads a delay from now, or a date. */
const dateOf = (text: string): number | string => (text === 'now' ? 0 : (parseDuration(text) ?? text));

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new HttpError(400, 'BAD_PARAMETER', 'timeout must be a duration such as 30s or 5m');
  return ms;
}

function idsOf({ jobs }: Fields): readonly string[] {
  const isList = Array.isArray(jobs) && jobs.length >= 1 && jobs.length <= mostSelected;
  if (isList && jobs.every((id) => typeof id === 'string')) return jobs;
  throw new HttpError(400, 'BAD_PARAMETER', `jobs must be a list of 1 to ${mostSelected} ids`);
}

function resizeAgent(callsheet: Runtime, fields: Fields): Action {
  const [name, agent, dispatcher] = [textOf(fields, 'queue'), textOf(fields, 'agent'), textOf(fields, 'dispatcher')];
  const size = integerOf(fields, 'size', 1);
  const run = async () => {
    const queue = callsheet.queue(name);
    const found = (await queue.agents()).find((one) => one.name === agent && one.dispatcher === dispatcher);
    if (found === undefined) throw new HttpError(404, 'UNKNOWN_AGENT', `there is no agent ${JSON.stringify(agent)}`);
    const { filter = {}, chooser, retry } = found;
    const { by, ...data } = filter;
    if (by !== undefined || chooser !== undefined || Object.keys(retry).length > 0)
      throw new HttpError(
        409,
        'AGENT_HAS_FUNCTIONS',
        'the agent has functions or policies: its program must change it',
      );
    await queue.setAgent(agent, { size, dispatcher, ...(Object.keys(data).length > 0 ? { filter: data } : {}) });
  };
  return { target: `agent ${JSON.stringify(agent)} of ${JSON.stringify(name)}: ${size}`, run };
}

function resizeQuota(callsheet: Runtime, fields: Fields): Action {
  const [name, quota] = [textOf(fields, 'queue'), textOf(fields, 'quota')];
  const size = integerOf(fields, 'size', 1);
  const run = async () => {
    const queue = callsheet.queue(name);
    const found = (await queue.quotas()).find((one) => one.name === quota);
    if (found === undefined) throw new HttpError(404, 'UNKNOWN_QUOTA', `there is no quota ${JSON.stringify(quota)}`);
    await queue.setQuota(quota, { size, ...(found.rate === undefined ? {} : { rate: found.rate }) });
  };
  return { target: `quota ${JSON.stringify(quota)} of ${JSON.stringify(name)}: ${size}`, run };
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw new HttpError(400, 'BAD_PARAMETER', `${name} must be a text`);
}

function integerOf(fields: Fields, name: string, least: number): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new HttpError(400, 'BAD_PARAMETER', `${name} must be an integer from ${least}`);
}
