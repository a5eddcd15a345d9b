/**
 * The port between the coordinator and what asks functions of job modules. Behind it are threads
 * (`questions.ts`), or, in tests, none.
 */
import type { Answer, Question } from '../../protocol/questions.js';

export interface QuestionsPort {
  /** Calls back once, whatever the function does; after `destroy` not at all. */
  ask(question: Question, then: (answer: Answer) => void): void;
  /** Whoever is being asked is ended. Resolves when that is done, or takes too long. */
  destroy(): Promise<void>;
}

/** How long a function has for its answer, once its module is imported. */
export const answerMs = 5_000;
