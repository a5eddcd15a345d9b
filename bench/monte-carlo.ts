/**
 * The quickstart's work, what callsheet costs where jobs are real work: 64 parts of 1,000,000 darts and a postprocess, put to result.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parallel } from 'callsheet';
import { Piscina } from 'piscina';
import { openCallsheet, pi, syncFigures } from './contestants/callsheet.js';
import { implausibleSyncs } from './contestants/plausible-syncs.js';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';
import type { Sample } from './quickstart/pi.js';

interface Work {
  readonly parts: number;
  readonly darts: number;
}

export const monteCarlo: Bench = {
  name: 'monte-carlo',
  title: 'π of parts of 1,000,000 darts in parallel, and a postprocess',
  figures: [{ name: 'time', unit: 'ms', compared: true }],
  cases: (size) => {
    const work = size === 'full' ? { parts: 64, darts: 1_000_000 } : { parts: 8, darts: 10_000 };
    return [{ name: `${work.parts} parts of ${work.darts} darts`, contestants: contestants(work) }];
  },
};

function contestants(work: Work): Contestant[] {
  return [
    { name: 'bare worker threads', measure: (context) => measureBare(context, work) },
    { name: 'piscina', measure: (context) => measurePiscina(context, work) },
    { name: 'callsheet, full', synced: true, measure: (context) => measureCallsheet(context, work) },
  ];
}

/** Each thread gets its next part when it has done one. */
async function measureBare({ threads }: Context, { parts, darts }: Work): Promise<Measured> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./quickstart/bare-thread.js', import.meta.url)),
  );
  const throwOn = async (worker: Worker, size: number) => {
    worker.postMessage(size);
    const [sample] = (await once(worker, 'message')) as [Sample];
    return sample;
  };
  try {
    await Promise.all(workers.map((worker) => throwOn(worker, 1)));
    const start = performance.now();
    const samples: Sample[] = [];
    let left = parts;
    await Promise.all(
      workers.map(async (worker) => {
        while (left-- > 0) samples.push(await throwOn(worker, darts));
      }),
    );
    return measured(start, estimate(samples));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

async function measurePiscina({ threads }: Context, { parts, darts }: Work): Promise<Measured> {
  const filename = new URL('./quickstart/pi.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'generateSample', minThreads: threads, maxThreads: threads });
  const throwParts = (count: number, size: number): Promise<Sample[]> =>
    Promise.all(Array.from({ length: count }, () => pool.run(size)));
  try {
    await throwParts(threads, 1);
    const start = performance.now();
    return measured(start, estimate(await throwParts(parts, darts)));
  } finally {
    await pool.destroy();
  }
}

async function measureCallsheet(context: Context, { parts, darts }: Work): Promise<Measured> {
  const { callsheet, close } = await openCallsheet('full', context);
  const throwParts = async (count: number, size: number) => {
    const samples = Array.from({ length: count }, () => pi.generateSample(size));
    const job = await callsheet.queue().put(parallel(samples, { postprocess: pi.processSamples }));
    return await job.result();
  };
  try {
    await throwParts(context.threads, 1);
    const before = await syncFigures(callsheet);
    const start = performance.now();
    const figures = measured(start, await throwParts(parts, darts));
    const after = await syncFigures(callsheet);
    return { ...figures, void: before && after && implausibleSyncs(before, after, 2) };
  } finally {
    await close();
  }
}

function estimate(samples: readonly Sample[]): number {
  const [inside, size] = samples.reduce(([hits, all], sample) => [hits + sample.inside, all + sample.size], [0, 0]);
  return (4 * inside) / size;
}

function measured(start: number, value: number): Measured {
  const time = performance.now() - start;
  if (!(Math.abs(value - Math.PI) < 0.05)) throw new Error(`π came out as ${value}`);
  return { figures: { time } };
}
