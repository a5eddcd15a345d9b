/** The threads: their work in the last minute, and how long each callable takes. */
import type { StatRow } from '../../protocol/monitor.js';
import type { EndedThread, ThreadUsage } from '../../protocol/status.js';
import { shownMs, windowMs, windowPrefix } from '../window.js';
import { activeRows, type RunRows } from './running.js';
import { runtimeOf } from './runtime-status.js';
import type { Sections, ViewContext } from './view.js';

/** Times in milliseconds; `from` counts from the begin of the window. */
export type Lane = readonly (readonly [
  from: number,
  length: number,
  busyMs: number,
  callable: string,
  count: number,
  job: string,
])[];

/**
 * The work of threads that ended in this time, by thread. Windows of the past do not change, so
 * only the last one is sent again.
 */
export interface Window {
  readonly from: number;
  readonly lanes: Readonly<Record<string, Lane>>;
}

export interface ThreadsSections {
  readonly active: RunRows;
  readonly size: number;
  readonly ended: readonly EndedThread[];
  readonly usage: { readonly at: number; readonly threads: readonly ThreadUsage[] };
  /** The last hour, by callable, of all queues. */
  readonly callables: readonly CallableTimes[];
  /** The callables whose jobs were at threads that ended, the most frequent first. */
  readonly blamed: readonly { readonly callable: string; readonly count: number; readonly job: string }[];
}

export interface CallableTimes extends StatRow {
  /** The time that a run is expected to take; `undefined` if none has run in this process. */
  readonly expectedMs: number | undefined;
}

const most = { callables: 100, active: 100, ended: 20, threads: 256 };

export async function threads(context: ViewContext): Promise<Sections> {
  const { callsheet, memo } = context;
  const runtime = await runtimeOf(context);
  const now = Date.parse(runtime.asOf);
  const [windows, active, { ended, usage, expected, asOf }, callables] = await Promise.all([
    threadSections(context, now),
    activeRows(callsheet, most.active),
    callsheet.monitor.threads({ since: new Date(now) }),
    memo.get('callables', 5000, () =>
      callsheet.monitor.stats({}, { by: ['callable'], from: new Date(now - 3_600_000) }),
    ),
  ]);
  const expectedMs = new Map(expected.map(({ callable, ms }) => [callable, Number(ms.toPrecision(2))]));
  const sections: ThreadsSections = {
    active,
    size: runtime.threads.size,
    usage: {
      at: Date.parse(asOf),
      threads: usage.slice(0, most.threads).map(({ activeMs, idleMs, cpuMs, ...one }) => ({
        ...{ ...one, activeMs: Math.round(activeMs), idleMs: Math.round(idleMs), cpuMs: cpuMs && Math.round(cpuMs) },
      })),
    },
    ended: ended.slice(-most.ended).reverse(),
    // A composition without a postprocess runs in no thread.
    callables: callables
      .filter(({ callable }) => callable !== '')
      .toSorted((a, b) => totalOf(b) - totalOf(a))
      .slice(0, most.callables)
      .map((row) => ({ ...row, from: '', expectedMs: expectedMs.get(row.callable) })),
    blamed: blamedIn(ended),
  };
  return { ...sections, ...windows };
}

function blamedIn(ended: readonly EndedThread[]): ThreadsSections['blamed'] {
  const found = new Map<string, { callable: string; count: number; job: string }>();
  for (const { callable, job } of ended) {
    if (callable === undefined || job === undefined) continue;
    found.set(callable, { callable, count: (found.get(callable)?.count ?? 0) + 1, job });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const totalOf = ({ run }: StatRow) => (run === undefined ? 0 : run.mean * run.count);

/** The work of the last minute, a section for each ten seconds. */
export async function threadSections({ callsheet, memo }: ViewContext, now: number): Promise<Sections> {
  const first = Math.floor((now - shownMs) / windowMs) * windowMs;
  const { threads } = await memo.get('threads', 900, () => callsheet.monitor.threads({ since: new Date(first) }));
  const sections: Record<string, Window> = {};
  for (let from = first; from <= now; from += windowMs) {
    const lanes: Record<string, Lane> = {};
    for (const { thread, spans } of threads) {
      const within = spans
        .map((span) => ({ ...span, start: Date.parse(span.from), end: Date.parse(span.to) }))
        .filter(({ end }) => end >= from && end < from + windowMs);
      if (within.length > 0)
        lanes[thread] = within.map(({ start, end, busyMs, callable, count, job }) => [
          ...[start - from, Math.round(end - start), Math.round(busyMs)],
          ...[callable, count, job],
        ]) as unknown as Lane;
    }
    if (Object.keys(lanes).length > 0) sections[`${windowPrefix}${from}`] = { from, lanes };
  }
  return sections;
}
