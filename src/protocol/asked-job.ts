/**
 * A job as those see it who are asked about it: policies and filters. Nothing can be done to it,
 * and nothing in it changes.
 */

import { idFromBytes, idToText } from '../codec/id.js';
import { decodePayload } from '../codec/payload.js';
import { quotaFromKey } from '../core/records.js';
import type { WireAskedJob } from './questions.js';

/**
 * A job that a function of a job module is asked about. It cannot be changed, and is not told of
 * changes.
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
  /** Own errors that were retried. */
  readonly errors: number;
  /**
   * Interruptions that count against the retry policy: not those by a clean close, nor by the death
   * of a process that another job may have caused.
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

  /**
   * Its arguments, decoded each time they are asked for. A job among them is an object with its id.
   */
  get arguments(): readonly unknown[] {
    if (this.#args === null) return [];
    const reference = (id: Uint8Array) => ({ id: idToText(idFromBytes(id)) });
    const decoded = decodePayload(this.#args, { reference }) as unknown[] | { args: unknown[] };
    return Array.isArray(decoded) ? decoded : decoded.args;
  }
}
