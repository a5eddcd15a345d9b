/**
 * Decides when a thread is worn and must be replaced: each job may leave a little memory behind.
 */
import { getHeapStatistics } from 'node:v8';
import type { Recycling } from '../protocol/dispatch.js';

const mb = 1024 * 1024;

export class Wear {
  readonly #afterJobs: number;
  readonly #aboveBytes: number;
  #jobs = 0;
  #isWorn = false;

  constructor({ afterJobs = Number.POSITIVE_INFINITY, aboveHeapMb = Number.POSITIVE_INFINITY }: Recycling = {}) {
    this.#afterJobs = afterJobs;
    this.#aboveBytes = aboveHeapMb * mb;
  }

  /** Counts a job. Must be called between two jobs. */
  count(): void {
    this.#jobs++;
    this.#isWorn ||= this.#jobs >= this.#afterJobs || this.#isHeavy();
  }

  get isWorn(): boolean {
    return this.#isWorn;
  }

  /**
   * Reading the heap size costs about as much as a trivial job, so it is read only if a limit is
   * set.
   */
  #isHeavy(): boolean {
    return Number.isFinite(this.#aboveBytes) && getHeapStatistics().used_heap_size > this.#aboveBytes;
  }
}
