/**
 * The start of a process: its CPU time until the first result, and its first jobs.
 */
import { freshContestant } from './contestants/fresh.js';
import type { Bench } from './harness/bench.js';

export const cold: Bench = {
  name: 'cold',
  title: 'the first trivial jobs of a process, CPU of all its threads',
  figures: [
    { name: 'CPU until first result', unit: 'ms', compared: true },
    { name: 'jobs', unit: '/s', compared: true },
    { name: 'CPU per job', unit: 'µs', compared: true },
    { name: 'V8', unit: 'µs' },
    { name: 'optimised', unit: '' },
  ],
  cases: (size) => {
    const [jobs, inFlight] = size === 'full' ? [10_000, 64] : [200, 8];
    const first = { jobs, inFlight, warmUpJobs: 0 };
    return [
      {
        name: `first ${jobs} jobs, ${inFlight} in flight`,
        contestants: (['piscina', 'bare worker threads', 'callsheet, full'] as const).map((name) =>
          freshContestant(name, first, true),
        ),
      },
    ];
  },
};
