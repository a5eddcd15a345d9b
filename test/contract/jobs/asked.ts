/**
 * Policies and filters. They run in the thread of the test, which prepares their answers.
 */
import type { AskedJob, ChooserQuestion, RetryAnswer, RetryQuestion } from 'callsheet';

/** The questions that the policies received, in order. */
export const questions: RetryQuestion[] = [];

let answers: unknown[] = [];
let last: unknown = false;

/**
 * Sets the answers of the policy, in order; the last one is repeated. An error is thrown, a promise
 * awaited.
 */
export function say(...next: unknown[]): void {
  answers = next;
}

/** Returns a promise of an answer, and the function that resolves it. */
export function laterAnswer(): { promise: Promise<unknown>; give(answer: unknown): void } {
  let give = (_: unknown) => {};
  const promise = new Promise((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

/** Resets questions and answers. */
export function forgetQuestions(): void {
  questions.length = 0;
  filtered.length = 0;
  chosenFrom.length = 0;
  filterSays(() => true);
  chooserSays(() => []);
  say(false);
}

export function policy(question: RetryQuestion): RetryAnswer | Promise<RetryAnswer> {
  questions.push(question);
  if (answers.length > 0) last = answers.shift();
  if (last instanceof Error) throw last;
  return last as RetryAnswer;
}

/** Counts its retries in its own data, up to three, each a second later than the last. */
export function counting({ data }: RetryQuestion): RetryAnswer {
  const count = ((data as { count: number } | undefined)?.count ?? 0) + 1;
  return { retry: count <= 3, afterMs: count * 1000, data: { count } };
}

export const always = () => true;
export const notAFunction = 7;

/**
 * The names of the jobs that the filter and the chooser received, in order, and the functions that
 * answer for them.
 */
export const filtered: string[] = [];
export const chosenFrom: { waiting: string[]; running: string[] }[] = [];
let filterAnswer: (name: string) => unknown = () => true;
let chooserAnswer: (question: ChooserQuestion) => unknown = () => [];

export function filterSays(answer: (name: string) => unknown): void {
  filterAnswer = answer;
}

export function chooserSays(answer: (question: ChooserQuestion) => unknown): void {
  chooserAnswer = answer;
}

/** Returns the first argument of a job, its name here. */
const nameOf = (job: AskedJob) => String(job.arguments[0]);

export function takes(job: AskedJob): boolean | Promise<boolean> {
  filtered.push(nameOf(job));
  return filterAnswer(nameOf(job)) as boolean;
}

export function choose(question: ChooserQuestion): (string | AskedJob)[] {
  const { waiting, running } = question;
  chosenFrom.push({ waiting: waiting.map(nameOf), running: running.map(nameOf) });
  return chooserAnswer(question) as AskedJob[];
}
