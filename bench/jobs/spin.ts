/**
 * A job that only computes.
 */
import { threadId } from 'node:worker_threads';

export interface Spun {
  readonly end: number;
  readonly thread: number;
}

/** Computes `steps` steps of a generator of pseudo-random numbers. */
export function spin(steps: number): Spun {
  let end = 1;
  for (let step = 0; step < steps; step++) end = (Math.imul(end, 1_664_525) + 1_013_904_223) | 0;
  return { end, thread: threadId };
}

const tries = 10;
const stepsOfTry = 1_000_000;

/** Returns the steps that take a millisecond on this machine. */
export function stepsPerMs(): number {
  spin(stepsOfTry);
  const took = Array.from({ length: tries }, () => {
    const start = performance.now();
    spin(stepsOfTry);
    return performance.now() - start;
  });
  // Other work of the machine only slows a try down, so the quickest one is right.
  return Math.round(stepsOfTry / Math.min(...took));
}
