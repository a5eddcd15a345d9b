/**
 * Knows the functions of this build, and finds jobs that wait for another build, as after a deploy.
 */

import { idToText } from '../../codec/id.js';
import { type JobRecord, type JobRole, type JobStatus, takesTurns } from '../../core/records.js';
import { tallyCells } from '../../core/state/tallies.js';
import type { View } from '../../core/state/view.js';
import { isHeldBack } from '../../core/waits.js';
import type { LeftJobs } from '../../protocol/messages.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';

/** The most callables that a warning names. */
const mostNamed = 20;

export class Build {
  readonly #context: Context;
  readonly #callables: ReadonlySet<string>;
  readonly #isAny: boolean;
  /**
   * `true` if the store may hold a job that this build cannot run. In a shared store, others may
   * put one at any time.
   */
  #mayLack = true;
  /** The callables for which `logAwaited` has warned. */
  readonly #awaited = new Set<string>();

  /** `isAny`: no build is there to lack a function, because the store is only read. */
  constructor(context: Context, callables: ReadonlySet<string>, isAny = false) {
    this.#context = context;
    this.#isAny = isAny;
    this.#callables = callables;
  }

  /** `true` if jobs of this callable can run here. A composition without postprocess has none. */
  knows(callable: string): boolean {
    return callable === '' || this.#isAny || this.#callables.has(callable);
  }

  /** `true` if the job waits for a build that has its function. */
  lacksFor({ callable, status, role }: JobRecord): boolean {
    return isUnended(status, role) && !this.knows(callable);
  }

  /** Warns at open about jobs in the store that this build cannot run, with counts by callable. */
  logOpened(): void {
    const look = ({ view }: Records) => this.#unknownCallables(view);
    const tell = (_: unknown, counts: ReadonlyMap<string, number> = new Map()) => this.#logOpened(counts);
    this.#context.store.read(look, tell, 'decided');
  }

  /** Counts the jobs that this build cannot run, by callable; those of one queue if it is given. */
  #unknownCallables(view: View, only?: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { queue, callable, role, counts: cells } of view.tallies()) {
      if (this.knows(callable) || (only ?? queue) !== queue) continue;
      for (const [index, count] of cells.entries()) {
        const isOpen = count > 0 && isUnended(tallyCells[index]?.status, role);
        if (isOpen) counts.set(callable, (counts.get(callable) ?? 0) + count);
      }
    }
    return counts;
  }

  #logOpened(counts: ReadonlyMap<string, number>): void {
    this.#mayLack = counts.size > 0 || !this.#context.store.isExclusive;
    if (counts.size === 0) return;
    let jobs = 0;
    for (const count of counts.values()) jobs += count;
    const named = [...counts].slice(0, mostNamed).map(([callable, count]) => `${callable} (${count})`);
    if (counts.size > mostNamed) named.push(`${counts.size - mostNamed} others`);
    const message = `${jobs} jobs wait for functions that this build does not have: ${named.join(', ')}`;
    this.#context.post(['log', 'warn', message, 'they run when a runtime is opened that has them; cancel() ends them']);
  }

  /** Warns, once a callable, if an awaited job cannot run here. */
  logAwaited(job: JobRecord): void {
    if (!this.#mayLack || !this.lacksFor(job) || this.#awaited.has(job.callable)) return;
    this.#awaited.add(job.callable);
    const message = `an awaited job waits for ${job.callable}, which this build does not have`;
    this.#context.post(['log', 'warn', message, `job ${idToText(job.id)}`]);
  }

  /**
   * Jobs that are left, by callable, in a queue with nothing else to do; `undefined` if more is to
   * do.
   */
  left(view: View, queue: string): readonly LeftJobs[] | undefined {
    if (!view.busy(queue)) return nothing;
    if (!this.#mayLack) return undefined;
    // Walking over all jobs takes long. It begins only if no job is found that runs or could run,
    // and if a job is left.
    if (view.firstManyQueued(queue, ({ callable }) => this.knows(callable), 1, 0).length > 0) return undefined;
    if (view.heldBy(this.#context.dispatcher).some((job) => job.queue === queue && this.#goesOn(view, job)))
      return undefined;
    if (this.#unknownCallables(view, queue).size === 0) return undefined;
    const counts = new Map<string, number>();
    for (const job of view.jobs()) {
      if (job.queue !== queue || job.outcome !== 'none') continue;
      if (this.#goesOn(view, job)) return undefined;
      if (job.queued || job.claimed) counts.set(job.callable, (counts.get(job.callable) ?? 0) + 1);
    }
    return Array.from(counts, ([callable, jobs]) => ({ callable, jobs }));
  }

  /**
   * `true` if the job will go on by itself. Not one that waits for its parts, its callbacks or its
   * date.
   */
  #goesOn(view: View, job: JobRecord): boolean {
    // A holder of the place that it needs is found by the walk itself.
    if (job.queued) return this.knows(job.callable) && !isHeldBack(view, job);
    if (job.claimed) return !takesTurns(job) || this.knows(job.callable);
    if (job.stage === 'policy' || (job.stage === 'waiting' && job.open)) return true;
    // A returned job in the same queue is found by the walk itself.
    const inner = job.stage === 'inner' ? view.job(job.inner) : undefined;
    return inner !== undefined && inner.queue !== job.queue && !this.lacksFor(inner);
  }
}

const nothing: readonly LeftJobs[] = [];

/** `true` if the job is put and its call is not over. */
const isUnended = (status: JobStatus | undefined, role: JobRole) =>
  status === 'pending' || status === 'assigned' || status === 'active' || (status === 'new' && role !== 'root');
