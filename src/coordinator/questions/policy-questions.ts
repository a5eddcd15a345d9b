/**
 * Asks the jobs' own retry policies and has their answers decided. The records hold the questions;
 * this class only knows which of them are out.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { Question, WireAskedJob } from '../../protocol/questions.js';
import type { Records } from '../../store/store.js';
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
    const key = `${id}${fence}`;
    if (this.#out.has(key)) return;
    const look = (records: Records) => questionOf(records, id, fence);
    const tell = (_: unknown, question?: Question | undefined) => {
      if (question !== undefined && !this.#out.has(key)) this.#ask(key, id, fence, question);
    };
    this.#context.store.read(look, tell, 'decided');
  }

  #ask(key: string, id: Id, fence: number, question: Question): void {
    const { questions, decide } = this.#context;
    if (!this.#callables.has(question.callable))
      return decide({ type: 'unanswered', job: id, fence, problem: 'this build has no such function' });
    this.#out.add(key);
    questions.ask(question, (said) => {
      this.#out.delete(key);
      if (said.type === 'policy') decide({ ...said, type: 'answered', job: id, fence });
      else if (said.type === 'none') decide({ type: 'unanswered', job: id, fence, problem: said.problem });
    });
  }
}

/** Returns the question of a run's policy, if the job still waits for the answer. */
function questionOf(records: Records, id: Id, fence: number): Question | undefined {
  const job = records.view.job(id);
  if (job?.stage !== 'policy' || job.asked === null || job.fence !== fence) return undefined;
  const { policy, question, data } = job.asked;
  const failure = records.bytes(job.result!);
  return { type: 'policy', callable: policy, job: askedJob(records, job), question, failure, data };
}

/** The data of a job that a policy, filter or chooser sees. */
export function askedJob(records: Pick<Records, 'bytes'>, job: JobRecord): WireAskedJob {
  const { id, queue, callable, priority, quotas, attempts, errors, interruptions, putAt, deadline } = job;
  const args = job.args === null ? null : records.bytes(job.args);
  return { id, queue, callable, args, priority, quotas, attempts, errors, interruptions, putAt, deadline };
}
