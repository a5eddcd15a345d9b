/** Stops a process of several threads. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { kill } from 'node:process';
import { eventually } from './eventually.js';

/**
 * Sends SIGSTOP, and resolves when all threads stand still. The signal stops the main thread first:
 * the others go on for a moment, and a coordinator among them still answers.
 */
export async function freeze(pid: number): Promise<void> {
  kill(pid, 'SIGSTOP');
  await eventually('all its threads stand still', () => standsStill(pid));
}

/** True also where the system does not list the threads of a process. */
function standsStill(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((task) => / T /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8')));
}
