/** Functions that are asked about jobs: policies and filters. They run in the thread of the test, which tells them what to say. */
import type { RetryAnswer, RetryQuestion } from 'callsheet';

/** What they were asked, in order. */
export const questions: RetryQuestion[] = [];

let answers: unknown[] = [];
let last: unknown = false;

/** What the policy says from now on, one after another; the last one again and again. An error is thrown, a promise awaited. */
export function say(...next: unknown[]): void {
  answers = next;
}

/** An answer that is still to come. */
export function laterAnswer(): { promise: Promise<unknown>; give(answer: unknown): void } {
  let give = (_: unknown) => {};
  const promise = new Promise((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

/** Nobody was asked anything. */
export function forgetQuestions(): void {
  questions.length = 0;
  say(false);
}

export function policy(question: RetryQuestion): RetryAnswer | Promise<RetryAnswer> {
  questions.push(question);
  if (answers.length > 0) last = answers.shift();
  if (last instanceof Error) throw last;
  return last as RetryAnswer;
}

/** Counts by itself, up to three, each time a second later than before. */
export function counting({ data }: RetryQuestion): RetryAnswer {
  const count = ((data as { count: number } | undefined)?.count ?? 0) + 1;
  return { retry: count <= 3, afterMs: count * 1000, data: { count } };
}

export const always = () => true;
export const notAFunction = 7;
