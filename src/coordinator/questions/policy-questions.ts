/**
 * Asks jobs' own policies, and has what they say decided. What waits for an answer is in the
 * records; here is only who was asked.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { WireAskedJob } from '../../protocol/questions.js';
import type { Store } from '../../store/store.js';
import type { Context } from '../context.js';

export class PolicyQuestions {
  readonly #context: Context;
  /** What this build has. */
  readonly #callables: ReadonlySet<string>;
  /** The questions that are out, by job and fence. */
  readonly #out = new Set<string>();

  constructor(context: Context, callables: ReadonlySet<string>) {
    this.#context = context;
    this.#callables = callables;
  }

  /** Asks what becomes of the run under this fence, if that is still the question. */
  ask(id: Id, fence: number): void {
    const { store, questions, decide, turn } = this.#context;
    const job = store.state.job(id);
    if (job?.stage !== 'policy' || job.asked === null || job.fence !== fence) return;
    const { policy, question, data } = job.asked;
    const key = `${id}${fence}`;
    if (this.#out.has(key)) return;
    if (!this.#callables.has(policy)) {
      decide({ type: 'unanswered', job: id, fence, problem: 'this build has no such function' });
      return turn();
    }
    const asked = {
      type: 'policy',
      callable: policy,
      job: askedJob(store, job),
      question,
      failure: store.bytes(job.result!),
      data,
    } as const;
    this.#out.add(key);
    questions.ask(asked, (said) => {
      this.#out.delete(key);
      if (said.type === 'policy') decide({ ...said, type: 'answered', job: id, fence });
      else if (said.type === 'none') decide({ type: 'unanswered', job: id, fence, problem: said.problem });
      turn();
    });
  }
}

/** A job as those see it who are asked about it. */
export function askedJob(store: Store, job: JobRecord): WireAskedJob {
  const { id, queue, callable, priority, quotas, attempts, errors, interruptions, putAt, deadline } = job;
  const args = job.args === null ? null : store.bytes(job.args);
  return { id, queue, callable, args, priority, quotas, attempts, errors, interruptions, putAt, deadline };
}
