/**
 * The delivery of outcomes. The client that put a job, and the clients and jobs that wait for it,
 * get its outcome when its gate opens. A client with handles from a put of several gets it before
 * the job is forgotten.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { EncodedOutcome } from '../../protocol/completed-list.js';
import { errorToData } from '../../protocol/error-data.js';
import type { Build } from '../claiming/build.js';
import { outcomeFor } from '../claiming/outcome-bytes.js';
import type { Context } from '../context.js';
import { HeldHandles } from './held-handles.js';
import { requireJob } from './queries.js';
import { Waiters } from './waiters.js';

export type OutcomeWaiter = (error: Error | undefined, outcome?: EncodedOutcome) => void;

export class Outcomes {
  readonly #context: Context;
  readonly #build: Build;
  readonly #waiters = new Waiters<OutcomeWaiter>();
  /** The requests of single puts, by job. Their client gets the outcome without asking. */
  readonly #watched = new Map<Id, number>();
  /**
   * The handles of puts of several. Their outcomes are sent on request, and before a job is
   * forgotten.
   */
  readonly heldHandles = new HeldHandles();

  constructor(context: Context, build: Build) {
    this.#context = context;
    this.#build = build;
  }

  /** Registers the job's client for its outcome. `request` is the put. */
  watch(job: Id, request: number): void {
    this.#watched.set(job, request);
  }

  /** Takes the registration back: the put was refused, or gave an earlier job. */
  unwatch(job: Id): void {
    this.#watched.delete(job);
  }

  /** Calls back when the job's call has ended; at once if it has. */
  waitFor(id: Id, then: OutcomeWaiter): void {
    this.#waiters.add(id, then);
    const ended = (): JobRecord | undefined => {
      const job = requireJob(this.#context.store.state, id);
      return job.outcome === 'none' ? undefined : job;
    };
    const job = this.#context.store.state.job(id);
    if (job?.outcome === 'none') return this.#build.logAwaited(job);
    this.#context.store.read(ended, (error, job) => {
      if (job !== undefined) return this.deliver(job);
      if (error === undefined) return;
      this.#waiters.remove(id, then);
      then(error);
    });
  }

  /** `true` if the outcome will be sent to a client or a waiter. */
  isAwaited(job: Id): boolean {
    return this.#watched.has(job) || this.#waiters.has(job);
  }

  /** `true` if a client or a running job waits for the outcome. */
  isWaitedFor(job: Id): boolean {
    return this.#waiters.has(job);
  }

  /** Returns the request of the put whose client gets the job's outcome. */
  putOf(job: Id): number | undefined {
    return this.#watched.get(job);
  }

  /** Delivers the outcome in this record. The job may have been forgotten since it was decided. */
  deliver(job: JobRecord): void {
    const put = this.#watched.get(job.id);
    const waiters = this.#waiters.take(job.id);
    if (put === undefined && waiters.length === 0) return;
    this.#watched.delete(job.id);
    const outcome = this.#read(job);
    if (outcome instanceof Error) {
      if (put !== undefined) this.#context.post(['unreadable', put, errorToData(outcome)]);
      for (const tell of waiters) tell(outcome);
      return;
    }
    if (put !== undefined) this.#context.post(['deliver', put, outcome.kind, outcome.payload]);
    for (const tell of waiters) tell(undefined, outcome);
  }

  /** Sends the outcome to clients with handles, because the job is forgotten now. */
  forgotten(job: JobRecord): void {
    if (this.heldHandles.size === 0) return;
    const hands = this.heldHandles.handsOf(job.id);
    if (hands.length === 0) return;
    const outcome = this.#read(job);
    if (outcome instanceof Error) return;
    for (const hand of hands) this.#context.post(['kept', hand, job.id, outcome.kind, outcome.payload]);
  }

  /** Returns the outcome, or the error with which reading it failed. */
  #read(job: JobRecord): EncodedOutcome | Error {
    try {
      return outcomeFor(this.#context.store, job, 'client');
    } catch (error) {
      return error as Error;
    }
  }
}
