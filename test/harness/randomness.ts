/**
 * Randomness that can be had again: `CALLSHEET_SEED` set to the number that a failed test printed.
 */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

/** A whole number from 0 up to `limit`, without it. */
export type Random = (limit: number) => number;

/** The seed of this run: the one asked for, or a new one; the test prints it. */
export function seedOf(t: TestContext): number {
  const seed = Number(process.env.CALLSHEET_SEED ?? randomInt(2 ** 31));
  t.diagnostic(`seed ${seed}; to replay: CALLSHEET_SEED=${seed}`);
  return seed;
}

/** The generator mulberry32: one seed, one sequence. */
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
