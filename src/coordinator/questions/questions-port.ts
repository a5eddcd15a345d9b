/**
 * The port between the coordinator and the functions of job modules that it asks. Behind it are
 * threads (`questions.ts`) or, in tests, none.
 */
import type { Answer, Question } from '../../protocol/questions.js';

export interface QuestionsPort {
  /**
   * Asks a question. `then` is called once, whatever the function does; after `destroy` it is not
   * called.
   */
  ask(question: Question, then: (answer: Answer) => void): void;
  /** Ends the threads of questions. Resolves when they have ended, or when that takes too long. */
  destroy(): Promise<void>;
}

/** The time that a function has for its answer, once its module is imported. */
export const answerMs = 5_000;
