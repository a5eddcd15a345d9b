/**
 * The CPU time of an idle runtime.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asPool, openCallsheet, stamps } from './contestants/callsheet.js';
import { openPiscina } from './contestants/peers.js';
import type { Pool } from './contestants/pool.js';
import { keepBusy } from './contestants/under-load.js';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';

interface Times {
  /** Milliseconds after work: V8 collects garbage once more half a minute after the last. */
  readonly calmMs: number;
  readonly ms: number;
  readonly busyMs: number;
}

const scheduledJobs = 1000;
const hourMs = 3_600_000;

export const idle: Bench = {
  name: 'idle',
  title: 'a runtime that was busy and has nothing to do any more',
  figures: [{ name: 'of one core', unit: '%' }],
  rounds: 3,
  cases: (size) => {
    const times = size === 'full' ? { busyMs: 1000, calmMs: 45_000, ms: 20_000 } : { busyMs: 20, calmMs: 0, ms: 100 };
    return [
      {
        name: `over ${times.ms / 1000} s, ${times.calmMs / 1000} s after it was busy`,
        contestants: [
          contestant('Node alone', times, async () => undefined),
          contestant('callsheet, full', times, async (context) => asPool(await openCallsheet('full', context))),
          contestant(`callsheet, full, ${scheduledJobs} scheduled`, times, openWithScheduled),
          contestant('piscina', times, async ({ threads }) => openPiscina(threads)),
        ],
      },
    ];
  },
};

async function openWithScheduled(context: Context): Promise<Pool> {
  const opened = await openCallsheet('full', context);
  const jobs = Array.from({ length: scheduledJobs }, (_, number) => stamps.stamp(number));
  await opened.callsheet.queue().putAll(jobs, { beginAfter: hourMs });
  return asPool(opened);
}

function contestant(name: string, times: Times, open: (context: Context) => Promise<Pool | undefined>): Contestant {
  return {
    name,
    async open(context) {
      const pool = await open(context);
      return { measure: () => measure(pool, times), close: async () => pool?.close() };
    },
  };
}

async function measure(pool: Pool | undefined, { busyMs, calmMs, ms }: Times): Promise<Measured> {
  if (pool !== undefined) await keepBusy(pool, 16, busyMs);
  await sleep(calmMs);
  const start = performance.now();
  const before = process.cpuUsage();
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return { figures: { 'of one core': (user + system) / 10 / (performance.now() - start) } };
}
