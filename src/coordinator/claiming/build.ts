/**
 * What this build can run, and which jobs wait for a build that can do more: their functions or
 * modules are not here, as after a deploy.
 */

import { idToText } from '../../codec/id.js';
import { type JobRecord, takesTurns } from '../../core/records.js';
import type { LeftJobs } from '../../protocol/messages.js';
import type { Context } from '../context.js';

/** A warning names so many callables at most. */
const mostNamed = 20;

export class Build {
  readonly #context: Context;
  readonly #callables: ReadonlySet<string>;
  /** Whether a job may be there that this build cannot run: where others put, at any time. */
  #mayLack = true;
  /** Whose jobs were awaited, and said to wait. */
  readonly #awaited = new Set<string>();

  constructor(context: Context, callables: ReadonlySet<string>) {
    this.#context = context;
    this.#callables = callables;
  }

  /**
   * Whether a job with this callable can be run here; a composition without postprocess has none.
   */
  knows(callable: string): boolean {
    return callable === '' || this.#callables.has(callable);
  }

  /** Whether the job waits for a build that has its function. */
  lacksFor({ callable, outcome, status, role }: JobRecord): boolean {
    const isIn = outcome === 'none' && (status !== 'new' || role !== 'root');
    return isIn && !this.knows(callable);
  }

  /** Counts, and says, what of the jobs that the store had is not for this build. */
  tellOpened(): void {
    const counts = new Map<string, number>();
    for (const job of this.#context.store.state.jobs())
      if (this.lacksFor(job)) counts.set(job.callable, (counts.get(job.callable) ?? 0) + 1);
    this.#mayLack = counts.size > 0 || !this.#context.store.isExclusive;
    if (counts.size === 0) return;
    let jobs = 0;
    for (const count of counts.values()) jobs += count;
    const named = [...counts].slice(0, mostNamed).map(([callable, count]) => `${callable} (${count})`);
    if (counts.size > mostNamed) named.push(`${counts.size - mostNamed} others`);
    const message = `${jobs} jobs wait for functions that this build does not have: ${named.join(', ')}`;
    this.#context.post(['log', 'warn', message, 'they run when a runtime is opened that has them; cancel() ends them']);
  }

  /**
   * Somebody waits for the outcome of this job: says so, once a callable, if it cannot come from
   * here.
   */
  tellAwaited(job: JobRecord): void {
    if (!this.#mayLack || !this.lacksFor(job) || this.#awaited.has(job.callable)) return;
    this.#awaited.add(job.callable);
    const message = `an awaited job waits for ${job.callable}, which this build does not have`;
    this.#context.post(['log', 'warn', message, `job ${idToText(job.id)}`]);
  }

  /**
   * What is left of a queue that has nothing to do but for another build, by callable; undefined
   * where there is more to do.
   */
  left(queue: string): readonly LeftJobs[] | undefined {
    const { state } = this.#context.store;
    if (!this.#mayLack) return state.busy(queue) ? undefined : nothing;
    // The walk over all jobs is long: it begins when nothing is seen that could be run, or that
    // runs.
    if (state.firstManyQueued(queue, ({ callable }) => this.knows(callable), 1, 0).length > 0) return undefined;
    if (state.heldBy(this.#context.dispatcher).some((job) => job.queue === queue && this.#goesOn(job)))
      return undefined;
    const counts = new Map<string, number>();
    for (const job of state.jobs()) {
      if (job.queue !== queue || job.outcome !== 'none') continue;
      if (this.#goesOn(job)) return undefined;
      if (job.queued || job.claimed) counts.set(job.callable, (counts.get(job.callable) ?? 0) + 1);
    }
    return Array.from(counts, ([callable, jobs]) => ({ callable, jobs }));
  }

  /**
   * Whether something is to come of this job by itself: not of one that waits for its parts, its
   * callbacks or its date.
   */
  #goesOn(job: JobRecord): boolean {
    const { state } = this.#context.store;
    if (job.queued) return this.knows(job.callable);
    if (job.claimed) return !takesTurns(job) || this.knows(job.callable);
    if (job.stage === 'policy' || (job.stage === 'waiting' && job.open)) return true;
    // In its own queue, the walk comes to that job as well.
    const inner = job.stage === 'inner' ? state.job(job.inner) : undefined;
    return inner !== undefined && inner.queue !== job.queue && !this.lacksFor(inner);
  }
}

const nothing: readonly LeftJobs[] = [];
