/** The answers to questions about many jobs. Each is a generator, which runs in slices. */
import { idToText } from '../../codec/id.js';
import { requireQueue } from '../../core/queue.js';
import { agentName, type JobRecord } from '../../core/records.js';
import type { State } from '../../core/state/state.js';
import { tallyCells } from '../../core/state/tallies.js';
import type {
  CountedOutcome,
  CountField,
  CountRow,
  DurationStats,
  Interval,
  JobQuery,
  JobRow,
  KindFilter,
  MonitorQuery,
  PlaceInOrder,
  StatRow,
  WireJobPage,
} from '../../protocol/monitor.js';
import type { Inquiry } from '../inquiries.js';
import { Bucket, type Durations } from '../statistics/bucket.js';
import { bucketsOf, type Statistics } from '../statistics/statistics.js';

/** The parts of the coordinator that these questions read. */
export interface MonitoringContext {
  readonly state: State;
  readonly statistics: Statistics;
  readonly now: () => number;
}

export function monitoring({ state, statistics, now }: MonitoringContext, query: MonitorQuery): Inquiry<unknown> {
  switch (query.type) {
    case 'jobs':
      return jobPage(state, now, query);
    case 'counts':
      return counts(state, query);
    case 'stats':
      return stats(statistics, query);
  }
}

type PageQuery = Extract<MonitorQuery, { type: 'jobs' }>;

/** Limits of one answer: its size as text, in about that many bytes, and the time of its walk. */
const mostBytes = 256 * 1024;
const mostMs = 10_000;

/** Finds a page of jobs. */
function* jobPage(state: State, now: () => number, query: PageQuery): Inquiry<WireJobPage> {
  const { filter, order, limit, after } = query;
  if (order === 'claim') requireQueue(state, filter.queue as string);
  const isAsked = jobMatcher(filter);
  const version = state.version;
  const items: JobRow[] = [];
  const endAt = now() + mostMs;
  let last = after;
  let walked = 0;
  let bytes = 0;
  let complete = true;
  const page = (isLast: boolean): WireJobPage => {
    const exact = state.version === version;
    return { items, last: isLast ? undefined : last, asOf: isoTime(now())!, exact, complete, walked };
  };
  for (const job of walkIn(state, query)) {
    if (job === undefined || job.form === 'chunk') {
      yield;
      continue;
    }
    walked++;
    last = placeOf(job);
    if (isAsked(job)) {
      const row = rowOf(job);
      items.push(row);
      bytes += rowBytes + row.callable.length + row.queue.length;
      if (items.length === limit || bytes > mostBytes) return page(false);
    }
    complete = now() < endAt;
    if (!complete) return page(false);
    yield;
  }
  return page(true);
}

/** About the bytes of a row's other fields. */
const rowBytes = 400;

function placeOf(job: JobRecord): PlaceInOrder {
  const { dueAt, priority, front, alone, eligible, id, putAt, completedAt } = job;
  return { dueAt, priority, front, alone, eligible, id, putAt, completedAt };
}

/** Walks all jobs in an order; `undefined` after a step without one. */
function* walkIn(state: State, { filter, order, after }: PageQuery): IterableIterator<JobRecord | undefined> {
  const isForgotten = after !== undefined && state.job(after.id) === undefined;
  switch (order) {
    case 'claim':
      return yield* state.line(filter.queue as string, after);
    case 'oldest':
      for (const job of state.jobsAfter(after?.id ?? ''))
        yield isForgotten && job.putAt <= after.putAt ? undefined : job;
      return;
    case 'newest':
      for (const job of state.jobsBefore(after?.id ?? ''))
        yield isForgotten && job.putAt >= after.putAt ? undefined : job;
      return;
    case 'completed': {
      const isPassed = (job: JobRecord) => after !== undefined && !isLaterCompleted(after, job);
      for (const job of bothCompleted(state)) yield isPassed(job) ? undefined : job;
    }
  }
}

type Ended = Pick<JobRecord, 'completedAt' | 'id'>;
const isLaterCompleted = (a: Ended, b: Ended) =>
  a.completedAt > b.completedAt || (a.completedAt === b.completedAt && a.id > b.id);

/** Merges the succeeded and the failed roots, the last one completed first. */
function* bothCompleted(state: State): IterableIterator<JobRecord> {
  const [succeeded, failed] = [state.lastCompleted('succeeded'), state.lastCompleted('failed')];
  let [a, b] = [succeeded.next(), failed.next()];
  while (!a.done || !b.done) {
    if (b.done || (!a.done && isLaterCompleted(a.value, b.value))) {
      yield a.value;
      a = succeeded.next();
    } else {
      yield b.value;
      b = failed.next();
    }
  }
}

function jobMatcher(filter: JobQuery<number>): (job: JobRecord) => boolean {
  const isKind = kindMatcher(filter);
  const { status, outcome, role, put, started, ended, completed } = filter;
  const statuses = status === undefined || typeof status === 'string' ? status && [status] : status;
  return (job) =>
    (statuses === undefined || statuses.includes(job.status)) &&
    (outcome === undefined || outcomeOf(job) === outcome) &&
    (role === undefined || job.role === role) &&
    isWithin(put, job.putAt) &&
    isWithin(started, job.firstStartAt) &&
    isWithin(ended, job.endAt) &&
    isWithin(completed, job.completedAt) &&
    isKind(job.queue, job.callable);
}

function isWithin(interval: Interval<number> | undefined, time: number): boolean {
  if (interval === undefined) return true;
  const { from = 1, to = Number.POSITIVE_INFINITY } = interval;
  return time !== 0 && time >= from && time < to;
}

/** A list is a value, too. */
const outcomeOf = ({ outcome }: JobRecord): CountedOutcome =>
  outcome === 'none' || outcome === 'failure' ? outcome : 'value';

const isoTime = (time: number) => (time === 0 ? undefined : new Date(time).toISOString());

function rowOf(job: JobRecord): JobRow {
  const { id, callable, queue, status, role, parent, priority, attempts, agent, stage } = job;
  return {
    ...{ id: idToText(id), callable, queue, status, outcome: outcomeOf(job), role },
    parent: parent === '' ? undefined : idToText(parent),
    ...{ priority, attempts },
    agent: agentName(agent) || undefined,
    put: isoTime(job.putAt)!,
    due: stage === 'policy' ? undefined : isoTime(job.dueAt),
    started: isoTime(job.firstStartAt),
    ended: isoTime(job.endAt),
    completed: isoTime(job.completedAt),
  };
}

/** Counts jobs from their tallies, whose number is that of the kinds of jobs. */
function* counts(state: State, { filter, by }: Extract<MonitorQuery, { type: 'counts' }>): Inquiry<CountRow[]> {
  const isAsked = kindMatcher(filter);
  const rows = new Map<string, { -readonly [field in keyof CountRow]: CountRow[field] }>();
  for (const { queue, callable, role, counts: cells } of state.tallies()) {
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
  { filter, from, to, stepMs }: Extract<MonitorQuery, { type: 'stats' }>,
): Inquiry<StatRow[]> {
  const isAsked = kindMatcher(filter);
  const spans = statistics.spans(from, to);
  const start = Math.max(from, spans[0]?.at ?? 0);
  const steps = new Map<string, { readonly at: number; readonly bucket: Bucket }>();
  for (const span of spans) {
    const at = stepMs === 0 ? start : Math.floor(span.at / stepMs) * stepMs;
    for (const stored of bucketsOf(span)) {
      const [queue, callable] = stored;
      if (isAsked(queue, callable)) {
        const key = `${at}\n${queue}\n${callable}`;
        const step = steps.get(key) ?? { at, bucket: new Bucket(queue, callable) };
        steps.set(key, step);
        step.bucket.add(stored);
      }
      yield;
    }
  }
  return Array.from(steps.values(), ({ at, bucket }) => statRow(at, bucket));
}

function statRow(at: number, bucket: Bucket): StatRow {
  const { queue, callable, wait, run } = bucket;
  const durations = { wait: durationStats(wait), run: durationStats(run) };
  return { queue, callable, from: new Date(at).toISOString(), ...bucket.counts(), ...durations };
}

function durationStats(durations: Durations): DurationStats | undefined {
  const { count, sum, least, most, shortest, longest } = durations;
  if (count === 0) return undefined;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => durations.quantile(part)) as [number, number, number];
  return { count, mean: sum / count, min: least, max: most, p50, p95, p99, shortest, longest };
}

/** Returns a test of a queue and a callable. */
function kindMatcher({ queue, callable }: KindFilter): (queue: string, callable: string) => boolean {
  const [isQueue, isCallable] = [nameMatcher(queue), nameMatcher(callable)];
  return (queue, callable) => isQueue(queue) && isCallable(callable);
}

function nameMatcher(names: string | readonly string[] | undefined): (name: string) => boolean {
  if (names === undefined) return () => true;
  const all = typeof names === 'string' ? [names] : names;
  const patterns = all.map((name) => name.split('*').map((text) => text.replaceAll(/[$()+.?[\\\]^{|}]/g, '\\$&')));
  const any = new RegExp(`^(?:${patterns.map((parts) => parts.join('.*')).join('|')})$`, 's');
  return (name) => all.length > 0 && any.test(name);
}
