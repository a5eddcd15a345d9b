/**
 * The cost of jobs behind others that a full quota blocks.
 */
import { serial } from 'callsheet';
import { type Opened, openCallsheet, stamps } from './contestants/callsheet.js';
import type { Bench, Contestant, Measured } from './harness/bench.js';
import { checkStamp } from './jobs/stamp.js';

const putAtOnce = 1000;
const quotas = ['full'];
const yearMs = 365 * 24 * 3_600_000;

export const blocked: Bench = {
  name: 'blocked',
  title: 'trivial jobs behind jobs that a full quota keeps back, put to result, nothing kept on the disk',
  figures: [
    { name: 'job', unit: 'µs', compared: true },
    { name: 'coordinator', unit: 'µs' },
  ],
  cases: (size) => {
    const [few, many, jobs] = size === 'full' ? [10, 100_000, 10_000] : [10, 200, 100];
    const contestants = [
      contestant(`${few} blocked`, few, jobs, () => 0),
      contestant(`${many} blocked`, many, jobs, () => 0),
      // Each has another priority, so that none is blocked by its place behind another.
      contestant(`${many} blocked, each by itself`, many, jobs, (number) => number + 1),
    ];
    return [{ name: `${jobs} jobs`, contestants }];
  },
};

function contestant(name: string, count: number, jobs: number, priority: (number: number) => number): Contestant {
  return {
    name,
    open: async (context) => {
      const opened = await openCallsheet('memory', context);
      const queue = opened.callsheet.queue();
      await queue.setQuota('full');
      // It keeps its place in the quota until its part is done, and needs no thread.
      await queue.put(serial([stamps.stamp(0).with({ beginAfter: yearMs })]), { quotas, priority: count + 2 });
      for (let from = 0; from < count; from += putAtOnce) {
        const length = Math.min(putAtOnce, count - from);
        const waiting = Array.from({ length }, (_, at) => stamps.stamp(0).with({ priority: priority(from + at) }));
        await queue.putAll(waiting, { quotas });
      }
      await measure(opened, count, jobs);
      return { measure: () => measure(opened, count, jobs), close: () => opened.close() };
    },
  };
}

async function measure(
  { callsheet, coordinatorCpu, coordinatorThread }: Opened,
  count: number,
  jobs: number,
): Promise<Measured> {
  const queue = callsheet.queue();
  const cpuBefore = coordinatorCpu();
  const start = performance.now();
  const put = await queue.putAll(Array.from({ length: jobs }, (_, number) => stamps.stamp(number)));
  const stamped = await Promise.all(put.map((job) => job.result()));
  const ms = performance.now() - start;
  const cpu = (coordinatorCpu() ?? Number.NaN) - (cpuBefore ?? Number.NaN);
  for (const [number, one] of stamped.entries()) checkStamp(one, number, new Set([0, coordinatorThread]));
  const isVoid = (await queue.length()) < count ? 'the quota did not keep them back' : undefined;
  return { figures: { job: (ms * 1000) / jobs, coordinator: cpu / jobs }, void: isVoid };
}
