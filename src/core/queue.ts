/**
 * Queues: named lines of jobs. The queue named '' exists from the start.
 */
import { UnknownQueueError } from '../errors.js';

/** The queue that is there without anybody having created it. */
export const defaultQueue = '';

/** A job is put only into a queue that exists. */
export function requireQueue(name: string): void {
  if (name !== defaultQueue) throw new UnknownQueueError(`there is no queue named ${JSON.stringify(name)}`);
}
