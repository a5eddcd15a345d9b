/**
 * What is said to clients.
 */
import { errorToData } from '../../protocol/error-data.js';
import type { CoordinatorMessage } from '../../protocol/messages.js';

export type Post = (message: CoordinatorMessage) => void;

/** The answer to a request that wants to know no more than that it is done. */
export function replyTo(request: number, error?: Error): CoordinatorMessage {
  return error === undefined ? ['done', request, 1] : ['error', request, errorToData(error)];
}
