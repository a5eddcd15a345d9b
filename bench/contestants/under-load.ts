/**
 * A pool kept busy with trivial jobs, so many in flight, for a time.
 */
import type { Entrant, Figure, Measured, Size } from '../harness/bench.js';
import { watchLoopDelay } from '../harness/loop-delay.js';
import { checkStamp } from '../jobs/stamp.js';
import { journalled } from './journalled.js';
import { forbiddenThreadsOf, type Pool } from './pool.js';

/**
 * How long everything is kept busy before it is measured, in milliseconds: a runtime is opened once and lives long. Pools are as fast as they get
 * after two seconds. callsheet takes ten: until it remembers as many completed jobs as it ever will, and forgets as many as it gets, the
 * compilers have not seen all of it.
 */
export const warmUpMsOf = (size: Size): number => (size === 'full' ? 10_000 : 0);

/** Once at least, and until it is warm. */
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

/** What {@link enterUnderLoad} measures. CPU is of all threads: it says what a job costs whatever else the machine does. */
export const loadFigures: readonly Figure[] = [
  { name: 'jobs', unit: '/s', compared: true },
  { name: 'CPU per job', unit: 'µs' },
  { name: 'coordinator CPU', unit: 'µs' },
  { name: 'loop delay p99', unit: 'ms' },
  { name: 'loop delay max', unit: 'ms' },
  { name: 'jobs per sync', unit: '', brief: true },
  { name: 'bytes per job', unit: 'B', brief: true },
];

/** `synced`: it answers for each job on the disk. */
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
  // One sync stands behind no more than one job of each loop.
  return { figures, ...journalled(before, after, synced ? jobs / inFlight - 1 : undefined) };
}

/** So many loops, each with one job at a time, for a time; the jobs that are out then are waited for, and count. */
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
