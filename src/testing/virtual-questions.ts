/**
 * Questions in the thread of the test: functions of job modules are called directly, with a time
 * limit on the virtual clock.
 */
import { answerMs, type QuestionsPort } from '../coordinator/questions/questions-port.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import type { Answer, Question } from '../protocol/questions.js';
import { answer } from '../worker/questions.js';
import type { Timers } from './virtual-clock.js';

export class VirtualQuestions implements QuestionsPort {
  readonly #modules: Readonly<Record<string, ModuleSetup>>;
  readonly #clock: Timers;
  readonly #asked = new Set<symbol>();
  /** Number of questions and answers so far. */
  activity = 0;

  constructor(modules: Readonly<Record<string, ModuleSetup>>, clock: Timers) {
    this.#modules = modules;
    this.#clock = clock;
  }

  /** `true` while a question is not answered. */
  get busy(): boolean {
    return this.#asked.size > 0;
  }

  ask(question: Question, then: (answer: Answer) => void): void {
    const asked = Symbol(question.callable);
    this.#asked.add(asked);
    this.activity++;
    const end = (said: Answer) => {
      limit.clear();
      if (!this.#asked.delete(asked)) return;
      this.activity++;
      then(said);
    };
    const late: Answer = { type: 'none', problem: `it has not answered within ${answerMs} ms` };
    const limit = this.#clock.after(answerMs, () => end(late));
    void answer(this.#modules, question).then(end);
  }

  async destroy(): Promise<void> {
    this.#asked.clear();
  }
}
