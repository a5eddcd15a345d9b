/**
 * The end of the coordinator: in good order when a client asks for it, at once when the store
 * fails.
 */
import { errorToData } from '../protocol/error-data.js';
import { replyTo } from './clients/replies.js';
import type { Context } from './context.js';
import type { Timer } from './long-timeout.js';

/** The steps of closing that the coordinator takes. */
export interface ClosingSteps {
  /** Gives back all jobs that were claimed and have not begun. */
  readonly takeBackAll: () => void;
  /** The number of jobs that have begun and not ended. */
  readonly running: () => number;
  /** Ends all threads, busy or not. Resolves with the ids of those that did not end in time. */
  readonly endThreads: () => Promise<readonly number[]>;
  /** Resolves when all decisions so far are committed and their effects are released. */
  readonly committed: () => Promise<void>;
  /** Deactivates this dispatcher. */
  readonly leave: () => void;
  /** Called when the store is closed: the resources held for it can be released. */
  readonly closed: () => Promise<void> | undefined;
}

/** Milliseconds that a database may take for the last decisions. */
const lastCommitMs = 10_000;

export class Closing {
  readonly #context: Context;
  readonly #steps: ClosingSteps;
  #isBegun = false;
  #isFinishing = false;
  /** The `close` requests, which are all answered at the end. */
  readonly #requests: number[] = [];
  #deadline: Timer | undefined;

  constructor(context: Context, steps: ClosingSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  /** `true` once nothing is put or claimed any more. */
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
    const { store, post, after } = this.#context;
    const { running, endThreads, committed, leave, closed } = this.#steps;
    const interrupted = running();
    const hanging = await endThreads();
    const limit = store.giveUp && after(lastCommitMs, () => store.giveUp!(lastCommitMs));
    // A job whose claim was under way becomes known only when that claim is released.
    await committed();
    leave();
    const failure = await store.close().then(noFailure, (error: Error) => error);
    limit?.clear();
    await closed();
    for (const request of this.#requests)
      post(failure === undefined ? ['answer', request, { hanging, interrupted }] : replyTo(request, failure));
  }

  /** Ends at once, because nothing can be stored any more. Opening again recovers. */
  fail(error: Error): void {
    this.#context.post(['fatal', errorToData(error)]);
    // A closing that has begun goes on, and gets this error from the store.
    if (!this.#isBegun) this.#isFinishing = true;
    this.#isBegun = true;
    void this.#steps.endThreads().then(() => this.#steps.closed());
  }
}

const noFailure = () => undefined;
