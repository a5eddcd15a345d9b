/**
 * Asks the jobs' own retry policies and has their answers decided. The records hold the questions;
 * this class only knows which of them are out.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { WireAskedJob } from '../../protocol/questions.js';
import type { Store } from '../../store/store.js';
import type { Context } from '../context.js';

export class PolicyQuestions {
  readonly #context: Context;
  /** The functions of this build. */
  readonly #callables: ReadonlySet<string>;
  /** By job and fence. */
  readonly #out = new Set<string>();

  constructor(context: Context, callables: ReadonlySet<string>) {
    this.#context = context;
    this.#callables = callables;
  }

  /** Asks the policy about the run with this fence, if the job still waits for that answer. */
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

/** The data of a job that a policy, filter or chooser sees. */
export function askedJob(store: Store, job: JobRecord): WireAskedJob {
  const { id, queue, callable, priority, quotas, attempts, errors, interruptions, putAt, deadline } = job;
  const args = job.args === null ? null : store.bytes(job.args);
  return { id, queue, callable, args, priority, quotas, attempts, errors, interruptions, putAt, deadline };
}
