/**
 * How long one job takes from put to result where nothing else goes on: every thread is asleep when it comes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCallsheetPool } from './contestants/callsheet.js';
import { openPiscina } from './contestants/peers.js';
import { implausibleSyncs } from './contestants/plausible-syncs.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import type { Bench, Contestant, Measured } from './harness/bench.js';
import { percentile } from './harness/statistics.js';
import { checkStamp } from './jobs/stamp.js';

/** Between two jobs; all threads are asleep long before it ends. */
const idleMs = 3;

export const latency: Bench = {
  name: 'latency',
  title: 'one trivial job at a time on an idle runtime, put to result',
  figures: [
    { name: 'p50', unit: 'ms', compared: true },
    { name: 'p99', unit: 'ms' },
    { name: 'max', unit: 'ms' },
  ],
  cases: (size) => [{ name: 'idle', contestants: contestants(size === 'full' ? 1000 : 10) }],
};

function contestants(jobs: number): Contestant[] {
  return [
    { name: 'piscina', measure: async ({ threads }) => measurePool(openPiscina(threads), jobs) },
    ...(['full', 'process', 'memory'] as const).map((level) => ({
      name: `callsheet, ${level}`,
      synced: level === 'full',
      measure: async (context: Parameters<Contestant['measure']>[0]) =>
        measurePool(await openCallsheetPool(level, context), jobs, level === 'full'),
    })),
  ];
}

async function measurePool(pool: Pool, jobs: number, synced = false): Promise<Measured> {
  try {
    const forbidden = forbiddenThreadsOf(pool);
    const before = await pool.figures?.();
    const took: number[] = [];
    // The first tenth warms up.
    const warmUp = Math.ceil(jobs / 10);
    for (let number = -warmUp; number < jobs; number++) {
      await sleep(idleMs);
      const start = performance.now();
      const stamped = await pool.run(number);
      if (number >= 0) took.push(performance.now() - start);
      checkStamp(stamped, number, forbidden);
    }
    const after = await pool.figures?.();
    // Each job has waited for the disk at least once, alone.
    const isVoid = synced && before && after ? implausibleSyncs(before, after, jobs) : undefined;
    return { figures: { p50: percentile(took, 50), p99: percentile(took, 99), max: Math.max(...took) }, void: isVoid };
  } finally {
    await pool.close();
  }
}
