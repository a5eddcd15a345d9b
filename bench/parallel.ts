/**
 * The cost of a part of a large composition, compared with a single job.
 */
import { parallel } from 'callsheet';
import { type Opened, openCallsheet, stamps } from './contestants/callsheet.js';
import { journalled } from './contestants/journalled.js';
import { warmUp } from './contestants/under-load.js';
import type { Bench, Contestant, Measured, Size } from './harness/bench.js';
import { checkStamp } from './jobs/stamp.js';

const putAtOnce = 1000;

export const parallelParts: Bench = {
  name: 'parallel',
  title: 'trivial jobs, put to the last result: each by itself, and as parts of one that has a postprocess',
  figures: [
    { name: 'time per job', unit: 'µs', compared: true },
    { name: 'CPU per job', unit: 'µs', compared: true },
  ],
  cases: (size) => {
    const jobs = size === 'full' ? 100_000 : 1000;
    return [
      {
        name: `${jobs} jobs`,
        contestants: [
          contestant('put in thousands, each result awaited', jobs, size, runPlain),
          contestant('parts of one, and a postprocess', jobs, size, runParts),
        ],
      },
    ];
  },
};

/** Returns the stamps of all jobs, in order. */
type Run = (opened: Opened, jobs: number) => Promise<readonly number[]>;

function contestant(name: string, jobs: number, size: Size, run: Run): Contestant {
  return {
    name,
    synced: true,
    async open(context) {
      const opened = await openCallsheet('full', context);
      await warmUp(size, () => run(opened, Math.ceil(jobs / 10)));
      return { measure: () => measure(opened, jobs, run), close: () => opened.close() };
    },
  };
}

async function measure(opened: Opened, jobs: number, run: Run): Promise<Measured> {
  const before = await opened.callsheet.stats();
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  const stamped = await run(opened, jobs);
  const cpu = process.cpuUsage(cpuBefore);
  const ms = performance.now() - start;
  const after = await opened.callsheet.stats();
  const forbidden = new Set([0, opened.coordinatorThread]);
  if (stamped.length !== jobs) throw new Error(`of ${jobs} jobs, ${stamped.length} have results`);
  for (const [number, one] of stamped.entries()) checkStamp(one, number, forbidden);
  const figures = { 'time per job': (ms * 1000) / jobs, 'CPU per job': (cpu.user + cpu.system) / jobs };
  // The put and the result were both waited for.
  return { figures, ...journalled(before, after, 2) };
}

async function runPlain({ callsheet }: Opened, jobs: number): Promise<number[]> {
  const queue = callsheet.queue();
  const results: Promise<number>[] = [];
  for (let from = 0; from < jobs; from += putAtOnce) {
    const length = Math.min(putAtOnce, jobs - from);
    const put = await queue.putAll(Array.from({ length }, (_, at) => stamps.stamp(from + at)));
    for (const job of put) results.push(job.result());
  }
  return Promise.all(results);
}

async function runParts({ callsheet }: Opened, jobs: number): Promise<readonly number[]> {
  const parts = Array.from({ length: jobs }, (_, number) => stamps.stamp(number));
  const job = await callsheet.queue().put(parallel(parts, { postprocess: stamps.stampsOf }));
  return job.result();
}
