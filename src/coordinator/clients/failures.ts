/** The failed roots, in groups. */
import { idToText } from '../../codec/id.js';
import { isFrame } from '../../core/frame.js';
import type { JobRecord } from '../../core/records.js';
import type { FailureField, MonitorQuery, WireFailureGroup, WireFailures } from '../../protocol/monitor.js';
import type { Records } from '../../store/store.js';
import type { Inquiry } from '../inquiries.js';
import { jobMatcher } from './job-filter.js';
import { isoTime } from './job-rows.js';
import { type AskWhere, Where } from './where.js';

/** Limits of one answer: its groups, the bytes of their examples, and the time of its walk. */
const most = { groups: 1000, bytes: 256 * 1024, ms: 10_000, steps: 1000 };

interface Group {
  readonly of: Readonly<Partial<Record<FailureField, string>>>;
  count: number;
  first: number;
  /** By the begin of the step, the last one first. */
  readonly steps: Map<number, number>;
  /** The last job that failed. */
  readonly example: JobRecord;
}

export interface FailuresContext {
  readonly records: Records;
  readonly now: () => number;
  readonly questions: AskWhere;
}

/** Groups the failed roots from the last one back. */
export function* failures(
  { records, now, questions }: FailuresContext,
  { filter, by, since, limit, stepMs }: Extract<MonitorQuery, { type: 'failures' }>,
): Inquiry<WireFailures> {
  const { view } = records;
  const version = view.version;
  const isAsked = jobMatcher(records, filter);
  const groups = new Map<string, Group>();
  const endAt = now() + most.ms;
  const where = filter.where === undefined ? undefined : new Where(records, questions, filter.where);
  let [walked, failed, complete] = [0, 0, true];
  const add = (job: JobRecord): void => {
    failed++;
    note(groups, job, by, stepMs);
  };
  for (const job of view.lastCompleted('failed')) {
    if (job.completedAt < since) break;
    walked++;
    if (isAsked(job)) {
      if (where === undefined) add(job);
      else where.add(job);
    }
    if (where?.isFull) (yield* where.taken()).forEach(add);
    complete = now() < endAt;
    if (!complete) break;
    yield;
  }
  if (where !== undefined) (yield* where.taken()).forEach(add);
  const largest = [...groups.values()].sort((a, b) => b.count - a.count).slice(0, limit);
  const shown: WireFailureGroup[] = [];
  let left = most.bytes;
  for (const group of largest) {
    yield;
    const failure = left > 0 ? bytesOf(records, group.example) : undefined;
    left -= failure?.byteLength ?? 0;
    shown.push({ ...shownGroup(group, failure), ...(stepMs > 0 ? { steps: shownSteps(group) } : {}) });
  }
  const others = failed - shown.reduce((sum, { count }) => sum + count, 0);
  const exact = view.version === version;
  return { groups: shown, others, asOf: isoTime(now())!, exact, complete, walked };
}

function note(groups: Map<string, Group>, job: JobRecord, by: readonly FailureField[], stepMs: number): void {
  const all = { error: errorName(job), frame: frameIn(job), callable: job.callable, queue: job.queue };
  const of = Object.fromEntries(by.map((field) => [field, all[field]]));
  const key = JSON.stringify(of);
  const there = groups.get(key);
  if (there === undefined && groups.size >= most.groups) return;
  const group: Group = there ?? { of, count: 0, first: 0, steps: new Map(), example: job };
  groups.set(key, group);
  group.count++;
  group.first = job.completedAt;
  if (stepMs === 0) return;
  const step = Math.floor(job.completedAt / stepMs) * stepMs;
  const count = group.steps.get(step);
  if (count !== undefined || group.steps.size < most.steps) group.steps.set(step, (count ?? 0) + 1);
}

const frameIn = ({ errorNames }: JobRecord) => errorNames.split('\n').find(isFrame) ?? '';

const errorName = ({ errorNames }: JobRecord) => errorNames.split('\n', 1)[0]!;

function shownGroup({ of, count, first, example }: Group, failure: Uint8Array | undefined): WireFailureGroup {
  const { id, completedAt } = example;
  return { ...of, count, first: isoTime(first)!, last: isoTime(completedAt)!, example: idToText(id), failure };
}

const shownSteps = ({ steps }: Group) =>
  Array.from(steps, ([from, count]) => ({ from: isoTime(from)!, count })).reverse();

/** Returns the failure as bytes; `undefined` if it was forgotten meanwhile, or cannot be read. */
function bytesOf(records: Records, { id }: JobRecord): Uint8Array | undefined {
  const result = records.view.job(id)?.result;
  try {
    return result ? records.bytes(result) : undefined;
  } catch {
    return undefined;
  }
}
