/** The answers to questions about many jobs. Each is a generator, which runs in slices. */
import { requireQueue } from '../../core/queue.js';
import type { JobRecord } from '../../core/records.js';
import { tallyCells } from '../../core/state/tallies.js';
import type { View } from '../../core/state/view.js';
import type {
  CountedOutcome,
  CountField,
  CountRow,
  DurationStats,
  JobRow,
  KindTotals,
  MonitorQuery,
  StatRow,
  Totals,
  WireJobPage,
} from '../../protocol/monitor.js';
import type { ThreadTimes } from '../claiming/thread-times.js';
import type { Inquiry } from '../inquiries.js';
import { Bucket, type Durations } from '../statistics/bucket.js';
import { contentOf, otherKind, type Statistics } from '../statistics/statistics.js';
import { bulkCount } from './bulk-jobs.js';
import { failures } from './failures.js';
import { type FullJobContext, fullJob } from './full-job.js';
import { neededFunctions } from './functions.js';
import { jobMatcher, kindMatcher } from './job-filter.js';
import { isInternal, isoTime, placeOf, queueInLine, rowBytes, rowOf, walkIn } from './job-rows.js';
import { partCells } from './part-cells.js';
import { type AskWhere, Where } from './where.js';

/** The parts of the coordinator that these questions read. */
export interface MonitoringContext extends FullJobContext {
  readonly statistics: Statistics;
  readonly threadTimes: Pick<ThreadTimes, 'busyMs'>;
  readonly questions: AskWhere;
}

export function monitoring(
  context: MonitoringContext,
  query: Exclude<MonitorQuery, { type: 'explain' }>,
): Inquiry<unknown> {
  const { records, statistics } = context;
  switch (query.type) {
    case 'jobs':
      return jobPage(context, query);
    case 'fullJob':
      return fullJob(context, query);
    case 'parts':
      return partCells(context, query);
    case 'failures':
      return failures(context, query);
    case 'bulkCount':
      return bulkCount(context, query.action);
    case 'counts':
      return counts(records.view, query);
    case 'stats':
      return stats(statistics, query);
    case 'functions':
      return neededFunctions(records);
    case 'totals':
      return totals(context);
  }
}

type PageQuery = Extract<MonitorQuery, { type: 'jobs' }>;

/** Limits of one answer: its size as text, in about that many bytes, and the time of its walk. */
const mostBytes = 256 * 1024;
const mostMs = 10_000;

/** Finds a page of jobs. */
function* jobPage({ records, now, questions }: MonitoringContext, query: PageQuery): Inquiry<WireJobPage> {
  const { view } = records;
  const { filter, order, limit, after } = query;
  if (order === 'claim') requireQueue(view, queueInLine(filter));
  const isAsked = jobMatcher(records, filter);
  const where = filter.where === undefined ? undefined : new Where(records, questions, filter.where);
  const version = view.version;
  const items: JobRow[] = [];
  const endAt = now() + mostMs;
  let last = after;
  let walked = 0;
  let bytes = 0;
  let complete = true;
  const page = (isLast: boolean): WireJobPage => {
    const exact = view.version === version;
    return { items, last: isLast ? undefined : last, asOf: isoTime(now())!, exact, complete, walked };
  };
  /** Adds a job, and returns `true` if the page is full. */
  const add = (job: JobRecord): boolean => {
    const row = rowOf(view, job);
    items.push(row);
    bytes += rowBytes(row);
    return items.length === limit || bytes > mostBytes;
  };
  for (const job of walkIn(view, filter, order, after)) {
    if (job === undefined || isInternal(job)) {
      yield;
      continue;
    }
    walked++;
    const place = placeOf(job);
    if (where === undefined || (where.isEmpty && !isAsked(job))) {
      last = place;
      if (where === undefined && isAsked(job) && add(job)) return page(false);
    } else {
      if (isAsked(job)) where.add(job);
      if (where.isFull) {
        for (const one of yield* where.taken()) {
          last = placeOf(one);
          if (add(one)) return page(false);
        }
        last = place;
      }
    }
    complete = now() < endAt;
    if (!complete) return page(false);
    yield;
  }
  if (where !== undefined) {
    for (const one of yield* where.taken()) {
      last = placeOf(one);
      if (add(one)) return page(false);
    }
  }
  return page(true);
}

/** Counts jobs from their tallies, whose number is that of the kinds of jobs. */
function* counts(view: View, { filter, by }: Extract<MonitorQuery, { type: 'counts' }>): Inquiry<CountRow[]> {
  const isAsked = kindMatcher(filter);
  const rows = new Map<string, { -readonly [field in keyof CountRow]: CountRow[field] }>();
  for (const { queue, callable, role, counts: cells } of view.tallies()) {
    yield;
    if (!isAsked(queue, callable)) continue;
    for (const [index, count] of cells.entries()) {
      const cell = tallyCells[index];
      if (count === 0 || cell === undefined) continue;
      const isOver = cell.status === 'callbacks' || cell.status === 'completed';
      const outcome: CountedOutcome = !isOver ? 'none' : cell.failed ? 'failure' : 'value';
      const all = { queue, callable, role, status: cell.status, outcome };
      const row = { ...fieldsOf(all, by), count };
      const key = JSON.stringify(fieldsOf(all, by));
      const there = rows.get(key);
      if (there === undefined) rows.set(key, row);
      else there.count += count;
    }
  }
  return [...rows.values()].sort((a, b) => b.count - a.count);
}

const fieldsOf = (all: Omit<Required<CountRow>, 'count'>, by: readonly CountField[]) =>
  Object.fromEntries(by.map((field) => [field, all[field]]));

/** Adds up the buckets of each step. */
function* stats(
  statistics: Statistics,
  { filter, by, from, to, stepMs }: Extract<MonitorQuery, { type: 'stats' }>,
): Inquiry<StatRow[]> {
  const isAsked = kindMatcher(filter);
  const isBy = { queue: by.includes('queue'), callable: by.includes('callable') };
  const spans = statistics.spans(from, to);
  const start = Math.max(from, spans[0]?.at ?? 0);
  const steps = new Map<string, Step>();
  /** When the pending jobs were counted last in each step. */
  const countedAt = new Map<number, number>();
  const stepOf = (at: number, ofQueue: string, ofCallable: string): Step => {
    const queue = isBy.queue ? ofQueue : otherKind;
    const callable = isBy.callable ? ofCallable : otherKind;
    const key = `${at}\n${queue}\n${callable}`;
    const step = steps.get(key) ?? { at, bucket: new Bucket(queue, callable), pending: 0, pendingAt: 0 };
    steps.set(key, step);
    return step;
  };
  for (const span of spans) {
    const at = stepMs === 0 ? start : Math.floor(span.at / stepMs) * stepMs;
    const { buckets, pending } = contentOf(span);
    for (const stored of buckets) {
      if (isAsked(stored[0], stored[1])) stepOf(at, stored[0], stored[1]).bucket.add(stored);
      yield;
    }
    if (pending !== undefined) countedAt.set(at, span.at);
    for (const [queue, callable, count] of pending ?? []) {
      yield;
      if (!isAsked(queue, callable)) continue;
      const step = stepOf(at, queue, callable);
      step.pending = count + (step.pendingAt === span.at ? step.pending : 0);
      step.pendingAt = span.at;
    }
  }
  return Array.from(steps.values(), (step) => statRow(step, countedAt.get(step.at)));
}

interface Step {
  readonly at: number;
  readonly bucket: Bucket;
  /** The pending jobs, as they were counted at `pendingAt`. */
  pending: number;
  pendingAt: number;
}

/** The counts since this runtime was opened. */
function* totals({ statistics, threadTimes, now }: MonitoringContext): Inquiry<Totals> {
  const kinds: KindTotals[] = [];
  for (const bucket of statistics.totals()) {
    yield;
    const { queue, callable, wait, run } = bucket;
    kinds.push({ queue, callable, ...bucket.counts(), wait: durationTotals(wait), run: durationTotals(run) });
  }
  return { kinds, busyMs: threadTimes.busyMs, asOf: isoTime(now())! };
}

const durationTotals = (durations: Durations) => ({
  count: durations.count,
  sumMs: durations.sum,
  upTo: durations.upTo(),
});

function statRow({ at, bucket, pending, pendingAt }: Step, countedAt: number | undefined): StatRow {
  const { queue, callable, wait, run } = bucket;
  const durations = { wait: durationStats(wait), run: durationStats(run) };
  // A kind that was not counted then had none.
  const last = pendingAt === countedAt ? pending : countedAt && 0;
  return { queue, callable, from: new Date(at).toISOString(), ...bucket.counts(), ...durations, pending: last };
}

function durationStats(durations: Durations): DurationStats | undefined {
  const { count, sum, least, most, shortest, longest } = durations;
  if (count === 0) return undefined;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => durations.quantile(part)) as [number, number, number];
  return { count, mean: sum / count, min: least, max: most, p50, p95, p99, shortest, longest };
}
