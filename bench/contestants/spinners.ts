/**
 * Contestants that run computing jobs, one on each thread at a time.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Context, Size } from '../harness/bench.js';
import { type Spun, spin } from '../jobs/spin.js';
import type { BareWork } from '../jobs/spin-thread.js';
import { openCallsheet, spins } from './callsheet.js';
import { journalled } from './journalled.js';
import type { SyncFigures } from './pool.js';
import { warmUp } from './under-load.js';

/** Jobs in flight for each thread: enough that no thread waits for the next. */
export const inFlightPerThread = 32;

const warmUpJobs = 1000;
const warmUpJobMs = 0.05;

export interface Spinner {
  /** Runs `jobs` jobs of `steps` steps; resolves when every result was checked. */
  spin(jobs: number, steps: number): Promise<void>;
  close(): Promise<unknown>;
  figures?(): Promise<SyncFigures>;
}

/** Bare worker threads that take jobs from shared memory: the limit of the machine. */
export async function openBare({ threads }: Context): Promise<Spinner> {
  const file = new URL('../jobs/spin-thread.js', import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(file));
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  return {
    async spin(jobs, steps) {
      const work: BareWork = { taken: new Int32Array(new SharedArrayBuffer(4)), jobs, steps };
      const answers = workers.map((worker) => once(worker, 'message'));
      for (const worker of workers) worker.postMessage(work);
      const { end } = spin(steps);
      for (const [ends] of await Promise.all(answers)) {
        if ((ends as number[]).some((one) => one !== end)) throw new Error('a thread has not computed what it should');
      }
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

export async function openPiscinaSpinner({ threads }: Context, inFlight: number): Promise<Spinner> {
  const filename = new URL('../jobs/spin.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'spin', minThreads: threads, maxThreads: threads });
  return {
    spin: (jobs, steps) => spinInFlight(jobs, steps, inFlight, new Set([0]), () => pool.run(steps)),
    close: () => pool.destroy(),
  };
}

/** callsheet at level `full`. */
export async function openCallsheetSpinner(context: Context, inFlight: number): Promise<Spinner> {
  const { callsheet, coordinatorThread, close } = await openCallsheet('full', context);
  const queue = callsheet.queue();
  const forbidden = new Set([0, coordinatorThread]);
  return {
    spin: (jobs, steps) =>
      spinInFlight(jobs, steps, inFlight, forbidden, async () => (await queue.put(spins.spin(steps))).result()),
    close,
    figures: () => callsheet.stats(),
  };
}

/** Runs short jobs until the spinner is warm. */
export function warmUpSpinner(spinner: Spinner, { stepsPerMs }: Context, size: Size): Promise<void> {
  const steps = Math.round(warmUpJobMs * stepsPerMs);
  return warmUp(size, () => spinner.spin(size === 'full' ? warmUpJobs : 1, steps));
}

async function spinInFlight(
  jobs: number,
  steps: number,
  inFlight: number,
  forbiddenThreads: ReadonlySet<number>,
  run: () => Promise<Spun>,
): Promise<void> {
  let left = jobs;
  const spun: Spun[] = [];
  const loop = async () => {
    while (left-- > 0) spun.push(await run());
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const { end } = spin(steps);
  if (spun.some((one) => one.end !== end)) throw new Error('a job has not computed what it should');
  if (spun.some((one) => forbiddenThreads.has(one.thread)))
    throw new Error('a job ran on a thread that must not run jobs');
}

/** Runs jobs and returns how many per second. */
export async function measureSpinning(spinner: Spinner, jobs: number, steps: number, synced: boolean) {
  const before = await spinner.figures?.();
  const start = performance.now();
  await spinner.spin(jobs, steps);
  const perSecond = (jobs / (performance.now() - start)) * 1000;
  const after = await spinner.figures?.();
  // At least one put and one result were waited for.
  return { perSecond, ...(before && after && journalled(before, after, synced ? 2 : undefined)) };
}
