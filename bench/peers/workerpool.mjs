/** workerpool, as the benches use a pool. */
import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';

export function open({ threads }) {
  const script = fileURLToPath(new URL('./workerpool-worker.mjs', import.meta.url));
  const pool = workerpool.pool(script, { minWorkers: threads, maxWorkers: threads, workerType: 'thread' });
  return { run: (number) => pool.exec('stamp', [number]), close: () => pool.terminate() };
}
