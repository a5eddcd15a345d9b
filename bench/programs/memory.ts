/**
 * The memory of this process.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 50;

/** Returns the resident bytes once they stop falling for `settleMs`: garbage is collected then. */
export async function settledMemory(settleMs: number): Promise<number> {
  let least = process.memoryUsage.rss();
  let end = performance.now() + settleMs;
  while (performance.now() < end) {
    await sleep(lookMs);
    const bytes = process.memoryUsage.rss();
    if (bytes >= least) continue;
    // A few pages less are no sign of a collection.
    if (bytes < least * 0.99) end = performance.now() + settleMs;
    least = bytes;
  }
  return least;
}
