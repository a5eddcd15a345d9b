/**
 * The time of one job from put to result in an idle runtime with all threads asleep.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCallsheetPool } from './contestants/callsheet.js';
import { type FreshContestant, freshContestant } from './contestants/fresh.js';
import { journalled } from './contestants/journalled.js';
import { openPiscina } from './contestants/peers.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import type { Bench, Contestant, Context, Entrant, Figure, Measured } from './harness/bench.js';
import { percentile } from './harness/statistics.js';
import { checkStamp } from './jobs/stamp.js';

/** Milliseconds between two jobs; all threads are asleep long before it ends. */
const idleMs = 3;
/** Jobs in flight before the measured ones. */
const earlierAtOnce = 64;

export const latencyFigures: readonly Figure[] = [
  { name: 'p50', unit: 'ms', compared: true },
  { name: 'p99', unit: 'ms' },
  { name: 'max', unit: 'ms' },
];

export const latency: Bench = {
  name: 'latency',
  title: 'one trivial job at a time on an idle runtime, put to result',
  figures: latencyFigures,
  cases: (size) => {
    const [jobs, first, later] = size === 'full' ? [500, 300, 20_000] : [10, 3, 20];
    const inProcess = { inFlight: 1, idleMs };
    const contestantsOf: readonly FreshContestant[] = ['piscina', 'callsheet, full'];
    return [
      { name: 'idle', contestants: contestants(jobs) },
      {
        name: `first ${first} jobs of a process`,
        contestants: contestantsOf.map((name) => freshContestant(name, { ...inProcess, jobs: first, warmUpJobs: 0 })),
      },
      { name: `idle, after ${later} jobs`, contestants: contestants(jobs, later) },
    ];
  },
};

function contestants(jobs: number, earlier = 0): Contestant[] {
  return [
    { name: 'piscina', open: async ({ threads }) => enterOneByOne(openPiscina(threads), jobs, false, earlier) },
    ...(['full', 'process', 'memory'] as const).map((level) => ({
      name: `callsheet, ${level}`,
      synced: level === 'full',
      open: async (context: Context) =>
        enterOneByOne(await openCallsheetPool(level, context), jobs, level === 'full', earlier),
    })),
  ];
}

export async function enterOneByOne(pool: Pool, jobs: number, synced = false, earlier = 0): Promise<Entrant> {
  for (let done = 0; done < earlier; done += earlierAtOnce) {
    await Promise.all(Array.from({ length: earlierAtOnce }, (_, at) => pool.run(done + at)));
  }
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
