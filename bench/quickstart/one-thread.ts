/**
 * The speed of one bare worker thread with the same work: the base of the speed-up.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Returns the mean milliseconds of a part on one thread, measured now over `parts` parts. */
export async function measureOneThread(parts: number, darts: number, signal: AbortSignal): Promise<number> {
  const thread = new Worker(new URL('./bare-thread.js', import.meta.url));
  try {
    // One dart first: starting a thread and loading the module are not part of the work.
    thread.postMessage(1);
    await once(thread, 'message', { signal });
    const start = performance.now();
    for (let part = 0; part < parts; part++) {
      thread.postMessage(darts);
      await once(thread, 'message', { signal });
    }
    return (performance.now() - start) / parts;
  } finally {
    await thread.terminate();
  }
}
