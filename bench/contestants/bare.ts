/**
 * Bare worker threads as a pool: the least that a trivial job costs with a message for each.
 */
import { Worker } from 'node:worker_threads';
import type { Pool } from './pool.js';

export function openBareStamps(threads: number): Pool {
  const file = new URL('../jobs/stamp-thread.js', import.meta.url);
  const waiting = new Map<number, (stamped: number) => void>();
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(file);
    worker.on('message', ([number, stamped]: [number, number]) => {
      waiting.get(number)!(stamped);
      waiting.delete(number);
    });
    return worker;
  });
  return {
    run: (number) =>
      new Promise((resolve) => {
        waiting.set(number, resolve);
        workers[number % threads]!.postMessage(number);
      }),
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}
