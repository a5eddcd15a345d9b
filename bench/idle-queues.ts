/**
 * The cost of a job beside idle queues, and of creating them.
 */
import { openCallsheet, stamps } from './contestants/callsheet.js';
import type { Bench, Context, Entrant, Measured } from './harness/bench.js';

interface Work {
  readonly queues: number;
  readonly jobs: number;
}

export const idleQueues: Bench = {
  name: 'idle-queues',
  title: 'trivial jobs, one at a time, beside queues that have nothing to do',
  figures: [
    { name: 'CPU per job', unit: 'µs', compared: true },
    { name: 'CPU per queue created', unit: 'µs' },
  ],
  cases: (size) => {
    const [few, many, jobs] = size === 'full' ? [100, 10_000, 2000] : [2, 20, 5];
    return [
      {
        name: `${jobs} jobs`,
        contestants: [0, few, many].map((queues) => ({
          name: `callsheet, memory, ${queues.toLocaleString('en')} empty queues`,
          open: (context: Context) => enter(context, { queues, jobs }),
        })),
      },
    ];
  },
};

async function enter(context: Context, { queues, jobs }: Work): Promise<Entrant> {
  const { callsheet } = await openCallsheet('memory', context);
  const created = await cpuOf(() =>
    Promise.all(Array.from({ length: queues }, (_, number) => callsheet.createQueue(`idle ${number}`))),
  );
  const queue = callsheet.queue();
  const run = async () => {
    for (let number = 0; number < jobs; number++) await (await queue.put(stamps.stamp(number))).result();
  };
  await run();
  return {
    measure: async (): Promise<Measured> => {
      const figures = { 'CPU per job': (await cpuOf(run)) / jobs, 'CPU per queue created': created / (queues || 1) };
      return { figures };
    },
    close: () => callsheet.close(),
  };
}

/** Returns the CPU time of all threads in microseconds. */
async function cpuOf(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
