/**
 * Jobs that compute for a millisecond: how much of what the threads could do is left when something hands the jobs to them.
 */
import {
  measureSpinning,
  openBare,
  openCallsheetSpinner,
  openPiscinaSpinner,
  type Spinner,
} from './contestants/spinners.js';
import type { Bench, Case, Contestant, Context, Size } from './harness/bench.js';
import { stepsIn } from './jobs/spin.js';

const jobMs = 1;

export const cpuJobs: Bench = {
  name: 'cpu-jobs',
  title: 'jobs that compute for a millisecond, against threads that do nothing else',
  figures: [{ name: 'jobs', unit: '/s', compared: true }],
  cases: (size) => (size === 'full' ? [64, 1024] : [4]).map((inFlight) => cpuCase(size, inFlight)),
};

function cpuCase(size: Size, inFlight: number): Case {
  const jobs = size === 'full' ? 4000 : 40;
  const steps = stepsIn(jobMs);
  const contestant = (
    name: string,
    open: (context: Context, inFlight: number) => Promise<Spinner>,
    synced = false,
  ): Contestant => ({
    name,
    synced,
    async open(context) {
      const spinner = await open(context, inFlight);
      // Long enough for the compilers of all threads to have seen enough: a runtime is opened once and lives long.
      await spinner.spin(2 * jobs, steps);
      const measure = async () => {
        const { perSecond, ...journal } = await measureSpinning(spinner, jobs, steps, synced);
        return { figures: { jobs: perSecond }, ...journal };
      };
      return { measure, close: () => spinner.close() };
    },
  });
  return {
    name: `${jobs} jobs of ${jobMs} ms, ${inFlight} in flight`,
    contestants: [
      contestant('bare worker threads', openBare),
      contestant('callsheet, full', openCallsheetSpinner, true),
      contestant('piscina', openPiscinaSpinner),
    ],
  };
}
