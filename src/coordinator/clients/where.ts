/** Asks a function of a job module which jobs it takes, while an inquiry walks over them. */
import { idToText } from '../../codec/id.js';
import type { JobRecord } from '../../core/records.js';
import { WhereFailedError } from '../../errors.js';
import type { Answer, Verdict, WireAskedJob } from '../../protocol/questions.js';
import type { Records } from '../../store/store.js';
import { Pause } from '../inquiries.js';
import { askedJob } from '../questions/policy-questions.js';
import type { QuestionsPort } from '../questions/questions-port.js';

/** Limits of one question: its jobs, and about the bytes of their arguments. */
const most = { jobs: 256, bytes: 1024 * 1024 };

export type AskWhere = Pick<QuestionsPort, 'ask'>;

export class Where {
  readonly #records: Records;
  readonly #questions: AskWhere;
  readonly #callable: string;
  /** The jobs about which it was not asked yet. */
  readonly #waiting: { readonly job: JobRecord; readonly asked: WireAskedJob }[] = [];
  #bytes = 0;

  constructor(records: Records, questions: AskWhere, callable: string) {
    this.#records = records;
    this.#questions = questions;
    this.#callable = callable;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** `true` if it must be asked before more jobs are added. */
  get isFull(): boolean {
    return this.#waiting.length >= most.jobs || this.#bytes >= most.bytes;
  }

  add(job: JobRecord): void {
    this.#waiting.push({ job, asked: askedJob(this.#records, job) });
    this.#bytes += job.args?.byteLength ?? 0;
  }

  /**
   * Asks about the jobs that were added. Returns those that it takes and that are still there, in
   * order.
   */
  *taken(): Generator<Pause, JobRecord[]> {
    const taken: JobRecord[] = [];
    while (this.#waiting.length > 0) {
      const verdicts = yield* this.#verdicts();
      for (const [index, { job }] of this.#waiting.splice(0, verdicts.length).entries())
        if (verdicts[index] === '+' && this.#records.view.job(job.id) !== undefined) taken.push(job);
    }
    this.#bytes = 0;
    return taken;
  }

  /** Returns the verdicts about the first jobs: as many as the function found in its time. */
  *#verdicts(): Generator<Pause, readonly Verdict[]> {
    const [questions, callable] = [this.#questions, this.#callable];
    const jobs = this.#waiting.map(({ asked }) => asked);
    const answers: Answer[] = [];
    yield new Pause((resume) => {
      questions.ask({ type: 'filter', callable, jobs }, (answer) => {
        answers.push(answer);
        resume();
      });
    });
    const [answer] = answers;
    if (answer?.type !== 'filter') {
      const problem = answer?.type === 'none' ? answer.problem : 'it gave no answer';
      throw new WhereFailedError(`${callable} could not be asked which jobs fit: ${problem}`);
    }
    const bad = jobs[answer.verdicts.indexOf('!')];
    if (bad !== undefined)
      throw new WhereFailedError(
        `${callable} failed when it was asked about job ${idToText(bad.id)}: ${answer.problem}`,
      );
    return answer.verdicts;
  }
}
