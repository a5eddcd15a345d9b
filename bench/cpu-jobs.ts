/**
 * Jobs that compute for a millisecond: the share of the threads' capacity that is left when a
 * contestant runs them.
 */
import {
  measureSpinning,
  openBare,
  openCallsheetSpinner,
  openPiscinaSpinner,
  type Spinner,
  warmUpSpinner,
} from './contestants/spinners.js';
import type { Bench, Case, Contestant, Context, Size } from './harness/bench.js';

const jobMs = 1;

export const cpuJobs: Bench = {
  name: 'cpu-jobs',
  title: 'jobs that compute for a millisecond, against threads that do nothing else',
  figures: [{ name: 'jobs', unit: '/s', compared: true }],
  cases: (size) => (size === 'full' ? [64, 1024] : [4]).map((inFlight) => cpuCase(size, inFlight)),
};

function cpuCase(size: Size, inFlight: number): Case {
  const jobs = size === 'full' ? 10_000 : 40;
  const contestant = (
    name: string,
    open: (context: Context, inFlight: number) => Promise<Spinner>,
    synced = false,
  ): Contestant => ({
    name,
    synced,
    async open(context) {
      const spinner = await open(context, inFlight);
      const steps = jobMs * context.stepsPerMs;
      await warmUpSpinner(spinner, context, size);
      await spinner.spin(Math.ceil(jobs / 10), steps);
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
