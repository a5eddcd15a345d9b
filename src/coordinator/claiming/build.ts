/**
 * Knows the functions of this build, and finds jobs that wait for another build, as after a deploy.
 */

import { idToText } from '../../codec/id.js';
import { type JobRecord, takesTurns } from '../../core/records.js';
import { isHeldBack } from '../../core/waits.js';
import type { LeftJobs } from '../../protocol/messages.js';
import type { Context } from '../context.js';

/** The most callables that a warning names. */
const mostNamed = 20;

export class Build {
  readonly #context: Context;
  readonly #callables: ReadonlySet<string>;
  /**
   * `true` if the store may hold a job that this build cannot run. In a shared store, others may
   * put one at any time.
   */
  #mayLack = true;
  /** The callables for which `logAwaited` has warned. */
  readonly #awaited = new Set<string>();

  constructor(context: Context, callables: ReadonlySet<string>) {
    this.#context = context;
    this.#callables = callables;
  }

  /** `true` if jobs of this callable can run here. A composition without postprocess has none. */
  knows(callable: string): boolean {
    return callable === '' || this.#callables.has(callable);
  }

  /** `true` if the job waits for a build that has its function. */
  lacksFor({ callable, outcome, status, role }: JobRecord): boolean {
    const isIn = outcome === 'none' && (status !== 'new' || role !== 'root');
    return isIn && !this.knows(callable);
  }

  /** Warns at open about jobs in the store that this build cannot run, with counts by callable. */
  logOpened(): void {
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
  left(queue: string): readonly LeftJobs[] | undefined {
    const { state } = this.#context.store;
    if (!this.#mayLack) return state.busy(queue) ? undefined : nothing;
    // Walking over all jobs takes long. It begins only if no job is found that runs or could run.
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
   * `true` if the job will go on by itself. Not one that waits for its parts, its callbacks or its
   * date.
   */
  #goesOn(job: JobRecord): boolean {
    const { state } = this.#context.store;
    // A holder of the place that it needs is found by the walk itself.
    if (job.queued) return this.knows(job.callable) && !isHeldBack(state, job);
    if (job.claimed) return !takesTurns(job) || this.knows(job.callable);
    if (job.stage === 'policy' || (job.stage === 'waiting' && job.open)) return true;
    // A returned job in the same queue is found by the walk itself.
    const inner = job.stage === 'inner' ? state.job(job.inner) : undefined;
    return inner !== undefined && inner.queue !== job.queue && !this.lacksFor(inner);
  }
}

const nothing: readonly LeftJobs[] = [];
