/**
 * Running jobs that wait for others: each holds its thread meanwhile and does nothing there.
 *
 * Nothing stands ahead on such a thread, and what is waited for may have a thread more than there
 * are else.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { State } from '../../core/state/state.js';
import { neededFor, waitsFor } from '../../core/waits.js';

interface Wait {
  readonly by: Id;
  readonly job: Id;
  /** Called where the wait turns out to be without an end; undefined: it has one of its own. */
  readonly refuse: (() => void) | undefined;
  /** What is left to look at of all that must run first, and what is looked at. */
  needed: Iterator<JobRecord, void> | undefined;
  current: JobRecord | undefined;
}

/** So many jobs are looked at in one turn: a whole that is waited for may have many parts. */
const mostLooks = 1000;

export class JobWaits {
  readonly #state: State;
  /** In the order in which they began. */
  readonly #waits = new Set<Wait>();
  /** Runs that have waited, and are not over. */
  readonly #waited = new Set<Id>();

  constructor(state: State) {
    this.#state = state;
  }

  get isEmpty(): boolean {
    return this.#waits.size === 0;
  }

  /** A running job waits for another from now on. Gives what ends that. */
  begin(by: Id, job: Id, refuse: (() => void) | undefined): () => void {
    const wait: Wait = { by, job, refuse, needed: undefined, current: undefined };
    this.#waits.add(wait);
    this.#waited.add(by);
    return () => this.#waits.delete(wait);
  }

  /** The run is over. True if it had waited. */
  over(by: Id): boolean {
    for (const wait of this.#waits) if (wait.by === by) this.#waits.delete(wait);
    return this.#waited.delete(by);
  }

  /** The jobs that wait. */
  get waiting(): ReadonlySet<Id> {
    return new Set(Array.from(this.#waits, ({ by }) => by));
  }

  /** Whether a job cannot end before this one, which runs, is over. */
  isBehind(job: JobRecord, by: Id): boolean {
    const others = new Set([by]);
    for (let size = 0; size < others.size; ) {
      size = others.size;
      for (const wait of this.#waits) if (others.has(wait.job)) others.add(wait.by);
    }
    return waitsFor(this.#state, job, others);
  }

  /** What a job returned may wait for the job that waits for it: nobody else would end that. */
  refuseEndless(): void {
    for (const { by, job: id, refuse } of [...this.#waits]) {
      const job = this.#state.job(id);
      if (refuse !== undefined && job !== undefined && this.isBehind(job, by)) refuse();
    }
  }

  /** The running jobs that cannot end before another has an outcome. */
  get blocked(): ReadonlySet<Id> {
    const blocked = new Set<Id>();
    for (const { by, job, refuse } of this.#waits)
      if (refuse !== undefined && this.#state.job(job)?.outcome === 'none') blocked.add(by);
    return blocked;
  }

  /** Whether what a running job waits for cannot end before this one is further. */
  isAwaited(job: JobRecord): boolean {
    if (this.#isAbove(job)) return true;
    const one = new Set([job.id]);
    for (const wait of this.#waits) {
      const awaited = this.#state.job(wait.job);
      if (awaited !== undefined && waitsFor(this.#state, awaited, one)) return true;
    }
    return false;
  }

  /** It, or what it belongs to, is waited for: found without a look at all parts of a whole. */
  #isAbove(job: JobRecord): boolean {
    for (const wait of this.#waits) if (wait.job === job.id) return true;
    const above = this.#state.job(job.parent);
    return above !== undefined && this.#isAbove(above);
  }

  /**
   * The jobs in line that are waited for. What has been waited for last comes first, so that no
   * more jobs begin to wait than must. Where it is left, it goes on the next time. Ends with true
   * where a turn is not enough.
   */
  *inLine(): Generator<JobRecord, boolean> {
    let left = mostLooks;
    for (const wait of [...this.#waits].reverse()) {
      const awaited = this.#state.job(wait.job);
      if (awaited === undefined) continue;
      // What was looked at in another turn may have come into line since.
      for (let isOld = wait.needed !== undefined; ; ) {
        wait.needed ??= neededFor(this.#state, awaited);
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
