/**
 * callsheet as a contestant: a runtime in its own directory, which is removed when it closes.
 */
import type { Worker } from 'node:worker_threads';
import { defineJobs, type Level, type OpenOptions, open, type Runtime } from 'callsheet';
import type { Context } from '../harness/bench.js';
import { cpuOfThread, watchForThread } from '../harness/thread-cpu.js';
import type { Pool } from './pool.js';

export const stamps = defineJobs<typeof import('../jobs/stamp.js')>(
  'stamp',
  new URL('../jobs/stamp.js', import.meta.url),
);
export const holds = defineJobs<typeof import('../jobs/hold.js')>('hold', new URL('../jobs/hold.js', import.meta.url));
export const spins = defineJobs<typeof import('../jobs/spin.js')>('spin', new URL('../jobs/spin.js', import.meta.url));
export const pi = defineJobs<typeof import('../quickstart/pi.js')>(
  'pi',
  new URL('../quickstart/pi.js', import.meta.url),
);

export interface Opened {
  readonly callsheet: Runtime;
  readonly directory: string | undefined;
  /** The id of the coordinator's thread, which must not run jobs. */
  readonly coordinatorThread: number;
  /** The coordinator's CPU time in microseconds, if the system measures it. */
  coordinatorCpu(): number | undefined;
  close(): Promise<void>;
}

/** Opens a runtime. At level `memory`, and on a server, it has no directory. */
export async function openCallsheet(
  durability: Level,
  { threads, scratch }: Context,
  options: Partial<OpenOptions> = {},
): Promise<Opened> {
  const isOnDisk = durability !== 'memory' && options.postgres === undefined;
  const directory = isOnDisk ? scratch.newPath() : undefined;
  const startedThread = await watchForThread();
  // The main thread starts only the coordinator, which starts the others.
  let coordinatorThread = 0;
  let systemThread: string | undefined;
  const notice = ({ threadId }: Worker) => {
    coordinatorThread = threadId;
    systemThread = startedThread();
  };
  process.once('worker', notice);
  try {
    const jobs = [stamps, holds, spins, pi];
    const callsheet = await open({ ...(directory && { directory }), durability, threads, jobs, ...options });
    return {
      callsheet,
      directory,
      coordinatorThread,
      coordinatorCpu: () => (systemThread === undefined ? undefined : cpuOfThread(systemThread)),
      async close() {
        await callsheet.close({ graceMs: 0 });
        if (directory !== undefined) scratch.remove(directory);
      },
    };
  } finally {
    process.off('worker', notice);
  }
}

/** callsheet as a pool: `run` puts a job with the level's durability, and awaits its result. */
export async function openCallsheetPool(
  durability: Level,
  context: Context,
  options?: Partial<OpenOptions>,
): Promise<Pool> {
  return asPool(await openCallsheet(durability, context, options));
}

export function asPool({ callsheet, coordinatorThread, coordinatorCpu, close }: Opened): Pool {
  const queue = callsheet.queue();
  return {
    run: async (number) => (await queue.put(stamps.stamp(number))).result(),
    close,
    forbiddenThreads: [0, coordinatorThread],
    figures: () => callsheet.stats(),
    coordinatorCpu,
  };
}
