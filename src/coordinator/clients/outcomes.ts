/**
 * Who is told what became of a job, and when: the client that put it and whoever waits for it, here
 * or in another job, as soon as it is there for all to see; whoever has one of many handles that a
 * put gave, before the job is forgotten.
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
  /** Jobs whose outcome their client wants as soon as it is there, by the request that put them. */
  readonly #watched = new Map<Id, number>();
  /**
   * Puts of several: their outcomes come only where they are asked for, and before they are
   * forgotten.
   */
  readonly heldHandles = new HeldHandles();

  constructor(context: Context, build: Build) {
    this.#context = context;
    this.#build = build;
  }

  /** The client is to hear of this job, which it puts with this request. */
  watch(job: Id, request: number): void {
    this.#watched.set(job, request);
  }

  /** The job is not put, or was there before. */
  unwatch(job: Id): void {
    this.#watched.delete(job);
  }

  /** Calls back when the job's call is over; at once if it is already. */
  waitFor(id: Id, then: OutcomeWaiter): void {
    this.#waiters.add(id, then);
    const ended = (): JobRecord | undefined => {
      const job = requireJob(this.#context.store.state, id);
      return job.outcome === 'none' ? undefined : job;
    };
    const job = this.#context.store.state.job(id);
    if (job?.outcome === 'none') return this.#build.tellAwaited(job);
    this.#context.store.read(ended, (error, job) => {
      if (job !== undefined) return this.deliver(job);
      if (error === undefined) return;
      this.#waiters.remove(id, then);
      then(error);
    });
  }

  /** Whether anybody is to be told as soon as the job's call is over. */
  isAwaited(job: Id): boolean {
    return this.#watched.has(job) || this.#waiters.has(job);
  }

  /** Whether anybody asked for its outcome. */
  isWaitedFor(job: Id): boolean {
    return this.#waiters.has(job);
  }

  /** The put that made the job, whose client is told its outcome. */
  putOf(job: Id): number | undefined {
    return this.#watched.get(job);
  }

  /** The record is told from as it is, also if it was forgotten since it was decided. */
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

  /** The job is remembered no more. */
  forgotten(job: JobRecord): void {
    if (this.heldHandles.size === 0) return;
    const hands = this.heldHandles.handsOf(job.id);
    if (hands.length === 0) return;
    const outcome = this.#read(job);
    if (outcome instanceof Error) return;
    for (const hand of hands) this.#context.post(['kept', hand, job.id, outcome.kind, outcome.payload]);
  }

  /** Or why it cannot be read. */
  #read(job: JobRecord): EncodedOutcome | Error {
    try {
      return outcomeFor(this.#context.store, job, 'client');
    } catch (error) {
      return error as Error;
    }
  }
}
