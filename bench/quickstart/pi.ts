/**
 * The jobs of the quickstart: plain functions that know nothing of callsheet.
 *
 * The measurements that callsheet is compared with call the same `generateSample`.
 */
import type { CompletedJobs } from 'callsheet';

/** Darts thrown at a square, and those that hit the quarter circle in it. */
export interface Sample {
  readonly inside: number;
  readonly size: number;
}

/** Throws `size` darts. */
export function generateSample(size = 1_000_000): Sample {
  let inside = 0;
  for (let dart = 0; dart < size; dart++) {
    const x = Math.random();
    const y = Math.random();
    if (x * x + y * y < 1) inside++;
  }
  return { inside, size };
}

/** Computes π from the samples. */
export function processSamples(samples: CompletedJobs<Sample>): number {
  let inside = 0;
  let size = 0;
  for (const { result } of samples) {
    inside += result.inside;
    size += result.size;
  }
  return (4 * inside) / size;
}
