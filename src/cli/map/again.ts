/**
 * The retry policy of `callsheet map`. Errors, timeouts and threads that end count alike. The query
 * of this module's URL has the limit and the first delay.
 */
import type { RetryAnswer, RetryQuestion } from '../../definition/own-policies.js';

const query = new URL(import.meta.url).searchParams;
const limit = Number(query.get('limit'));
const initialMs = Number(query.get('delay'));
const mostMs = 60_000;

export function again({ data }: RetryQuestion): RetryAnswer {
  const retries = (data as number | undefined) ?? 0;
  if (retries >= limit) return false;
  return { retry: true, afterMs: Math.min(Math.max(initialMs, mostMs), initialMs * 2 ** retries), data: retries + 1 };
}
