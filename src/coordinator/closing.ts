/**
 * The end of the coordinator: in good order, when a client asks for it, or at once, when the store
 * can keep nothing any more.
 */
import { errorToData } from '../protocol/error-data.js';
import { replyTo } from './clients/replies.js';
import type { Context } from './context.js';
import type { Timer } from './long-timeout.js';

/** The steps of closing that the coordinator takes. */
export interface ClosingSteps {
  /** All that was claimed and not begun goes back. */
  readonly takeBackAll: () => void;
  /** Ends all threads, whatever they do. Gives the ids of those that did not end in time. */
  readonly endThreads: () => Promise<readonly number[]>;
  /** Resolves when all that was decided by now is kept, and its effects are released. */
  readonly committed: () => Promise<void>;
  /** This dispatcher works no more. */
  readonly leave: () => void;
  /** Everything is closed: what was held for the store can go. */
  readonly closed: () => Promise<void> | undefined;
}

export class Closing {
  readonly #context: Context;
  readonly #steps: ClosingSteps;
  #isBegun = false;
  #isFinishing = false;
  /** Who asked for it. */
  readonly #requests: number[] = [];
  #deadline: Timer | undefined;

  constructor(context: Context, steps: ClosingSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  /** Nothing is put or claimed any more. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** Stops claims, and waits for running jobs that can end, but no longer than `graceMs`. */
  begin(request: number, graceMs: number): void {
    this.#requests.push(request);
    if (this.#isBegun) return;
    this.#isBegun = true;
    if (Number.isFinite(graceMs)) this.#deadline = this.#context.after(graceMs, () => void this.finish());
    this.#steps.takeBackAll();
  }

  /** Interrupts the jobs that still run, since none of them can end or the grace is over. */
  async finish(): Promise<void> {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    this.#deadline?.clear();
    const { store, post } = this.#context;
    const { endThreads, committed, leave, closed } = this.#steps;
    const hanging = await endThreads();
    // What was claimed and never came here is here once its claim is released.
    await committed();
    leave();
    const failure = await store.close().then(noFailure, (error: Error) => error);
    await closed();
    for (const request of this.#requests)
      post(failure === undefined ? ['answer', request, { hanging }] : replyTo(request, failure));
  }

  /** Nothing can be kept any more, so nothing goes on: opening again recovers. */
  fail(error: Error): void {
    this.#context.post(['fatal', errorToData(error)]);
    // Who had begun to close goes on with it, and hears of this from the store.
    if (!this.#isBegun) this.#isFinishing = true;
    this.#isBegun = true;
    void this.#steps.endThreads().then(() => this.#steps.closed());
  }
}

const noFailure = () => undefined;
