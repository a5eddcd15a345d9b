/**
 * A pool kept busy with trivial jobs for a time, with a constant number in flight.
 */
import type { Entrant, Figure, Measured, Size } from '../harness/bench.js';
import { watchLoopDelay } from '../harness/loop-delay.js';
import { checkStamp } from '../jobs/stamp.js';
import { journalled } from './journalled.js';
import { forbiddenThreadsOf, type Pool } from './pool.js';

/**
 * Milliseconds of work before measuring: a runtime is opened once and lives long. Pools reach their
 * full speed after two seconds, callsheet after ten. Only then it forgets as many completed jobs as
 * it gets, and all its code is compiled.
 */
export const warmUpMsOf = (size: Size): number => (size === 'full' ? 10_000 : 0);

/** Repeats work until the contestant is warm, at least once. */
export async function warmUp(size: Size, work: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + warmUpMsOf(size);
  do await work();
  while (performance.now() < end);
}

export interface Load {
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly ms: number;
}

/** Figures of {@link enterUnderLoad}. CPU is of all threads, so other processes do not count. */
export const loadFigures: readonly Figure[] = [
  { name: 'jobs', unit: '/s', compared: true },
  { name: 'CPU per job', unit: 'µs' },
  { name: 'coordinator CPU', unit: 'µs' },
  { name: 'loop delay p99', unit: 'ms' },
  { name: 'loop delay max', unit: 'ms' },
  { name: 'jobs per sync', unit: '', brief: true },
  { name: 'bytes per job', unit: 'B', brief: true },
];

/** Enters a pool. `synced`: a job is on the disk before it is acknowledged. */
export async function enterUnderLoad(pool: Pool, load: Load, synced = false): Promise<Entrant> {
  await keepBusy(pool, load.inFlight, load.warmUpMs);
  return { detail: pool.detail, measure: () => measureUnderLoad(pool, load, synced), close: () => pool.close() };
}

export async function measureUnderLoad(pool: Pool, { inFlight, ms }: Load, synced: boolean): Promise<Measured> {
  const before = await pool.figures?.();
  const coordinatorBefore = pool.coordinatorCpu?.();
  const endWatch = await watchLoopDelay();
  const cpuBefore = process.cpuUsage();
  const { jobs, perSecond } = await keepBusy(pool, inFlight, ms);
  const cpu = process.cpuUsage(cpuBefore);
  const coordinatorAfter = pool.coordinatorCpu?.();
  const { p99Ms, maxMs } = await endWatch();
  const after = await pool.figures?.();
  const figures: Record<string, number> = {
    jobs: perSecond,
    'CPU per job': (cpu.user + cpu.system) / jobs,
    'loop delay p99': p99Ms,
    'loop delay max': maxMs,
  };
  if (coordinatorBefore !== undefined && coordinatorAfter !== undefined) {
    figures['coordinator CPU'] = (coordinatorAfter - coordinatorBefore) / jobs;
  }
  if (before === undefined || after === undefined || after.syncs === before.syncs) return { figures };
  figures['jobs per sync'] = jobs / (after.syncs - before.syncs);
  figures['bytes per job'] = (after.bytesWritten - before.bytesWritten) / jobs;
  // One sync covers at most one job of each loop.
  return { figures, ...journalled(before, after, synced ? jobs / inFlight - 1 : undefined) };
}

/** Runs loops for a time, each with one job in flight. The last jobs are waited for, and count. */
export async function keepBusy(
  pool: Pool,
  inFlight: number,
  ms: number,
): Promise<{ readonly jobs: number; readonly perSecond: number }> {
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
