/**
 * The quickstart's work, which shows callsheet's cost for real jobs: 64 parts of 1,000,000 darts
 * and a postprocess, from put to result.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parallel } from 'callsheet';
import { Piscina } from 'piscina';
import { openCallsheet, pi } from './contestants/callsheet.js';
import { journalled } from './contestants/journalled.js';
import { warmUp } from './contestants/under-load.js';
import type { Bench, Contestant, Context, Entrant, Size } from './harness/bench.js';
import type { Sample } from './quickstart/pi.js';

/** Darts of one part for each thread before the measurement. */
const warmUpDarts = 100_000;
/** Darts of the first, small parts. */
const smallDarts = 1000;

interface Work {
  readonly parts: number;
  readonly darts: number;
  readonly size: Size;
}

export const monteCarlo: Bench = {
  name: 'monte-carlo',
  title: 'π of parts of 1,000,000 darts in parallel, and a postprocess',
  figures: [{ name: 'time', unit: 'ms', compared: true }],
  cases: (size) => {
    const work = { size, ...(size === 'full' ? { parts: 64, darts: 1_000_000 } : { parts: 8, darts: 10_000 }) };
    return [{ name: `${work.parts} parts of ${work.darts} darts`, contestants: contestants(work) }];
  },
};

function contestants(work: Work): Contestant[] {
  return [
    { name: 'bare worker threads', open: (context) => enterBare(context, work) },
    { name: 'piscina', open: (context) => enterPiscina(context, work) },
    { name: 'callsheet, full', synced: true, open: (context) => enterCallsheet(context, work) },
  ];
}

type Throw = Pick<Work, 'parts' | 'darts'>;

/** Gives a thread its next part when one is done. */
async function enterBare({ threads }: Context, work: Work): Promise<Entrant> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./quickstart/bare-thread.js', import.meta.url)),
  );
  const throwDarts = async ({ parts, darts }: Throw) => {
    const samples: Sample[] = [];
    let left = parts;
    const keepBusy = async (worker: Worker) => {
      while (left-- > 0) {
        worker.postMessage(darts);
        const [sample] = await once(worker, 'message');
        samples.push(sample);
      }
    };
    await Promise.all(workers.map(keepBusy));
    return estimate(samples);
  };
  await warmUpWith(throwDarts, work, threads);
  const close = () => Promise.all(workers.map((worker) => worker.terminate()));
  return { measure: async () => ({ figures: await time(() => throwDarts(work)) }), close };
}

async function enterPiscina({ threads }: Context, work: Work): Promise<Entrant> {
  const filename = new URL('./quickstart/pi.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'generateSample', minThreads: threads, maxThreads: threads });
  const throwDarts = async ({ parts, darts }: Throw) =>
    estimate(await Promise.all(Array.from({ length: parts }, (): Promise<Sample> => pool.run(darts))));
  await warmUpWith(throwDarts, work, threads);
  return { measure: async () => ({ figures: await time(() => throwDarts(work)) }), close: () => pool.destroy() };
}

async function enterCallsheet(context: Context, work: Work): Promise<Entrant> {
  const { callsheet, close } = await openCallsheet('full', context);
  const throwDarts = async ({ parts, darts }: Throw) => {
    const samples = Array.from({ length: parts }, () => pi.generateSample(darts));
    const job = await callsheet.queue().put(parallel(samples, { postprocess: pi.processSamples }));
    return await job.result();
  };
  await warmUpWith(throwDarts, work, context.threads);
  const measure = async () => {
    const before = await callsheet.stats();
    const figures = await time(() => throwDarts(work));
    const after = await callsheet.stats();
    // The put and the result were both waited for.
    return { figures, ...journalled(before, after, 2) };
  };
  return { measure, close };
}

async function warmUpWith(throwDarts: (work: Throw) => Promise<number>, { parts, size }: Work, threads: number) {
  await warmUp(size, () => throwDarts({ parts, darts: smallDarts }));
  await throwDarts({ parts: threads, darts: warmUpDarts });
}

function estimate(samples: readonly Sample[]): number {
  const [inside, size] = samples.reduce(([hits, all], sample) => [hits + sample.inside, all + sample.size], [0, 0]);
  return (4 * inside) / size;
}

async function time(work: () => Promise<number>): Promise<Record<string, number>> {
  const start = performance.now();
  const value = await work();
  const ms = performance.now() - start;
  if (!(Math.abs(value - Math.PI) < 0.05)) throw new Error(`π came out as ${value}`);
  return { time: ms };
}
