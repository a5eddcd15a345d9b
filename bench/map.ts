/**
 * A map over very many items: the cost of an item, and the memory of the whole process with all
 * threads.
 */
import { map } from 'callsheet';
import { type Opened, openCallsheet, stamps } from './contestants/callsheet.js';
import { journalled } from './contestants/journalled.js';
import type { Bench, Contestant, Measured } from './harness/bench.js';

const lookMs = 50;

export const maps: Bench = {
  name: 'map',
  title: 'trivial jobs made of the items of an iterable, through to a postprocess that reads all results',
  onDemand: true,
  figures: [
    { name: 'items', unit: '/s' },
    { name: 'memory before', unit: 'MB' },
    { name: 'memory at most', unit: 'MB' },
    { name: 'heap here at most', unit: 'MB' },
  ],
  cases: (size) =>
    (size === 'full' ? [100_000, 1_000_000] : [1000]).map((items) => ({
      name: `${items} items`,
      contestants: [contestant(items)],
    })),
};

function contestant(items: number): Contestant {
  return {
    name: 'callsheet, full',
    synced: true,
    async open(context) {
      const opened = await openCallsheet('full', context);
      await run(opened, 1000);
      return { measure: () => measure(opened, items), close: () => opened.close() };
    },
  };
}

async function measure(opened: Opened, items: number): Promise<Measured> {
  const before = await opened.callsheet.stats();
  const memory = process.memoryUsage();
  const most = { rss: memory.rss, heapUsed: memory.heapUsed };
  const look = setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    most.rss = Math.max(most.rss, rss);
    most.heapUsed = Math.max(most.heapUsed, heapUsed);
  }, lookMs);
  try {
    const start = performance.now();
    const stamped = await run(opened, items);
    const ms = performance.now() - start;
    if (stamped !== items) throw new Error(`of ${items} items, ${stamped} have results`);
    const figures = {
      items: (items / ms) * 1000,
      'memory before': memory.rss / 1e6,
      'memory at most': most.rss / 1e6,
      'heap here at most': most.heapUsed / 1e6,
    };
    return { figures, ...journalled(before, await opened.callsheet.stats(), 2) };
  } finally {
    clearInterval(look);
  }
}

async function run({ callsheet }: Opened, items: number): Promise<number> {
  const job = await callsheet.queue().put(map(numbers(items), stamps.stamp, { postprocess: stamps.countStamps }));
  return job.result();
}

function* numbers(count: number): Generator<number> {
  for (let number = 0; number < count; number++) yield number;
}
