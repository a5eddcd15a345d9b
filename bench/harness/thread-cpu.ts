/**
 * The CPU time of one thread of this process, as Linux measures it; unknown on other systems.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const directory = '/proc/self/task';

/** Begins to look for a new thread. The returned function returns its id, if it is unambiguous. */
export async function watchForThread(): Promise<() => string | undefined> {
  // The first asynchronous read makes Node start threads of its own, before the list is taken.
  await stat('/');
  const before = systemThreads();
  return () => {
    const started = systemThreads().filter((thread) => !before.includes(thread));
    return started.length === 1 ? started[0] : undefined;
  };
}

/** Returns the CPU time of a thread in microseconds. */
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
