/** Charts of blocks: each character is a column in eighths of its height. */
import type { StatRow } from '../../protocol/monitor.js';
import type { RunningJob, ThreadWork } from '../../protocol/status.js';
import { count, duration } from '../words.js';

const blocks = ' ▁▂▃▄▅▆▇█';
const minuteMs = 60_000;

/** The minutes of a graph, a column each, and the rows of each of its charts. */
export const graphMinutes = 60;
const chartRows = 3;

/** Returns the rows of a chart, the top one first. Anything above 0 shows. */
export function chart(values: readonly number[], most: number, rows: number): string[] {
  const levels = values.map((value) => (value > 0 ? Math.max(1, Math.round((value / most) * rows * 8)) : 0));
  return Array.from({ length: rows }, (_, at) =>
    levels.map((level) => blocks[Math.min(8, Math.max(0, level - (rows - 1 - at) * 8))]).join(''),
  );
}

const windowMs = 5_000;
const windows = minuteMs / windowMs;

/** Returns how busy each thread was in the last minute: a bar of 5 s each, and the share of all. */
export function threadBars(threads: readonly ThreadWork[], active: readonly RunningJob[], asOf: string): string[] {
  const end = Date.parse(asOf);
  const busy = new Map<number, number[]>();
  const add = (thread: number, from: number, to: number, share: number) => {
    const times = busy.get(thread) ?? Array<number>(windows).fill(0);
    busy.set(thread, times);
    for (const at of times.keys()) {
      const begin = end - (windows - at) * windowMs;
      times[at]! += share * Math.max(0, Math.min(to, begin + windowMs) - Math.max(from, begin));
    }
  };
  for (const { thread, spans } of threads) {
    add(thread, end, end, 0);
    for (const { from, to, busyMs } of spans) {
      const [begin, ended] = [Date.parse(from), Date.parse(to)];
      // A span in one millisecond has no length.
      add(thread, begin, Math.max(ended, begin + 1), busyMs / Math.max(1, ended - begin));
    }
  }
  for (const { thread, started } of active)
    if (thread !== undefined && started !== undefined) add(thread, Date.parse(started), end, 1);
  return [...busy]
    .sort(([a], [b]) => a - b)
    .map(([thread, times]) => {
      const shares = times.map((ms) => Math.min(1, ms / windowMs));
      const all = shares.reduce((sum, share) => sum + share, 0) / windows;
      return `${thread} ${chart(shares, 1, 1)[0]} ${Math.round(100 * all)}%`;
    });
}

/** Returns the charts of the last hour: puts and ends in each minute, waits and runs. */
export function graphLines(stats: readonly StatRow[], asOf: string): string[] {
  const first = Math.floor(Date.parse(asOf) / minuteMs) - graphMinutes + 1;
  const charts: readonly [name: string, of: (row: StatRow) => number, shown: (most: number) => string][] = [
    ['put', ({ put }) => put, perMinute],
    ['succeeded', ({ succeeded }) => succeeded, perMinute],
    ['failed', ({ failed }) => failed, perMinute],
    ['wait, 95 of 100 shorter', ({ wait }) => wait?.p95 ?? 0, duration],
    ['run, 95 of 100 shorter', ({ run }) => run?.p95 ?? 0, duration],
  ];
  return charts.flatMap(([name, of, shown]) => {
    const values = Array<number>(graphMinutes).fill(0);
    for (const row of stats) {
      const at = Math.floor(Date.parse(row.from) / minuteMs) - first;
      if (at in values) values[at] = of(row);
    }
    const most = Math.max(...values);
    return [`${name}: ${shown(most)} at most, ${shown(values.at(-1)!)} now`, ...chart(values, most || 1, chartRows)];
  });
}

const perMinute = (value: number) => `${count(value)} a minute`;
