/**
 * What one thread of this process takes of the processors. Linux says so; elsewhere it is not known.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const directory = '/proc/self/task';

/** Begins to look for a thread that is about to be started; the function that it gives says which it is, if it can be told. */
export async function watchForThread(): Promise<() => string | undefined> {
  // Node starts threads of its own for the first file that it reads so. They are there before it looks.
  await stat('/');
  const before = systemThreads();
  return () => {
    const started = systemThreads().filter((thread) => !before.includes(thread));
    return started.length === 1 ? started[0] : undefined;
  };
}

/** The microseconds that a thread was on a processor. */
export function cpuOfThread(thread: string): number {
  return Number(readFileSync(`${directory}/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) / 1000;
}

function systemThreads(): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
