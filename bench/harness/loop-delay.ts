/**
 * How late this thread's event loop is for its timers while something goes on.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often it looks. Node counts this in with every delay; it is taken off here. */
const resolutionMs = 1;

export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Begins to look; the function that it gives ends that, and says what was seen. */
export async function watchLoopDelay(): Promise<() => Promise<LoopDelay>> {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // It counts from its first look on.
  await sleep(2 * resolutionMs);
  return async () => {
    // A loop that was held up until now has not looked yet.
    await sleep(2 * resolutionMs);
    histogram.disable();
    const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    return { p99Ms: beyond(histogram.percentile(99)), maxMs: beyond(histogram.max) };
  };
}
