/**
 * The time of one job from put to result in an idle runtime with all threads asleep.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCallsheetPool } from './contestants/callsheet.js';
import { journalled } from './contestants/journalled.js';
import { openPiscina } from './contestants/peers.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import type { Bench, Contestant, Context, Entrant, Figure, Measured } from './harness/bench.js';
import { percentile } from './harness/statistics.js';
import { checkStamp } from './jobs/stamp.js';

/** Milliseconds between two jobs; all threads are asleep long before it ends. */
const idleMs = 3;

export const latencyFigures: readonly Figure[] = [
  { name: 'p50', unit: 'ms', compared: true },
  { name: 'p99', unit: 'ms' },
  { name: 'max', unit: 'ms' },
];

export const latency: Bench = {
  name: 'latency',
  title: 'one trivial job at a time on an idle runtime, put to result',
  figures: latencyFigures,
  cases: (size) => [{ name: 'idle', contestants: contestants(size === 'full' ? 500 : 10) }],
};

function contestants(jobs: number): Contestant[] {
  return [
    { name: 'piscina', open: async ({ threads }) => enterOneByOne(openPiscina(threads), jobs) },
    ...(['full', 'process', 'memory'] as const).map((level) => ({
      name: `callsheet, ${level}`,
      synced: level === 'full',
      open: async (context: Context) => enterOneByOne(await openCallsheetPool(level, context), jobs, level === 'full'),
    })),
  ];
}

export async function enterOneByOne(pool: Pool, jobs: number, synced = false): Promise<Entrant> {
  await runOneByOne(pool, jobs);
  return { detail: pool.detail, measure: () => measure(pool, jobs, synced), close: () => pool.close() };
}

async function measure(pool: Pool, jobs: number, synced: boolean): Promise<Measured> {
  const before = await pool.figures?.();
  const took = await runOneByOne(pool, jobs);
  const after = await pool.figures?.();
  const figures = { p50: percentile(took, 50), p99: percentile(took, 99), max: Math.max(...took) };
  if (before === undefined || after === undefined) return { figures };
  // Each job waited for the disk at least once, alone.
  return { figures, ...journalled(before, after, synced ? jobs : undefined) };
}

/** Returns the milliseconds of each job. */
async function runOneByOne(pool: Pool, jobs: number): Promise<number[]> {
  const forbidden = forbiddenThreadsOf(pool);
  const took: number[] = [];
  for (let number = 0; number < jobs; number++) {
    await sleep(idleMs);
    const start = performance.now();
    const stamped = await pool.run(number);
    took.push(performance.now() - start);
    checkStamp(stamped, number, forbidden);
  }
  return took;
}
