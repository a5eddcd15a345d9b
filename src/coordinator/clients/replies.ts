/** Messages to clients. */
import { errorToData } from '../../protocol/error-data.js';
import type { CoordinatorMessage } from '../../protocol/messages.js';

export type Post = (message: CoordinatorMessage) => void;

/** Answers a request that needs no value. */
export function replyTo(request: number, error?: Error): CoordinatorMessage {
  return error === undefined ? ['done', request, 1] : ['error', request, errorToData(error)];
}
