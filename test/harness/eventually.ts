/** Waits for a condition that sends no event, by polling until a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

const lookMs = 5;
const defaultLimitMs = 20_000;

/** Resolves with the first truthy result of `condition`; rejects after `limitMs`. */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  { limitMs = defaultLimitMs }: { limitMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(lookMs);
  }
}
