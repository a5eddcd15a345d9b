/**
 * The trivial job, with so little work that only the surroundings are measured. Its result names
 * the thread that ran it.
 */
import { threadId } from 'node:worker_threads';
import type { CompletedItems, CompletedJobs } from 'callsheet';

const threadLimit = 65_536;
const none: ReadonlySet<number> = new Set();

/** Returns the number combined with the thread's id. */
export function stamp(number: number): number {
  return number * threadLimit + threadId;
}

/** Throws if this is not the number's stamp, or comes from a thread that must not run jobs. */
export function checkStamp(stamped: unknown, number: number, forbiddenThreads: ReadonlySet<number>): void {
  const thread = (stamped as number) - number * threadLimit;
  if (!Number.isInteger(thread) || thread < 0 || thread >= threadLimit) {
    throw new Error(`a job that was given ${number} returned ${String(stamped)}`);
  }
  if (forbiddenThreads.has(thread)) throw new Error(`a job was run by thread ${thread}, which must not run jobs`);
}

/** The trivial job with arguments of any length. */
export function stampPadded(number: number, _padding: string): number {
  return stamp(number);
}

/** The postprocess of many trivial jobs, which returns all their results. */
export function stampsOf(parts: CompletedJobs<number>): number[] {
  return Array.from(parts, ({ result }) => result);
}

/** Returns the number of a map's results. Throws if one of them is wrong. */
export async function countStamps(items: CompletedItems<number>): Promise<number> {
  let count = 0;
  for await (const { result } of items) checkStamp(result, count++, none);
  return count;
}
