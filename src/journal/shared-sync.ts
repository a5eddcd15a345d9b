/**
 * Runs one sync at a time for all requests. A request during a sync may be for bytes appended after
 * it began, so all requests during one sync share the next. Knows nothing of what a sync is.
 */
export class SharedSync {
  readonly #run: () => Promise<number>;
  #inFlight: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  /** `run` must fix what it covers before its first `await`. Only a request runs it again. */
  constructor(run: () => Promise<number>) {
    this.#run = run;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  request(): Promise<number> {
    // Between the end of one sync and the start of the next, `#inFlight` is empty but `#next` is
    // already promised.
    if (this.#next !== undefined) return this.#next;
    if (this.#inFlight === undefined) return this.#start();
    this.#next = this.#inFlight.then(() => this.#start());
    return this.#next;
  }

  #start(): Promise<number> {
    this.#next = undefined;
    this.#inFlight = this.#runOnce();
    return this.#inFlight;
  }

  async #runOnce(): Promise<number> {
    try {
      return await this.#run();
    } finally {
      this.#inFlight = undefined;
    }
  }
}
