/**
 * A runtime whose threads are all kept busy, so that what is put has to wait.
 */
import { writeFileSync } from 'node:fs';
import type { Context } from '../harness/bench.js';
import { holds, type Opened } from './callsheet.js';

export interface Held {
  /** How many jobs hold them. */
  readonly jobs: number;
  /** Lets the threads go. */
  release(): Promise<void>;
}

export async function holdThreads({ callsheet }: Opened, { threads, scratch }: Context): Promise<Held> {
  const file = scratch.newPath();
  const held = await callsheet.queue().putAll(Array.from({ length: threads }, () => holds.holdUntil(file)));
  for (const job of held) while ((await job.status()) !== 'active');
  // Asked now: when the last of many jobs is done, these may be forgotten.
  const results = Promise.all(held.map((job) => job.result()));
  // Without a release the runtime is closed on them.
  results.catch(() => {});
  return {
    jobs: threads,
    async release() {
      writeFileSync(file, '');
      await results;
    },
  };
}
