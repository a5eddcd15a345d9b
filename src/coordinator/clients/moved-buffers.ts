/**
 * Buffers on their way to the jobs that are given them as they are: here from the put until the job
 * begins, or ends without.
 */

import type { Handed, HandedBuffer } from '../../codec/transfer.js';
import type { Id } from '../../core/records.js';
import type { WireCommand, WireJob } from '../../protocol/messages.js';

export class MovedBuffers {
  readonly #byJob = new Map<Id, readonly HandedBuffer[]>();

  /** How many jobs have buffers here. */
  get size(): number {
    return this.#byJob.size;
  }

  keep(handed: Handed): void {
    for (const [job, buffers] of handed) this.#byJob.set(job, buffers);
  }

  /** The job begins: they are its own from here on. */
  take(job: Id): readonly HandedBuffer[] {
    const buffers = this.#byJob.get(job) ?? [];
    this.#byJob.delete(job);
    return buffers;
  }

  /** What was to be put is not. */
  dropRefused(command: WireCommand): void {
    if (command.type === 'all') for (const inner of command.commands) this.dropRefused(inner);
    else if (command.type === 'put') this.drop(command.jobs);
  }

  drop(jobs: readonly WireJob[]): void {
    if (this.#byJob.size === 0) return;
    for (const [id, , , , , parts, callbacks] of jobs) {
      this.#byJob.delete(id);
      this.drop(parts);
      this.drop(callbacks);
    }
  }
}
