/**
 * The time that this disk takes to make an append durable: the measure of all durable figures.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { median } from './statistics.js';

const times = 100;
const bytes = Buffer.alloc(4096, 1);

/** A quicker sync reaches no device: only a file system in memory answers so fast. */
export const leastSyncMs = 0.05;

/** Returns the median time of a sync after an append of 4 KiB, in milliseconds. */
export function measureSync(path: string): number {
  const file = openSync(path, 'w');
  try {
    const took = Array.from({ length: times }, () => {
      writeSync(file, bytes);
      const start = performance.now();
      fdatasyncSync(file);
      return performance.now() - start;
    });
    return median(took);
  } finally {
    closeSync(file);
  }
}
