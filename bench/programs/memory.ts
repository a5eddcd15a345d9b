/**
 * What this process has of the memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 50;

/** The resident bytes, after they have not fallen any further for so long: what is garbage is collected by then, or is never. */
export async function settledMemory(settleMs: number): Promise<number> {
  let least = process.memoryUsage.rss();
  let end = performance.now() + settleMs;
  while (performance.now() < end) {
    await sleep(lookMs);
    const bytes = process.memoryUsage.rss();
    if (bytes >= least) continue;
    // A page here and there is no sign of a collection.
    if (bytes < least * 0.99) end = performance.now() + settleMs;
    least = bytes;
  }
  return least;
}
