/**
 * The gain of each further thread for computing jobs, relative to one bare thread.
 */
import { availableParallelism } from 'node:os';
import {
  inFlightPerThread,
  measureSpinning,
  openBare,
  openCallsheetSpinner,
  openPiscinaSpinner,
  type Spinner,
  warmUpSpinner,
} from './contestants/spinners.js';
import type { Bench, Case, Contestant, Context, Size } from './harness/bench.js';

const jobMs = 5;
/** Jobs for each thread. */
const jobsPerThread: Readonly<Record<Size, number>> = { full: 300, small: 5 };

export const scaling: Bench = {
  name: 'scaling',
  title: `jobs that compute for ${jobMs} ms, from one thread to one per core`,
  figures: [
    { name: 'jobs', unit: '/s', compared: true },
    { name: 'for each thread', unit: '/s', compared: true },
  ],
  rounds: 3,
  cases: (size) => [scalingCase(size)],
};

/** Returns 1, 2, 4, … and the number of all threads. */
function threadCounts(): number[] {
  const counts: number[] = [];
  for (let count = 1; count < availableParallelism(); count *= 2) counts.push(count);
  return [...counts, availableParallelism()];
}

function scalingCase(size: Size): Case {
  const jobsEach = jobsPerThread[size];
  const contestant = (
    name: string,
    threads: number,
    open: (context: Context, inFlight: number) => Promise<Spinner>,
    synced = false,
  ): Contestant => ({
    name: `${name}, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
    synced,
    async open(context) {
      const spinner = await open({ ...context, threads }, threads * inFlightPerThread);
      const steps = jobMs * context.stepsPerMs;
      await warmUpSpinner(spinner, context, size);
      await spinner.spin(threads * Math.ceil(jobsEach / 10), steps);
      const measure = async () => {
        const { perSecond, ...journal } = await measureSpinning(spinner, threads * jobsEach, steps, synced);
        return { figures: { jobs: perSecond, 'for each thread': perSecond / threads }, ...journal };
      };
      return { measure, close: () => spinner.close() };
    },
  });
  const contestants = threadCounts().flatMap((threads) => [
    contestant('bare', threads, openBare),
    contestant('callsheet, full', threads, openCallsheetSpinner, true),
    contestant('piscina', threads, openPiscinaSpinner),
  ]);
  return { name: `${jobsEach} jobs for each thread`, contestants };
}
