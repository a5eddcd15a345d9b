/**
 * How fast waiting jobs are done: put with the threads held, then let go.
 */
import type { Job, Level } from 'callsheet';
import { openCallsheet, stamps, syncFigures } from './contestants/callsheet.js';
import { holdThreads } from './contestants/held.js';
import { openPiscina } from './contestants/peers.js';
import { implausibleSyncs } from './contestants/plausible-syncs.js';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';
import { checkStamp } from './jobs/stamp.js';

const putAtOnce = 1000;

export const drain: Bench = {
  name: 'drain',
  title: 'trivial jobs that were all waiting, until the last has its result',
  figures: [{ name: 'jobs', unit: '/s', compared: true }],
  cases: (size) => {
    const jobs = size === 'full' ? 100_000 : 2_000;
    return [{ name: `${jobs} waiting`, contestants: contestants(jobs) }];
  },
};

function contestants(jobs: number): Contestant[] {
  const atLevel = (level: Level, everyResult: boolean): Contestant => ({
    name: `callsheet, ${level}, ${everyResult ? 'each' : 'last'} result awaited`,
    synced: level === 'full',
    measure: (context) => measureCallsheet(context, jobs, level, everyResult),
  });
  return [
    { name: 'piscina, each result awaited', measure: (context) => measurePiscina(context, jobs) },
    atLevel('full', false),
    atLevel('full', true),
    atLevel('memory', true),
  ];
}

async function measurePiscina({ threads }: Context, jobs: number): Promise<Measured> {
  const pool = openPiscina(threads);
  try {
    await Promise.all(Array.from({ length: threads }, (_, number) => pool.run(number)));
    const start = performance.now();
    const stamped = await Promise.all(Array.from({ length: jobs }, (_, number) => pool.run(number)));
    const ms = performance.now() - start;
    for (const [number, one] of stamped.entries()) checkStamp(one, number, new Set([0]));
    return { figures: { jobs: (jobs / ms) * 1000 } };
  } finally {
    await pool.close();
  }
}

async function measureCallsheet(context: Context, jobs: number, level: Level, everyResult: boolean): Promise<Measured> {
  const opened = await openCallsheet(level, context);
  const { callsheet, coordinatorThread, close } = opened;
  try {
    const queue = callsheet.queue();
    await (await queue.put(stamps.stamp(0))).result();
    const { release } = await holdThreads(opened, context);
    const waiting: Job<number>[] = [];
    for (let from = 0; from < jobs; from += putAtOnce) {
      const length = Math.min(putAtOnce, jobs - from);
      waiting.push(...(await queue.putAll(Array.from({ length }, (_, at) => stamps.stamp(from + at)))));
    }
    // The jobs are done in their order, but for the batches that threads have at the same time: the last ones are the last.
    const awaited = everyResult ? waiting : waiting.slice(-putAtOnce);
    const results = awaited.map((job) => job.result());
    const before = await syncFigures(callsheet);
    const start = performance.now();
    await release();
    await Promise.all(results);
    const ms = performance.now() - start;
    const after = await syncFigures(callsheet);
    for (const [number, job] of waiting.entries())
      checkStamp(await job.result(), number, new Set([0, coordinatorThread]));
    const isVoid = level === 'full' && before && after ? implausibleSyncs(before, after, 1) : undefined;
    return { figures: { jobs: (jobs / ms) * 1000 }, void: isVoid };
  } finally {
    await close();
  }
}
