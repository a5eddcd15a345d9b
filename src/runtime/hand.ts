/**
 * The handles of one put, as long as anybody has one of them: what is forgotten of their jobs
 * meanwhile is kept here.
 */
import type { Id } from '../core/records.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';

export class Hand {
  /** The ids of the put's jobs lie between that of the first and this one. */
  readonly last: Id;
  /** What the jobs turned out to be, where not all of them are new. */
  same: readonly Id[] = [];
  readonly #kept = new Map<Id, EncodedOutcome>();

  constructor(last: Id) {
    this.last = last;
  }

  /** The job is forgotten from now on. */
  keep(job: Id, outcome: EncodedOutcome): void {
    this.#kept.set(job, outcome);
  }

  outcomeOf(job: Id): EncodedOutcome | undefined {
    return this.#kept.get(job);
  }
}
