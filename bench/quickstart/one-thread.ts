/**
 * How fast one bare worker thread does the same work: what a speed-up is measured against.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Milliseconds that a part takes on one thread: the mean of so many parts, measured now. */
export async function measureOneThread(parts: number, darts: number, signal: AbortSignal): Promise<number> {
  const thread = new Worker(new URL('./bare-thread.js', import.meta.url));
  try {
    // One dart first: what it takes to start a thread and to load the module is not the work.
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
