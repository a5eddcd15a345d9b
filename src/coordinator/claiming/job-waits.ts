/**
 * Knows the running jobs that wait for other jobs. Each holds its thread meanwhile.
 *
 * Such a thread gets no batch ahead, and awaited jobs may have one thread more than there are
 * otherwise.
 */

import type { Id, JobRecord } from '../../core/records.js';
import { neededPlaces } from '../../core/state/indices.js';
import type { View } from '../../core/state/view.js';
import { heldAbove, mayWaitFor, neededFor, waitsFor } from '../../core/waits.js';

interface Wait {
  readonly by: Id;
  readonly job: Id;
  /** Called if the wait turns out to be endless; `undefined` for a wait with a timeout. */
  readonly refuse: (() => void) | undefined;
  /** The walk over the jobs that must run first, and the job that it is at. */
  needed: Iterator<JobRecord, void> | undefined;
  /** The records of the walk. */
  in: View | undefined;
  current: JobRecord | undefined;
}

function restart(wait: Wait, view: View): void {
  wait.in = view;
  wait.needed = undefined;
  wait.current = undefined;
}

/** The jobs that were claimed in lent places. */
export interface Guests {
  /** Claimed jobs whose places are no longer lent to them. */
  readonly unlent: readonly JobRecord[];
  /** Jobs whose calls are over. */
  readonly over: readonly Id[];
}

/** The most jobs that one turn looks at: an awaited whole may have many parts. */
const mostLooks = 1000;

export class JobWaits {
  /** In the order in which the waits began. */
  readonly #waits = new Set<Wait>();
  /** Runs that have waited and still go on. */
  readonly #waited = new Set<Id>();
  /** Jobs that were claimed in lent places. */
  readonly #guests = new Set<Id>();

  get isEmpty(): boolean {
    return this.#waits.size === 0;
  }

  /** Begins a wait of a running job. Returns the function that ends the wait. */
  begin(by: Id, job: Id, refuse: (() => void) | undefined): () => void {
    const wait: Wait = { by, job, refuse, needed: undefined, in: undefined, current: undefined };
    this.#waits.add(wait);
    this.#waited.add(by);
    return () => this.#waits.delete(wait);
  }

  /** Ends all waits of a run that is over. Returns `true` if the run had waited. */
  over(by: Id): boolean {
    for (const wait of this.#waits) if (wait.by === by) this.#waits.delete(wait);
    return this.#waited.delete(by);
  }

  /** Returns the places, in its queue or in `queue`, of running jobs that wait for this one. */
  lentTo(view: View, job: JobRecord, queue = job.queue, seen = new Set<Wait>()): readonly string[] {
    const lent: string[] = [];
    for (const wait of this.#waits) {
      const by = view.job(wait.by);
      if (by === undefined || seen.has(wait) || !this.#isFor(view, wait, job)) continue;
      seen.add(wait);
      if (by.queue === queue) lent.push(...by.places);
      lent.push(...heldAbove(view, by, queue), ...this.lentTo(view, by, queue, seen));
    }
    return lent;
  }

  /** Notes a job that is claimed in the places of jobs that wait for it. */
  addGuest(job: Id): void {
    this.#guests.add(job);
  }

  get hasGuests(): boolean {
    return this.#guests.size > 0;
  }

  /** Returns the guests that need places of their own, and those that need none any more. */
  guests(view: View): Guests {
    const unlent: JobRecord[] = [];
    const over: Id[] = [];
    for (const id of this.#guests) {
      const job = view.job(id);
      if (job?.claimed) {
        const lent = this.lentTo(view, job);
        if (!neededPlaces(job).every((place) => lent.includes(place))) unlent.push(job);
      } else if (job?.outcome !== 'none') over.push(id);
    }
    return { unlent, over };
  }

  dropGuests(guests: readonly Id[]): void {
    for (const id of guests) this.#guests.delete(id);
  }

  /** The jobs that this running job waits for. */
  awaitedBy(by: Id): readonly Id[] {
    return Array.from(this.#waits).flatMap((wait) => (wait.by === by ? [wait.job] : []));
  }

  get waiting(): ReadonlySet<Id> {
    return new Set(Array.from(this.#waits, ({ by }) => by));
  }

  /** `true` if `job` cannot end before the running job `by` is over. */
  isBehind(view: View, job: JobRecord, by: Id): boolean {
    const others = new Set([by]);
    for (let size = 0; size < others.size; ) {
      size = others.size;
      for (const wait of this.#waits) {
        const awaited = view.job(wait.job);
        if (awaited !== undefined && waitsFor(view, awaited, others)) others.add(wait.by);
      }
    }
    return waitsFor(view, job, others);
  }

  /**
   * Returns the function that refuses a wait which has become endless: a job that was just returned
   * may wait for a job that waits for it, directly or not.
   */
  endless(view: View): (() => void) | undefined {
    for (const { by, job: id, refuse } of this.#waits) {
      const job = view.job(id);
      if (refuse !== undefined && job !== undefined && this.isBehind(view, job, by)) return refuse;
    }
    return undefined;
  }

  /** Returns the running jobs that cannot end before another job has its outcome. */
  blocked(view: View): ReadonlySet<Id> {
    const blocked = new Set<Id>();
    for (const { by, job, refuse } of this.#waits)
      if (refuse !== undefined && view.job(job)?.outcome === 'none') blocked.add(by);
    return blocked;
  }

  /** `true` if a job that a running job waits for cannot end before this one is further. */
  isAwaited(view: View, job: JobRecord): boolean {
    if (this.#isAbove(view, job)) return true;
    for (const wait of this.#waits) if (this.#isFor(view, wait, job)) return true;
    return false;
  }

  /** `true` if the wait cannot end before the job continues. */
  #isFor(view: View, wait: Wait, job: JobRecord): boolean {
    for (let one: JobRecord | undefined = job; one !== undefined; one = view.job(one.parent))
      if (one.id === wait.job) return true;
    const awaited = view.job(wait.job);
    return awaited !== undefined && mayWaitFor(view, awaited, job.id);
  }

  /** `true` if the job or a whole above it is awaited. Needs no look at all parts of a whole. */
  #isAbove(view: View, job: JobRecord): boolean {
    for (const wait of this.#waits) if (wait.job === job.id) return true;
    const above = view.job(job.parent);
    return above !== undefined && this.#isAbove(view, above);
  }

  /**
   * Yields the awaited jobs that are in line, beginning with the newest wait, so that no more jobs
   * than necessary begin to wait. A walk that is left goes on at the same place the next time.
   * Returns `true` if one turn was not enough.
   */
  *inLine(view: View): Generator<JobRecord, boolean> {
    for (const wait of this.#waits) if (wait.in !== view) restart(wait, view);
    try {
      return yield* this.#inLine(view);
    } catch (error) {
      // The look is repeated with more records.
      for (const wait of this.#waits) restart(wait, view);
      throw error;
    }
  }

  *#inLine(view: View): Generator<JobRecord, boolean> {
    let left = mostLooks;
    for (const wait of [...this.#waits].reverse()) {
      const awaited = view.job(wait.job);
      if (awaited === undefined) continue;
      // Jobs passed in an earlier turn may have come into line since.
      for (let isOld = wait.needed !== undefined; ; ) {
        wait.needed ??= neededFor(view, awaited);
        wait.current ??= wait.needed.next().value ?? undefined;
        if (wait.current === undefined) {
          wait.needed = undefined;
          if (!isOld) break;
          isOld = false;
          continue;
        }
        if (wait.current.queued) yield wait.current;
        wait.current = undefined;
        if (--left === 0) return true;
      }
    }
    return false;
  }
}
