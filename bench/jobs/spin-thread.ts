/**
 * The same jobs without anything around them: a bare worker thread that takes the next number from shared memory while there are any.
 */
import { parentPort } from 'node:worker_threads';
import { spin } from './spin.js';

export interface BareWork {
  /** How many were taken by all threads. */
  readonly taken: Int32Array;
  readonly jobs: number;
  readonly steps: number;
}

parentPort!.on('message', ({ taken, jobs, steps }: BareWork) => {
  const ends = new Set<number>();
  while (Atomics.add(taken, 0, 1) < jobs) ends.add(spin(steps).end);
  parentPort!.postMessage([...ends]);
});
