/**
 * The trivial job: so little that all that is measured is what surrounds it. Its result says on which thread it was made.
 */
import { threadId } from 'node:worker_threads';

const threadLimit = 65_536;

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
