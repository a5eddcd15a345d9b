/** The page in front of very many jobs: its bytes, its cost for the coordinator, its times. */
import { existsSync } from 'node:fs';
import type { Bench } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { PageFigures, PageWork } from './programs/page.js';

const browserPath = process.env.CALLSHEET_CHROMIUM ?? '/usr/bin/chromium';

const views = ['overview', 'jobs', 'job', 'queues', 'threads', 'failures', 'schedules', 'health'];

export const page: Bench = {
  name: 'page',
  title: '1,000,000 pending jobs behind the page, 10,000 others put in a second, and tabs at the overview',
  figures: [
    { name: 'files', unit: 'B', brief: true },
    ...views.map((name) => ({ name, unit: 'B', brief: true })),
    { name: 'a minute', unit: 'B' },
    ...[0, 1, 20].flatMap((tabs) => [
      { name: `coordinator, ${tabs}`, unit: 'ms/s' },
      { name: `jobs, ${tabs}`, unit: '/s' },
    ]),
    { name: 'one of all', unit: 'ms' },
    { name: 'none of all', unit: 'ms' },
    { name: 'by callable', unit: 'ms' },
    { name: 'strip', unit: 'ms' },
    { name: 'first paint', unit: 'ms' },
  ],
  rounds: 3,
  limitMs: 600_000,
  cases: (size) => {
    const work =
      size === 'full'
        ? { jobs: 1_000_000, parts: 100_000, ms: 20_000, rate: 10_000, paints: 5 }
        : { jobs: 1000, parts: 1000, ms: 50, rate: 1000, paints: 1 };
    return [
      {
        name: `${work.jobs} pending`,
        contestants: [
          {
            name: 'callsheet, memory',
            absent: async () => (existsSync(browserPath) ? undefined : `no browser at ${browserPath}`),
            synced: false,
            open: async ({ threads }) => ({
              measure: async () => {
                const asking: PageWork = { ...work, threads, browserPath };
                return { figures: await runProgram<PageFigures>('page', asking) };
              },
            }),
          },
        ],
      },
    ];
  },
};
