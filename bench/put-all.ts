/**
 * The speed of `putAll` with a thousand jobs in each transaction, while the threads are held.
 */
import { type Level, open } from 'callsheet';
import { openCallsheet, stamps } from './contestants/callsheet.js';
import { holdThreads } from './contestants/held.js';
import { journalled } from './contestants/journalled.js';
import { openPeer, type Peer, peerAbsent, sqliteQueues } from './contestants/peers.js';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';
import { percentile } from './harness/statistics.js';

const putAtOnce = 1000;

interface Load {
  readonly jobs: number;
  /** The number of `putAll` calls in flight. */
  readonly ahead: number;
}

export const putAll: Bench = {
  name: 'put-all',
  title: 'jobs put in thousands, until all are as durable as asked',
  figures: [
    { name: 'puts', unit: '/s', compared: true },
    { name: 'putAll p99', unit: 'ms' },
    { name: 'bytes per job', unit: 'B' },
    { name: 'reopened in', unit: 'ms' },
  ],
  rounds: 3,
  cases: (size) =>
    (size === 'full' ? [1, 4] : [2]).map((ahead) => {
      const jobs = size === 'full' ? 1_000_000 : 2_000;
      const name = `${jobs} jobs, ${ahead === 1 ? 'each thousand awaited' : `${ahead} thousands at a time`}`;
      return {
        name,
        contestants: [
          ...(['full', 'process', 'memory'] as const).map((level) => contestant(level, { jobs, ahead })),
          ...sqliteQueues.map((peer) => peerContestant(peer, jobs)),
        ],
      };
    }),
};

function contestant(level: Level, load: Load): Contestant {
  // Each round fills its own journal.
  const open = async (context: Context) => ({ measure: () => measure(context, level, load) });
  return { name: `callsheet, ${level}`, synced: level === 'full', open };
}

/** A peer with synchronous calls: one returns before the next is made. */
function peerContestant(peer: Peer, jobs: number): Contestant {
  const open = async (context: Context) => ({ measure: () => measurePeer(context, peer, jobs) });
  return { name: peer.name, absent: () => peerAbsent(peer), open };
}

async function measurePeer(context: Context, peer: Peer, jobs: number): Promise<Measured> {
  const pool = await openPeer(peer, context, true);
  try {
    const took: number[] = [];
    const start = performance.now();
    for (let from = 0; from < jobs; from += putAtOnce) {
      const putAt = performance.now();
      await pool.putAll!(Array.from({ length: putAtOnce }, (_, at) => from + at));
      took.push(performance.now() - putAt);
    }
    const ms = performance.now() - start;
    return { figures: { puts: (jobs / ms) * 1000, 'putAll p99': percentile(took, 99) } };
  } finally {
    await pool.close();
  }
}

async function measure(context: Context, level: Level, { jobs, ahead }: Load): Promise<Measured> {
  const opened = await openCallsheet(level, context);
  const { callsheet, directory } = opened;
  try {
    const held = await holdThreads(opened, context);
    const queue = callsheet.queue();
    const before = await callsheet.stats();
    const took: number[] = [];
    let from = 0;
    const putOn = async () => {
      while (from < jobs) {
        const first = from;
        from += putAtOnce;
        const start = performance.now();
        await queue.putAll(Array.from({ length: putAtOnce }, (_, at) => stamps.stamp(first + at)));
        took.push(performance.now() - start);
      }
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: ahead }, putOn));
    const ms = performance.now() - start;
    const after = await callsheet.stats();
    const figures: Record<string, number> = { puts: (jobs / ms) * 1000, 'putAll p99': percentile(took, 99) };
    if (directory) figures['bytes per job'] = (after.bytesWritten - before.bytesWritten) / jobs;
    await callsheet.close({ graceMs: 0 });
    if (directory !== undefined) figures['reopened in'] = await reopen(directory, jobs + held.jobs);
    // One sync covers at most the calls in flight.
    const leastSyncs = level === 'full' ? took.length / ahead : undefined;
    return { figures, ...(directory && journalled(before, after, leastSyncs)) };
  } finally {
    await opened.close();
  }
}

/** Returns the milliseconds until a runtime that runs none of the jobs has found them all. */
async function reopen(directory: string, jobs: number): Promise<number> {
  const start = performance.now();
  const callsheet = await open({ directory, jobs: [], threads: 1 });
  const ms = performance.now() - start;
  const { unfinished } = callsheet.found;
  await callsheet.close({ graceMs: 0 });
  if (unfinished !== jobs) throw new Error(`of ${jobs} jobs that were put, ${unfinished} were found again`);
  return ms;
}
