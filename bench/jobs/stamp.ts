/**
 * The trivial job: so little that all that is measured is what surrounds it. Its result says on which thread it was made.
 */
import { threadId } from 'node:worker_threads';
import type { CompletedItems, CompletedJobs } from 'callsheet';

const threadLimit = 65_536;
const none: ReadonlySet<number> = new Set();

/** The number, with the thread's id behind it. */
export function stamp(number: number): number {
  return number * threadLimit + threadId;
}

/** Throws where this is not what {@link stamp} makes of the number, or was made on one of the threads that are not to run jobs. */
export function checkStamp(stamped: unknown, number: number, forbiddenThreads: ReadonlySet<number>): void {
  const thread = (stamped as number) - number * threadLimit;
  if (!Number.isInteger(thread) || thread < 0 || thread >= threadLimit) {
    throw new Error(`a job that was given ${number} returned ${String(stamped)}`);
  }
  if (forbiddenThreads.has(thread)) throw new Error(`a job was run by thread ${thread}, which is not to run jobs`);
}

/** The trivial job with arguments that are as long as one likes. */
export function stampPadded(number: number, _padding: string): number {
  return stamp(number);
}

/** The postprocess of many trivial jobs: all that they returned. */
export function stampsOf(parts: CompletedJobs<number>): number[] {
  return Array.from(parts, ({ result }) => result);
}

/** How many results a map has; throws where one is not what its item is to give. */
export async function countStamps(items: CompletedItems<number>): Promise<number> {
  let count = 0;
  for await (const { result } of items) checkStamp(result, count++, none);
  return count;
}
