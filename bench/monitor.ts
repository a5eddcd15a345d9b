/** Questions about very many pending jobs, and what they cost the other jobs of the process. */
import type { Bench } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { MonitorFigures, MonitorWork } from './programs/monitor.js';

const questions = [
  ...['at(0)', 'first page', 'pull()', 'counts', 'stats', 'next', 'last', 'job', 'explain', 'failures', 'active'],
  ...['queues', 'status', 'jobs, behind the completed', 'jobs, one of all', 'at(middle)'],
];

export const monitor: Bench = {
  name: 'monitor',
  title: '1,000,000 pending and 100,000 completed jobs: questions about them, while 64 others are in flight',
  figures: [
    { name: 'jobs, nothing', unit: '/s' },
    { name: 'echo, nothing', unit: 'ms' },
    ...questions.flatMap((name) => [
      { name, unit: 'ms' },
      { name: `echo, ${name}`, unit: 'ms' },
      { name: `jobs, ${name}`, unit: '/s' },
    ]),
    { name: 'jobs, nothing again', unit: '/s' },
    { name: 'longest turn', unit: 'ms' },
  ],
  rounds: 3,
  limitMs: 600_000,
  cases: (size) => {
    const work = size === 'full' ? { jobs: 1_000_000, ms: 3000 } : { jobs: 1000, ms: 30 };
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
