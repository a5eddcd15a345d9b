/** A put of one job, from its call to its outcome. */

import type { Id, Level } from '../core/records.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import type { WireJob } from '../protocol/messages.js';

/** Receives an outcome, or the error in its place. */
export interface OutcomeWaiter {
  outcome(outcome: EncodedOutcome): void;
  reject(error: Error): void;
}

/** The error while no process answers; requests are rejected with it. */
export interface Absence {
  error: Error | undefined;
}

/** An outcome that is known, or will be sent without a request. */
export interface ComingOutcome {
  readonly known: EncodedOutcome | undefined;
  wait(waiter: OutcomeWaiter): void;
}

/**
 * A put of one job. Its outcome is sent without a request, and kept while the handle is reachable.
 */
export class Put<Accepted> implements ComingOutcome {
  /**
   * The promise of the caller. Dropped once the put is accepted, since the outcome can be long in
   * coming.
   */
  #by: PutBy<Accepted> | undefined;
  readonly job: Id;
  readonly level: Level;
  isAccepted = false;
  /** The put, to be sent again if the connection is lost. Dropped once it is accepted. */
  again: { readonly queue: string; readonly job: WireJob } | undefined;
  readonly #absence: Absence;
  #outcome: EncodedOutcome | Error | undefined;
  /** The first waiter. Most outcomes have one at most, so only others need an array. */
  #waiting: OutcomeWaiter | undefined;
  #others: OutcomeWaiter[] | undefined;

  constructor([job]: WireJob, level: Level, absence: Absence, by: PutBy<Accepted>) {
    this.job = job;
    this.level = level;
    this.#absence = absence;
    this.#by = by;
  }

  get isWaitedFor(): boolean {
    return !this.isAccepted || this.#waiting !== undefined;
  }

  /** The outcome, if it was received. */
  get known(): EncodedOutcome | undefined {
    return this.#outcome instanceof Error ? undefined : this.#outcome;
  }

  /**
   * Resolves the put: the job is as safe as requested, or its unique key made it the job `same`.
   */
  accept(same?: Id): void {
    this.isAccepted = true;
    this.again = undefined;
    const by = this.#by;
    this.#by = undefined;
    by?.resolve(by.accepted(this, same));
  }

  /**
   * Rejects the put and the waits for its outcome: there is no job, or no more messages about it.
   */
  fail(error: Error): void {
    this.#by?.reject(error);
    this.#by = undefined;
    this.resolve(error);
  }

  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  resolve(outcome: EncodedOutcome | Error): void {
    this.#outcome = outcome;
    this.#tell(outcome);
  }

  /** Rejects the waits so far. The outcome may still come. */
  rejectWaits(error: Error): void {
    this.#tell(error);
  }

  #tell(outcome: EncodedOutcome | Error): void {
    if (this.#waiting !== undefined) tell(this.#waiting, outcome);
    for (const waiter of this.#others ?? none) tell(waiter, outcome);
    this.#waiting = undefined;
    this.#others = undefined;
  }

  wait(waiter: OutcomeWaiter): void {
    const outcome = this.#outcome ?? this.#absence.error;
    if (outcome !== undefined) tell(waiter, outcome);
    else if (this.#waiting === undefined) this.#waiting = waiter;
    else {
      this.#others ??= [];
      this.#others.push(waiter);
    }
  }
}

export interface PutBy<Accepted> {
  resolve(accepted: Accepted): void;
  reject(error: Error): void;
  /** Returns the value of the put; `same` is the job that a unique key made it. */
  accepted(coming: ComingOutcome, same: Id | undefined): Accepted;
}

const none: readonly never[] = [];

function tell(waiter: OutcomeWaiter, outcome: EncodedOutcome | Error): void {
  if (outcome instanceof Error) waiter.reject(outcome);
  else waiter.outcome(outcome);
}
