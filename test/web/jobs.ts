/** The jobs that the page shows in the tests with a browser. They run in real threads. */
import { currentJob } from 'callsheet';

export const add = (a: number, b: number): number => a + b;
export const size = (text: string): number => text.length;

export function fail(message: string): never {
  currentJob().logger.fatal({ on: 'purpose' }, 'about to fail');
  throw new RangeError(message, { cause: new TypeError('the cause') });
}

/** Is usually quick. */
export async function usuallyQuick(isHeld: boolean): Promise<void> {
  if (isHeld) await hold();
}

/** Runs until it is cancelled. */
export async function hold(): Promise<void> {
  const job = currentJob();
  const { signal } = job;
  job.progress({ done: 1, total: 4, message: 'held' });
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
