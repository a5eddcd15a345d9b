/** poolifier, as the benches use a pool. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';

/**
 * Limit for `destroy()`, which sometimes never settles, with no work left (seen with 5.3.2 on Node
 * 20).
 */
const closeMs = 1000;

export function open({ threads }) {
  const pool = new FixedThreadPool(threads, fileURLToPath(new URL('./poolifier-worker.mjs', import.meta.url)));
  return { run: (number) => pool.execute(number), close: () => Promise.race([pool.destroy(), sleep(closeMs)]) };
}
