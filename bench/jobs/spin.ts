/**
 * A job that does nothing but compute, for as long as it is told to.
 */
import { threadId } from 'node:worker_threads';

export interface Spun {
  readonly end: number;
  readonly thread: number;
}

/** So many steps of a generator of pseudo-random numbers. */
export function spin(steps: number): Spun {
  let end = 1;
  for (let step = 0; step < steps; step++) end = (Math.imul(end, 1_664_525) + 1_013_904_223) | 0;
  return { end, thread: threadId };
}

const tries = 10;
const stepsOfTry = 1_000_000;

/** How many steps take a millisecond on this machine. */
export function stepsPerMs(): number {
  spin(stepsOfTry);
  const took = Array.from({ length: tries }, () => {
    const start = performance.now();
    spin(stepsOfTry);
    return performance.now() - start;
  });
  // Whatever else the machine does makes it only slower: the quickest is the truth.
  return Math.round(stepsOfTry / Math.min(...took));
}
