/**
 * The same jobs on a bare worker thread, which takes numbers from shared memory while there are
 * any.
 */
import { parentPort } from 'node:worker_threads';
import { spin } from './spin.js';

export interface BareWork {
  /** The count of jobs taken by all threads. */
  readonly taken: Int32Array;
  readonly jobs: number;
  readonly steps: number;
}

parentPort!.on('message', ({ taken, jobs, steps }: BareWork) => {
  const ends = new Set<number>();
  while (Atomics.add(taken, 0, 1) < jobs) ends.add(spin(steps).end);
  parentPort!.postMessage([...ends]);
});
