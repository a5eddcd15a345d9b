import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type CompletedJobs, currentJob } from 'callsheet';

/** The name of a job, and the attempt that gave its result. */
export type Run = `${string}#${number}`;

function begin(file: string, name: string): Run {
  const { id, attempt } = currentJob();
  appendFileSync(file, `${name} ${id} ${attempt}\n`);
  return `${name}#${attempt}`;
}

export async function run(file: string, name: string, ms: number): Promise<Run> {
  const result = begin(file, name);
  await delay(ms);
  return result;
}

export const after = (file: string, name: string, _outcome: unknown): Run => begin(file, name);

export function gather(file: string, name: string, parts: CompletedJobs<Run>): { run: Run; parts: Run[] } {
  return { run: begin(file, name), parts: Array.from(parts, ({ result }) => result) };
}
