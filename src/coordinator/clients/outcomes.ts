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
import type { Caller, Callers } from './caller.js';
import { requireJob } from './remembered.js';
import { Waiters } from './waiters.js';

export type OutcomeWaiter = (error: Error | undefined, outcome?: EncodedOutcome) => void;

interface Waiting {
  readonly then: OutcomeWaiter;
  /** Undefined for a running job. */
  readonly caller: Caller | undefined;
}

export class Outcomes {
  readonly #context: Context;
  readonly #build: Build;
  readonly #callers: Callers;
  readonly #waiters = new Waiters<Waiting>();
  /** The outcomes that callers do not take yet, each read when it is sent. */
  readonly #unsent = new Map<Caller, Map<Id, OutcomeWaiter[]>>();

  constructor(context: Context, build: Build, callers: Callers) {
    this.#context = context;
    this.#build = build;
    this.#callers = callers;
  }

  /** Calls back when the job's call has ended; at once if it has. */
  waitFor(id: Id, then: OutcomeWaiter, caller?: Caller): void {
    const waiting = { then, caller };
    this.#waiters.add(id, waiting);
    const ended = (): JobRecord | undefined => {
      const job = requireJob(this.#context.store.state, id);
      return job.outcome === 'none' ? undefined : job;
    };
    const job = this.#context.store.state.job(id);
    if (job?.outcome === 'none') return this.#build.logAwaited(job);
    this.#context.store.read(ended, (error, job) => {
      if (job !== undefined) return this.deliver(job);
      if (error === undefined) return;
      this.#waiters.remove(id, waiting);
      then(error);
    });
  }

  /** Delivers the outcome of a job that has ended before its put was expected to deliver it. */
  catchUp(id: Id): void {
    const ended = () => {
      const job = this.#context.store.state.job(id);
      return job === undefined || job.outcome === 'none' ? undefined : job;
    };
    this.#context.store.read(ended, (_, job) => {
      if (job !== undefined) this.deliver(job);
    });
  }

  /** Ends the waits of a caller that is gone. */
  leave(caller: Caller): void {
    this.#unsent.delete(caller);
    this.#waiters.removeAll((waiting) => waiting.caller === caller);
  }

  /** `true` if the outcome will be sent to a client or a waiter. */
  isAwaited({ id, owner }: JobRecord): boolean {
    return this.#callers.of(owner)?.puts.has(id) === true || this.#waiters.has(id);
  }

  /** `true` if a client or a running job waits for the outcome. */
  isWaitedFor(job: Id): boolean {
    return this.#waiters.has(job);
  }

  /** Returns the request with which the client in this process put the job. */
  ownPutOf(job: Id): number | undefined {
    return this.#callers.own.puts.get(job);
  }

  /** Delivers the outcome in this record. The job may have been forgotten since it was decided. */
  deliver(job: JobRecord): void {
    const owner = this.#callers.of(job.owner);
    const put = owner?.puts.get(job.id);
    const ready = this.#waiters.take(job.id).filter((waiting) => !this.#waitsForRoom(job.id, waiting));
    if (put !== undefined) {
      owner!.puts.delete(job.id);
      const then: OutcomeWaiter = (error, outcome) =>
        owner!.post(
          outcome === undefined
            ? ['unreadable', put, errorToData(error)]
            : ['deliver', put, outcome.kind, outcome.payload],
        );
      const waiting = { then, caller: owner };
      if (!this.#waitsForRoom(job.id, waiting)) ready.unshift(waiting);
    }
    this.#send(
      job,
      ready.map(({ then }) => then),
    );
  }

  /** Keeps the outcome for a caller that takes nothing at the moment. */
  #waitsForRoom(job: Id, { then, caller }: Waiting): boolean {
    if (caller?.isFull?.() !== true) return false;
    let unsent = this.#unsent.get(caller);
    if (unsent === undefined) {
      unsent = new Map();
      this.#unsent.set(caller, unsent);
    }
    const there = unsent.get(job);
    if (there === undefined) unsent.set(job, [then]);
    else there.push(then);
    return true;
  }

  /** Sends the outcomes that waited, while the caller takes more. */
  resume(caller: Caller): void {
    const unsent = this.#unsent.get(caller);
    if (unsent === undefined) return;
    for (const [id, thens] of unsent) {
      if (caller.isFull?.()) return;
      unsent.delete(id);
      // A job that is forgotten was sent before.
      const job = this.#context.store.state.job(id);
      if (job !== undefined) this.#send(job, thens);
    }
    this.#unsent.delete(caller);
  }

  #send(job: JobRecord, thens: readonly OutcomeWaiter[]): void {
    if (thens.length === 0) return;
    const outcome = this.#read(job);
    if (outcome instanceof Error) for (const then of thens) then(outcome);
    else for (const then of thens) then(undefined, outcome);
  }

  /** Sends the outcome to clients with handles, because the job is forgotten now. */
  forgotten(job: JobRecord): void {
    for (const unsent of this.#unsent.values()) {
      this.#send(job, unsent.get(job.id) ?? []);
      unsent.delete(job.id);
    }
    for (const { hands, post } of this.#callers.all()) {
      if (hands.size === 0) continue;
      const found = hands.handsOf(job.id);
      if (found.length === 0) continue;
      const outcome = this.#read(job);
      if (outcome instanceof Error) return;
      for (const hand of found) post(['kept', hand, job.id, outcome.kind, outcome.payload]);
    }
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
