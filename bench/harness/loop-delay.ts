/**
 * How late this thread's event loop is for its timers while something goes on.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often it looks. Node counts this in with every delay; it is taken off here. */
const resolutionMs = 1;

export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Begins to look; the function that it gives ends that, and says what was seen. */
export function watchLoopDelay(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return () => {
    histogram.disable();
    const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    return { p99Ms: beyond(histogram.percentile(99)), maxMs: beyond(histogram.max) };
  };
}
