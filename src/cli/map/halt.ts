/** When a run stops before its end, as GNU parallel does. */
import type { Halt } from '../values.js';

/** The least number of failed items for a part to count. */
const leastFailed = 3;

/** Returns whether the failed items are enough to stop. */
export function isReached({ fail, isPart }: Halt, failed: number, completed: number): boolean {
  if (!isPart) return failed >= fail;
  return failed >= leastFailed && failed * 100 >= fail * completed;
}
