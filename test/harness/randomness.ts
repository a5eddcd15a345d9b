/** Reproducible randomness. `CALLSHEET_SEED` replays the seed that a failed test printed. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

/** Returns an integer from 0 up to, but not including, `limit`. */
export type Random = (limit: number) => number;

/** Returns the seed in `CALLSHEET_SEED`, or a new one, and prints it with the test. */
export function seedOf(t: TestContext): number {
  const seed = Number(process.env.CALLSHEET_SEED ?? randomInt(2 ** 31));
  t.diagnostic(`seed ${seed}; to replay: CALLSHEET_SEED=${seed}`);
  return seed;
}

/** The generator mulberry32: the same seed gives the same sequence. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) % limit;
  };
}
