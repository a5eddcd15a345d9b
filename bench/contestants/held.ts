/**
 * A runtime with all threads kept busy, so that other jobs wait.
 */
import { writeFileSync } from 'node:fs';
import type { Context } from '../harness/bench.js';
import { holds, type Opened } from './callsheet.js';

export interface Held {
  /** The number of jobs that hold the threads. */
  readonly jobs: number;
  /** Ends the jobs that hold the threads. */
  release(): Promise<void>;
}

export async function holdThreads({ callsheet }: Opened, { threads, scratch }: Context): Promise<Held> {
  const file = scratch.newPath();
  const held = await callsheet.queue().putAll(Array.from({ length: threads }, () => holds.holdUntil(file)));
  for (const job of held) while ((await job.status()) !== 'active');
  // Requested now: once the last of many jobs is done, these results may be forgotten.
  const results = Promise.all(held.map((job) => job.result()));
  // Without a release the runtime closes before they resolve.
  results.catch(() => {});
  return {
    jobs: threads,
    async release() {
      writeFileSync(file, '');
      await results;
    },
  };
}
