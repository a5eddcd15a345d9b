import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { currentJob } from 'callsheet';

/** Notes its id and the moment of the machine's own clock, and runs until it is stopped. */
export async function stays(file: string): Promise<void> {
  const { id, signal } = currentJob();
  appendFileSync(file, `${id} ${performance.timeOrigin + performance.now()}\n`);
  await delay(2 ** 30, undefined, { signal });
}

/** Notes when it begins and ends. */
export async function within(file: string, ms: number): Promise<void> {
  const { id } = currentJob();
  appendFileSync(file, `+ ${id}\n`);
  await delay(ms);
  appendFileSync(file, `- ${id}\n`);
}
