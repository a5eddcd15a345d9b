/**
 * The buffers that a put moves to its jobs. They are kept here from the put until the job begins,
 * or ends without a run.
 */

import type { Handed, HandedBuffer } from '../../codec/transfer.js';
import type { Command, JobSpec } from '../../core/commands.js';
import type { Id } from '../../core/records.js';

export class MovedBuffers {
  readonly #byJob = new Map<Id, readonly HandedBuffer[]>();

  /** The number of jobs with buffers here. */
  get size(): number {
    return this.#byJob.size;
  }

  keep(handed: Handed): void {
    for (const [job, buffers] of handed) this.#byJob.set(job, buffers);
  }

  /** Returns the buffers of a job that begins. They belong to the job from then on. */
  take(job: Id): readonly HandedBuffer[] {
    const buffers = this.#byJob.get(job) ?? [];
    this.#byJob.delete(job);
    return buffers;
  }

  /** Drops the buffers of a put that was refused. */
  dropRefused(command: Command): void {
    if (command.type === 'all') for (const inner of command.commands) this.dropRefused(inner);
    else if (command.type === 'put') this.drop(command.jobs);
  }

  drop(jobs: readonly JobSpec[]): void {
    if (this.#byJob.size === 0) return;
    for (const { id, parts, callbacks } of jobs) {
      this.#byJob.delete(id);
      this.drop(parts);
      this.drop(callbacks);
    }
  }
}
