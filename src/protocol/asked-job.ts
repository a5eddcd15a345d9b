/** A job as policies, filters and choosers see it. */

import { idFromBytes, idToText } from '../codec/id.js';
import { quotaFromKey } from '../core/records.js';
import type { WireAskedJob } from './questions.js';
import { decodeCall } from './stored-call.js';

/**
 * A read-only snapshot of a job, given to a policy, filter or chooser. Later changes of the job do
 * not show in it.
 */
export class AskedJob {
  /** A UUID. */
  readonly id: string;
  readonly queue: string;
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  readonly priority: number;
  readonly quotas: readonly { readonly name: string; readonly key?: string }[];
  /** Runs that have begun, and runs that may have begun when their process died. */
  readonly attempts: number;
  /** Errors of the job itself that were retried. */
  readonly errors: number;
  /**
   * Interruptions that count against the retry policy. Not counted: those by a clean close, and the
   * death of a process that another job may have caused.
   */
  readonly interruptions: number;
  readonly putAt: Date;
  readonly deadline: Date | undefined;
  readonly #args: Uint8Array | null;

  /** @internal */
  constructor(wire: WireAskedJob) {
    this.id = idToText(wire.id);
    this.queue = wire.queue;
    this.callable = wire.callable;
    this.priority = wire.priority;
    this.quotas = wire.quotas.map(quotaFromKey);
    this.attempts = wire.attempts;
    this.errors = wire.errors;
    this.interruptions = wire.interruptions;
    this.putAt = new Date(wire.putAt);
    this.deadline = wire.deadline === 0 ? undefined : new Date(wire.deadline);
    this.#args = wire.args;
  }

  /** The arguments, decoded at each read. A job among them is an object with its `id`. */
  get arguments(): readonly unknown[] {
    const reference = (id: Uint8Array) => ({ id: idToText(idFromBytes(id)) });
    return decodeCall(this.#args, { reference }).args;
  }
}
