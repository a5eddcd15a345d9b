/** The answers to questions about many jobs. Each is a generator, which runs in slices. */
import type { State } from '../../core/state/state.js';
import { tallyCells } from '../../core/state/tallies.js';
import type {
  CountedOutcome,
  CountField,
  CountRow,
  DurationStats,
  KindFilter,
  MonitorQuery,
  StatRow,
} from '../../protocol/monitor.js';
import type { Inquiry } from '../inquiries.js';
import { Bucket, type Durations } from '../statistics/bucket.js';
import { bucketsOf, type Statistics } from '../statistics/statistics.js';

export function monitoring(state: State, statistics: Statistics, query: MonitorQuery): Inquiry<unknown> {
  return query.type === 'counts' ? counts(state, query) : stats(statistics, query);
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
