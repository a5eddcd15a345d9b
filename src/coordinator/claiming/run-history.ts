/**
 * The last runs that failed or were interrupted, for people who look at a job. They are kept in
 * memory only.
 */
import type { Id } from '../../core/records.js';

/** The most jobs, and the most runs of each. */
const most = { jobs: 2000, runs: 10 };

/** A run that failed or was interrupted. Times are milliseconds since the epoch, 0 for unknown. */
export interface PastRun {
  readonly attempt: number;
  readonly thread: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly end: 'failed' | 'timeout' | 'interrupted';
  /** The name of the error; empty for none. */
  readonly error: string;
}

export class RunHistory {
  /** By job, the one that ended last at the end. */
  readonly #runs = new Map<Id, readonly PastRun[]>();

  note(job: Id, run: PastRun): void {
    const runs = [...this.of(job), run].slice(-most.runs);
    this.#runs.delete(job);
    this.#runs.set(job, runs);
    if (this.#runs.size > most.jobs) this.#runs.delete(this.#runs.keys().next().value!);
  }

  /** The runs of a job, oldest first. */
  of(job: Id): readonly PastRun[] {
    return this.#runs.get(job) ?? [];
  }
}
