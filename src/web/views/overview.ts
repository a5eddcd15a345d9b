/** The state of everything: rates, latency, depth, queues, running jobs, the last failures. */
import type { DurationStats, StatRow } from '../../protocol/monitor.js';
import type { RuntimeStatus } from '../../protocol/status.js';
import type { Runtime } from '../../runtime/runtime.js';
import { HttpError } from '../http-error.js';
import { failuresSince, type ShownFailures } from './failures.js';
import { type QueueRows, queueRows } from './queue-rows.js';
import { activeRows, type RunRows } from './running.js';
import { runtimeOf } from './runtime-status.js';
import { threadSections } from './threads.js';
import type { Sections, ViewContext } from './view.js';

/** The counts of a step of time, of all queues and callables together. */
export interface Step {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly put: number;
  readonly started: number;
  readonly succeeded: number;
  /** With the cancelled and the expired jobs. */
  readonly failed: number;
  /** Milliseconds that half, 95 and 99 of 100 jobs do not exceed; `undefined` for no job. */
  readonly wait: Quantiles | undefined;
  readonly run: Quantiles | undefined;
  /** Pending jobs at its end; `undefined` if nothing changed, or they were not counted. */
  readonly pending: number | undefined;
}

export type Quantiles = readonly [p50: number, p95: number, p99: number];

/** The steps that are over. */
export interface History {
  readonly stepMs: number;
  readonly from: number;
  readonly steps: readonly Step[];
  /** The pending jobs as they were last counted in the day before. */
  readonly pendingBefore: number | undefined;
}

export interface OverviewSections {
  readonly runtime: RuntimeStatus;
  readonly queues: QueueRows;
  readonly active: RunRows;
  readonly failures: ShownFailures;
  readonly history: History;
  /** The step that is not over. */
  readonly present: Step | undefined;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const most = { queues: 50, active: 50, failures: 8 };

/** The intervals of the charts, and their steps. */
const ranges: Readonly<Record<string, { readonly ms: number; readonly stepMs: number }>> = {
  '15m': { ms: 15 * minuteMs, stepMs: minuteMs },
  '1h': { ms: hourMs, stepMs: minuteMs },
  '24h': { ms: 24 * hourMs, stepMs: 15 * minuteMs },
};

export async function overview(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const name = query.get('range') ?? '1h';
  const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined;
  if (range === undefined)
    throw new HttpError(400, 'BAD_PARAMETER', `range must be one of ${Object.keys(ranges).join(', ')}`);
  const { callsheet } = context;
  const runtime = await runtimeOf(context);
  const now = Date.parse(runtime.asOf);
  const presentAt = Math.floor(now / range.stepMs) * range.stepMs;
  const [history, present, queues, active, failures, threads] = await Promise.all([
    context.memo.get(`history ${name} ${presentAt}`, range.stepMs, () =>
      historyOf(callsheet, range.stepMs, presentAt - range.ms, presentAt),
    ),
    steps(callsheet, range.stepMs, presentAt, now + 1),
    queueRows(context, now, most.queues),
    activeRows(callsheet, most.active),
    failuresSince(context, new Date(Math.floor((now - hourMs) / minuteMs) * minuteMs), most.failures),
    threadSections(context, now),
  ]);
  const sections: OverviewSections = {
    runtime,
    queues,
    active,
    failures,
    history,
    present: present[0],
  };
  return { ...sections, ...threads };
}

async function historyOf(callsheet: Runtime, stepMs: number, from: number, to: number): Promise<History> {
  const [found, before] = await Promise.all([
    steps(callsheet, stepMs, from, to),
    steps(callsheet, 2 * dayMs, from - dayMs, from),
  ]);
  return {
    stepMs,
    from,
    steps: found,
    pendingBefore: before.findLast(({ pending }) => pending !== undefined)?.pending,
  };
}

async function steps(callsheet: Runtime, stepMs: number, from: number, to: number): Promise<Step[]> {
  const rows = await callsheet.monitor.stats(
    {},
    { by: [], from: new Date(Math.max(0, from)), to: new Date(to), stepMs },
  );
  return rows.map(stepOf).sort((a, b) => a.at - b.at);
}

function stepOf({ from, put, started, succeeded, failed, cancelled, expired, wait, run, pending }: StatRow): Step {
  const counts = { put, started, succeeded, failed: failed + cancelled + expired };
  return { at: Date.parse(from), ...counts, wait: quantilesOf(wait), run: quantilesOf(run), pending };
}

const quantilesOf = (stats: DurationStats | undefined): Quantiles | undefined =>
  stats && [stats.p50, stats.p95, stats.p99];
