/**
 * The cost of a job while many others are pending, for each thing that they can wait for.
 */
import type { Job, JobOptions, Queue, Runtime } from 'callsheet';
import { asPool, openCallsheet, stamps } from './contestants/callsheet.js';
import { keepBusy, measureUnderLoad, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Contestant } from './harness/bench.js';

const putAtOnce = 1000;
const hourMs = 3_600_000;
const inFlight = 64;

interface Others {
  readonly jobs: number;
  /** Returns the queue and the options of the pending jobs, which decide what they wait for. */
  prepare(callsheet: Runtime): Promise<readonly [queue: Queue, options: JobOptions]>;
}

export const backlog: Bench = {
  name: 'backlog',
  title: `trivial jobs, ${inFlight} in flight, put to result, while others are pending`,
  figures: [
    { name: 'CPU per job', unit: 'µs', compared: true },
    { name: 'coordinator CPU', unit: 'µs', compared: true },
    { name: 'jobs', unit: '/s', compared: true },
  ],
  cases: (size) => {
    const [few, many] = size === 'full' ? [1000, 1_000_000] : [10, 1000];
    return [
      {
        name: 'others pending',
        contestants: [
          contestant(`${few} in a paused queue`, size, { jobs: few, prepare: paused }),
          contestant(`${many} in a paused queue`, size, { jobs: many, prepare: paused }),
          contestant(`${many} scheduled, in the same queue`, size, { jobs: many, prepare: scheduled }),
          contestant(`${many} that wait for a quota, in the same queue`, size, { jobs: many, prepare: limited }),
        ],
      },
    ];
  },
};

async function paused(callsheet: Runtime): ReturnType<Others['prepare']> {
  const queue = await callsheet.createQueue('paused');
  await queue.pause();
  return [queue, {}];
}

async function scheduled(callsheet: Runtime): ReturnType<Others['prepare']> {
  return [callsheet.queue(), { beginAfter: hourMs }];
}

/** One of the pending jobs may begin, and it has begun. */
async function limited(callsheet: Runtime): ReturnType<Others['prepare']> {
  const queue = callsheet.queue();
  await queue.setQuota('limited', { size: 1, rate: { count: 1, periodMs: hourMs } });
  await (await queue.put(stamps.stamp(0), { quotas: ['limited'] })).result();
  return [queue, { quotas: ['limited'] }];
}

function contestant(name: string, size: 'full' | 'small', { jobs, prepare }: Others): Contestant {
  const load = { inFlight, warmUpMs: warmUpMsOf(size), ms: size === 'full' ? 2000 : 20 };
  return {
    name,
    synced: true,
    async open(context) {
      const opened = await openCallsheet('full', context);
      const [queue, options] = await prepare(opened.callsheet);
      let last: Job | undefined;
      for (let from = 0; from < jobs; from += putAtOnce) {
        const length = Math.min(putAtOnce, jobs - from);
        const put = await queue.putAll(
          Array.from({ length }, (_, at) => stamps.stamp(from + at)),
          options,
        );
        last = put.at(-1);
      }
      const pool = asPool(opened);
      await keepBusy(pool, load.inFlight, load.warmUpMs);
      const measure = async () => {
        const measured = await measureUnderLoad(pool, load, true);
        if ((await last?.status()) !== 'pending') throw new Error('the others are not pending any more');
        return measured;
      };
      return { measure, close: () => opened.close() };
    },
  };
}
