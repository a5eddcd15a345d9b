/**
 * How long this disk takes to make an append durable: what a durable figure has to be seen against.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { median } from './statistics.js';

const times = 100;
const bytes = Buffer.alloc(4096, 1);

/** Quicker than this, and nothing was synced: no device answers so fast, a file system in memory does. */
export const leastSyncMs = 0.05;

/** The median of the milliseconds that a sync takes after appending 4 KiB. */
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
