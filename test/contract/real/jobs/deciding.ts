/** Jobs, and policies, filters and choosers for them. Some never return. */
import { appendFileSync } from 'node:fs';
import { type AskedJob, type ChooserQuestion, currentJob, type RetryAnswer, type RetryQuestion } from 'callsheet';

export function failing(file: string): never {
  appendFileSync(file, `attempt ${currentJob().attempt}\n`);
  throw new RangeError('not yet');
}

export const hello = (name: string): string => `hello ${name}`;

export function exits(file: string): never {
  appendFileSync(file, `attempt ${currentJob().attempt}\n`);
  process.exit(1);
}

/** A policy that counts in its data and retries twice. */
export function twice({ data }: RetryQuestion): RetryAnswer {
  const count = ((data as number | undefined) ?? 0) + 1;
  return { retry: count <= 2, afterMs: 1, data: count };
}

export function loopsForEver(): boolean {
  for (;;);
}

export function exitsAsked(): boolean {
  process.exit(1);
}

export const takesAda = (job: AskedJob): boolean => job.arguments[0] === 'Ada';

export function loopsAtBob(job: AskedJob): boolean {
  while (job.arguments[0] === 'Bob');
  return true;
}

export const lastFirst = ({ waiting }: ChooserQuestion): readonly AskedJob[] => [...waiting].reverse();
