/**
 * The time from cancelling a running job until its thread runs another.
 */
import { defineJobs, type Part } from 'callsheet';
import { type Opened, openCallsheet, stamps } from './contestants/callsheet.js';
import type { Bench, Contestant, Measured } from './harness/bench.js';
import { percentile } from './harness/statistics.js';

const stubborn = defineJobs<typeof import('./jobs/stubborn.js')>(
  'stubborn',
  new URL('./jobs/stubborn.js', import.meta.url),
);

/** Milliseconds until the thread of a job that does not stop is ended. */
const stopGraceMs = 50;

export const cancel: Bench = {
  name: 'cancel',
  title: `from cancel to the result of a job behind it, on one thread; a job that does not stop has ${stopGraceMs} ms of grace`,
  figures: [
    { name: 'p50', unit: 'ms', compared: true },
    { name: 'p99', unit: 'ms' },
    { name: 'max', unit: 'ms' },
  ],
  cases: (size) => {
    const [soon, late] = size === 'full' ? [200, 50] : [3, 1];
    const contestants = [
      contestant('a loop that looks at the flag', stubborn.looksUp(), soon),
      contestant('a handler that listens to its signal', stubborn.listens(), soon),
      contestant('a loop that never looks up', stubborn.loops(), late),
    ];
    return [{ name: 'one thread', contestants }];
  },
};

function contestant(name: string, job: Part, times: number): Contestant {
  return {
    name,
    open: async (context) => {
      const opened = await openCallsheet(
        'memory',
        { ...context, threads: 1 },
        { jobs: [stamps, stubborn], stopGraceMs },
      );
      await measure(opened, job, 1);
      return { measure: () => measure(opened, job, times), close: () => opened.close() };
    },
  };
}

async function measure({ callsheet }: Opened, job: Part, times: number): Promise<Measured> {
  const queue = callsheet.queue();
  const took: number[] = [];
  for (let time = 0; time < times; time++) {
    const running = await queue.put(job);
    await running.annotations.waitFor('begun', { timeoutMs: 60_000 });
    const behind = await queue.put(stamps.stamp(time));
    const start = performance.now();
    await running.cancel();
    await behind.result();
    took.push(performance.now() - start);
    if ((await running.failure())?.name !== 'JobCancelledError') return { figures: {}, void: 'it was not cancelled' };
  }
  return { figures: { p50: percentile(took, 50), p99: percentile(took, 99), max: Math.max(...took) } };
}
