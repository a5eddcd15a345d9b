/**
 * Answers questions that look at many jobs, in slices, so that neither a turn nor a commit waits
 * for them.
 *
 * A question is a generator: it takes a short step up to each `yield`, and returns its answer. The
 * state may change between two steps. Each turn takes one slice of the questions, after it has
 * claimed and committed.
 */
import type { Records, Tell } from '../store/store.js';
import type { Context } from './context.js';

/**
 * A question on its way. Its result is the answer. It may yield the cost of a longer step, in short
 * steps.
 */
export type Inquiry<T> = Generator<unknown, T>;

/** Yielded by a question that waits for an answer from outside: its walk goes on after `resume`. */
export class Pause {
  readonly begin: (resume: () => void) => void;

  constructor(begin: (resume: () => void) => void) {
    this.begin = begin;
  }
}

interface Asked {
  readonly inquiry: Inquiry<unknown>;
  readonly tell: Tell<unknown>;
}

/** The most questions that are walked by turns; the others wait. */
const mostAtOnce = 2;

/** Limits of a slice. Its time is looked at each `stepsAtOnce` steps. */
const slice = { ms: 1, msWhileSyncing: 0.25, steps: 4096, stepsAtOnce: 256 };

export class Inquiries {
  readonly #context: Pick<Context, 'store' | 'turn'>;
  readonly #stopwatch: () => number;
  /** The first ones take turns. */
  readonly #asked: Asked[] = [];

  /** `stopwatch`: milliseconds since any moment, to measure slices. */
  constructor(context: Pick<Context, 'store' | 'turn'>, stopwatch: () => number) {
    this.#context = context;
    this.#stopwatch = stopwatch;
  }

  /** Asks a question about all records; see `walk`. */
  ask<T>(inquiry: (records: Records) => Inquiry<T>, tell: Tell<T>): void {
    this.#context.store.survey((error, records) => {
      if (records === undefined) tell(error);
      else this.walk(inquiry(records), tell);
    });
  }

  /**
   * Goes on with a question. Calls `tell` with the answer or an error, once all that the question
   * saw is as durable as level `full` demands.
   */
  walk<T>(inquiry: Inquiry<T>, tell: Tell<T>): void {
    this.#asked.push({ inquiry, tell: tell as Asked['tell'] });
    this.#context.turn();
  }

  /** Takes one slice of the questions; the next turn continues. */
  slice(): void {
    const asked = this.#asked;
    if (asked.length === 0) return;
    const { store, turn } = this.#context;
    const endAt = this.#stopwatch() + (store.isSyncing ? slice.msWhileSyncing : slice.ms);
    for (let left = slice.steps; left > 0 && asked.length > 0; left -= slice.stepsAtOnce) {
      const first = asked.shift()!;
      if (!this.#step(first)) asked.splice(mostAtOnce - 1, 0, first);
      if (this.#stopwatch() >= endAt) break;
    }
    if (asked.length > 0) turn();
  }

  /** Takes some steps of a question. Returns `true` if it is over, or has paused. */
  #step({ inquiry, tell }: Asked): boolean {
    try {
      for (let left = slice.stepsAtOnce; left > 0; ) {
        const { done, value } = inquiry.next();
        if (!done && value instanceof Pause) {
          value.begin(() => this.walk(inquiry, tell));
          return true;
        }
        left -= typeof value === 'number' ? value : 1;
        if (!done) continue;
        this.#context.store.read(() => value, tell);
        return true;
      }
      return false;
    } catch (error) {
      tell(error as Error);
      return true;
    }
  }
}
