/** Questions about very many pending jobs, and what they cost the other jobs of the process. */
import type { Bench } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { MonitorFigures, MonitorWork } from './programs/monitor.js';

const questions = ['at(0)', 'first page', 'pull()', 'counts', 'stats', 'at(middle)'];

export const monitor: Bench = {
  name: 'monitor',
  title: '1,000,000 pending jobs: questions about them, and other jobs meanwhile',
  figures: [
    ...questions.flatMap((name) => [
      { name, unit: 'ms' },
      { name: `echo, ${name}`, unit: 'ms' },
    ]),
    { name: 'echo, idle', unit: 'ms' },
    { name: 'jobs alone', unit: '/s' },
    { name: 'jobs, questions', unit: '/s' },
    { name: 'jobs alone again', unit: '/s' },
  ],
  rounds: 3,
  limitMs: 600_000,
  cases: (size) => {
    const work = size === 'full' ? { jobs: 1_000_000, times: 20, ms: 5000 } : { jobs: 1000, times: 3, ms: 50 };
    return [
      {
        name: `${work.jobs} pending`,
        contestants: [
          {
            name: 'callsheet, memory',
            synced: false,
            open: async ({ threads }) => ({
              measure: async () => {
                const asking: MonitorWork = { ...work, threads };
                return { figures: await runProgram<MonitorFigures>('monitor', asking) };
              },
            }),
          },
        ],
      },
    ];
  },
};
