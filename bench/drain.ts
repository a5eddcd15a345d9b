/**
 * The speed of waiting jobs: put while the threads are held, then released.
 */
import type { Job, Level } from 'callsheet';
import { type Opened, openCallsheet, stamps } from './contestants/callsheet.js';
import { holdThreads } from './contestants/held.js';
import { journalled } from './contestants/journalled.js';
import { openPiscina } from './contestants/peers.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import { warmUp } from './contestants/under-load.js';
import type { Bench, Contestant, Context, Entrant, Measured, Size } from './harness/bench.js';
import { checkStamp } from './jobs/stamp.js';

const putAtOnce = 1000;

export const drain: Bench = {
  name: 'drain',
  title: 'trivial jobs that were all waiting, until the last has its result',
  figures: [{ name: 'jobs', unit: '/s', compared: true }],
  cases: (size) => {
    const jobs = size === 'full' ? 100_000 : 1_000;
    return [{ name: `${jobs} waiting`, contestants: contestants(jobs, size) }];
  },
};

function contestants(jobs: number, size: Size): Contestant[] {
  const warmedUp = async (entrant: Entrant): Promise<Entrant> => {
    await warmUp(size, () => entrant.measure());
    return entrant;
  };
  const atLevel = (level: Level, everyResult: boolean): Contestant => ({
    name: `callsheet, ${level}, ${everyResult ? 'each' : 'last'} result awaited`,
    synced: level === 'full',
    open: async (context) => {
      const opened = await openCallsheet(level, context);
      return warmedUp({
        measure: () => measureCallsheet(opened, context, jobs, everyResult),
        close: () => opened.close(),
      });
    },
  });
  return [
    {
      name: 'piscina, each result awaited',
      open: async ({ threads }) => {
        const pool = openPiscina(threads);
        return warmedUp({ measure: () => measurePiscina(pool, jobs), close: () => pool.close() });
      },
    },
    atLevel('full', false),
    atLevel('full', true),
    atLevel('memory', true),
  ];
}

/** Piscina's queue is memory of its caller, which submits all jobs at once. */
async function measurePiscina(pool: Pool, jobs: number): Promise<Measured> {
  const start = performance.now();
  const stamped = await Promise.all(Array.from({ length: jobs }, (_, number) => pool.run(number)));
  const ms = performance.now() - start;
  for (const [number, one] of stamped.entries()) checkStamp(one, number, forbiddenThreadsOf(pool));
  return { figures: { jobs: (jobs / ms) * 1000 } };
}

async function measureCallsheet(
  opened: Opened,
  context: Context,
  jobs: number,
  everyResult: boolean,
): Promise<Measured> {
  const { callsheet, coordinatorThread, directory } = opened;
  const queue = callsheet.queue();
  const held = await holdThreads(opened, context);
  const waiting: Job<number>[] = [];
  for (let from = 0; from < jobs; from += putAtOnce) {
    const length = Math.min(putAtOnce, jobs - from);
    waiting.push(...(await queue.putAll(Array.from({ length }, (_, at) => stamps.stamp(from + at)))));
  }
  // Jobs end in order except within the batches that threads have at the same time: when the last
  // ones are done, all are.
  const asked = everyResult ? waiting : waiting.slice(-putAtOnce);
  const results = asked.map((job) => job.result());
  const before = await callsheet.stats();
  const start = performance.now();
  await held.release();
  const stamped = await Promise.all(results);
  const ms = performance.now() - start;
  const after = await callsheet.stats();
  const forbidden = new Set([0, coordinatorThread]);
  for (const [at, one] of stamped.entries()) checkStamp(one, jobs - stamped.length + at, forbidden);
  if (!everyResult) await checkOthers(waiting.slice(0, -putAtOnce), forbidden);
  return { figures: { jobs: (jobs / ms) * 1000 }, ...(directory && journalled(before, after, 1)) };
}

/** Skips the first thousand: only 100,000 completed jobs are remembered, so some are forgotten. */
async function checkOthers(done: readonly Job<number>[], forbidden: ReadonlySet<number>): Promise<void> {
  for (let from = putAtOnce; from < done.length; from += putAtOnce) {
    const stamped = await Promise.all(done.slice(from, from + putAtOnce).map((job) => job.result()));
    for (const [at, one] of stamped.entries()) checkStamp(one, from + at, forbidden);
  }
}
