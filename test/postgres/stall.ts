/** A server that stands still. */
import { readdirSync, readFileSync } from 'node:fs';
import { kill } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Own } from '../../bench/harness/postgres-server.js';

/** Stops all processes of a server for some time. */
export async function stall({ pid: first }: Own, ms: number): Promise<void> {
  const processes = serverProcesses(first);
  for (const pid of processes) kill(pid, 'SIGSTOP');
  await delay(ms);
  for (const pid of processes) kill(pid, 'SIGCONT');
}

/** The first process of a server, and its children. */
function serverProcesses(first: number): number[] {
  const isChild = (pid: string) => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === first;
    } catch {
      return false;
    }
  };
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isChild(name));
  return [first, ...children.map(Number)];
}
