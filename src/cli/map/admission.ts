/** Keeps items from beginning while the machine has too little memory, or too much to do. */
import { availableParallelism, freemem, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

export interface Admission {
  /** The least free memory in bytes. */
  readonly memfree?: number;
  /** The highest load, as a part of the processors in hundredths. */
  readonly load?: number;
}

const lookMs = 500;

/** The machine at this moment. */
export interface Machine {
  freeBytes(): number;
  /** The average of the last minute, for each processor. */
  load(): number;
}

const thisMachine: Machine = {
  freeBytes: freemem,
  load: () => loadavg()[0]! / availableParallelism(),
};

export function isAdmitted({ memfree, load }: Admission, machine = thisMachine): boolean {
  if (memfree !== undefined && machine.freeBytes() < memfree) return false;
  return load === undefined || machine.load() * 100 < load;
}

/** Resolves when an item may begin, or the signal aborts. */
export async function admitted(admission: Admission, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isAdmitted(admission)) await delay(lookMs, undefined, { signal }).catch(() => {});
}
