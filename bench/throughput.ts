/**
 * How many trivial jobs a second, from put to result, with so many in flight: callsheet, which keeps them, against pools, which do not.
 */
import type { Level } from 'callsheet';
import { openCallsheetPool } from './contestants/callsheet.js';
import { openPeer, openPiscina, type PeerName, peerAbsent } from './contestants/peers.js';
import { implausibleSyncs } from './contestants/plausible-syncs.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import type { Bench, Contestant, Context, Entrant, Measured, Size } from './harness/bench.js';
import { watchLoopDelay } from './harness/loop-delay.js';
import { checkStamp } from './jobs/stamp.js';

interface Load {
  readonly inFlight: number;
  /** Long enough for the compilers of all threads to have seen enough: a runtime is opened once and lives long. */
  readonly warmUpMs: number;
  readonly ms: number;
}

export const throughput: Bench = {
  name: 'throughput',
  title: 'trivial jobs, put to result, with so many in flight',
  figures: [
    { name: 'jobs', unit: '/s', compared: true },
    { name: 'CPU per job', unit: 'µs' },
    { name: 'loop delay p99', unit: 'ms' },
    { name: 'loop delay max', unit: 'ms' },
    { name: 'jobs per sync', unit: '' },
    { name: 'bytes per job', unit: 'B' },
  ],
  cases: (size) =>
    inFlight(size).map((count) => {
      const load =
        size === 'full' ? { inFlight: count, warmUpMs: 3000, ms: 1000 } : { inFlight: count, warmUpMs: 0, ms: 20 };
      return { name: `${count} in flight`, contestants: contestants(load) };
    }),
};

function inFlight(size: Size): readonly number[] {
  return size === 'full' ? [1, 64, 256, 1024] : [64];
}

function contestants(load: Load): Contestant[] {
  const peers: readonly PeerName[] = ['tinypool', 'poolifier', 'workerpool'];
  return [
    { name: 'piscina', open: async ({ threads }) => enter(openPiscina(threads), load) },
    atLevel('full', load),
    atLevel('process', load),
    atLevel('memory', load),
    ...peers.map((name) => ({
      name,
      absent: () => peerAbsent(name),
      open: async ({ threads }: Context) => enter(await openPeer(name, threads), load),
    })),
  ];
}

function atLevel(level: Level, load: Load): Contestant {
  const open = async (context: Context) => enter(await openCallsheetPool(level, context), load, level === 'full');
  return { name: `callsheet, ${level}`, synced: level === 'full', open };
}

async function enter(pool: Pool, load: Load, synced = false): Promise<Entrant> {
  await keepBusy(pool, load.inFlight, load.warmUpMs);
  return { measure: () => measure(pool, load, synced), close: () => pool.close() };
}

async function measure(pool: Pool, { inFlight, ms }: Load, synced: boolean): Promise<Measured> {
  const before = await pool.figures?.();
  const endWatch = watchLoopDelay();
  const cpuBefore = process.cpuUsage();
  const { jobs, perSecond } = await keepBusy(pool, inFlight, ms);
  // Of all threads; it says what a job costs whatever else the machine does.
  const cpu = process.cpuUsage(cpuBefore);
  const { p99Ms, maxMs } = endWatch();
  const after = await pool.figures?.();
  const figures = {
    jobs: perSecond,
    'CPU per job': (cpu.user + cpu.system) / jobs,
    'loop delay p99': p99Ms,
    'loop delay max': maxMs,
  };
  if (before === undefined || after === undefined || after.syncs === before.syncs) return { figures };
  const jobsPerSync = jobs / (after.syncs - before.syncs);
  const bytesPerJob = (after.bytesWritten - before.bytesWritten) / jobs;
  return {
    figures: { ...figures, 'jobs per sync': jobsPerSync, 'bytes per job': bytesPerJob },
    // One sync stands behind no more than one job of each loop.
    void: synced ? implausibleSyncs(before, after, jobs / inFlight - 1) : undefined,
  };
}

/** So many loops, each with one job at a time, for a time; the jobs that are out then are waited for, and count. */
async function keepBusy(pool: Pool, inFlight: number, ms: number): Promise<{ jobs: number; perSecond: number }> {
  const forbidden = forbiddenThreadsOf(pool);
  const start = performance.now();
  let jobs = 0;
  const loop = async () => {
    do {
      const number = ++jobs;
      checkStamp(await pool.run(number), number, forbidden);
    } while (performance.now() - start < ms);
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return { jobs, perSecond: (jobs / (performance.now() - start)) * 1000 };
}
