/**
 * The delay of this thread's event loop during a measurement.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** The interval of the measurement. Node includes it in every delay; it is subtracted here. */
const resolutionMs = 1;

export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Begins the measurement. The returned function ends it and returns the result. */
export async function watchLoopDelay(): Promise<() => Promise<LoopDelay>> {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // The measurement begins with its first sample.
  await sleep(2 * resolutionMs);
  return async () => {
    // A loop that was blocked until here has not sampled yet.
    await sleep(2 * resolutionMs);
    histogram.disable();
    const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    return { p99Ms: beyond(histogram.percentile(99)), maxMs: beyond(histogram.max) };
  };
}
