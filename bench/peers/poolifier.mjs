/** poolifier, as the benches use a pool. */
import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';

export function open(threads) {
  const pool = new FixedThreadPool(threads, fileURLToPath(new URL('./poolifier-worker.mjs', import.meta.url)));
  return { run: (number) => pool.execute(number), close: () => pool.destroy() };
}
