/**
 * A job that keeps a thread busy until a file exists, so that other jobs have to wait.
 */
import { existsSync } from 'node:fs';

const lookMs = 1;

/** Returns when the file exists. It sleeps meanwhile, so that it takes no CPU time. */
export function holdUntil(file: string): void {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(asleep, 0, 0, lookMs);
}
