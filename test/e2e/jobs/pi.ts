/** The jobs of the contract's example: plain functions that know nothing of callsheet. */
import type { CompletedJobs } from 'callsheet';

export function generateSample(size = 100_000): { inside: number; size: number } {
  let inside = 0;
  for (let dart = 0; dart < size; dart++) if (Math.random() ** 2 + Math.random() ** 2 < 1) inside++;
  return { inside, size };
}

export function processSamples(samples: CompletedJobs<{ inside: number; size: number }>): number {
  let inside = 0;
  let size = 0;
  for (const { result } of samples) {
    inside += result.inside;
    size += result.size;
  }
  return (4 * inside) / size;
}
