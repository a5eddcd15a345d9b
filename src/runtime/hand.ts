/**
 * The handles of one put share a `Hand`. While one of them is reachable, it keeps the outcomes of
 * those jobs that the coordinator forgets.
 */
import type { Id } from '../core/records.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';

export class Hand {
  /**
   * The id of the put's last job; the ids of the others lie between that of the first and this one.
   */
  readonly last: Id;
  /** The ids of all jobs, if unique keys made some of them existing jobs; otherwise empty. */
  same: readonly Id[] = [];
  readonly #kept = new Map<Id, EncodedOutcome>();

  constructor(last: Id) {
    this.last = last;
  }

  /** Keeps the outcome of a job that the coordinator forgets. */
  keep(job: Id, outcome: EncodedOutcome): void {
    this.#kept.set(job, outcome);
  }

  outcomeOf(job: Id): EncodedOutcome | undefined {
    return this.#kept.get(job);
  }
}
