/**
 * One sync at a time, shared by all who ask: who asks while one is in flight may have appended after it began, and so waits for
 * the next one, together with everybody else who asked meanwhile. Knows nothing of what a sync is.
 */
export class SharedSync {
  readonly #run: () => Promise<number>;
  #inFlight: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  /** `run` must decide what it covers before it first waits. After a failure it is called again only if somebody asks again. */
  constructor(run: () => Promise<number>) {
    this.#run = run;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Resolves with the result of a sync that begins now or later. */
  request(): Promise<number> {
    // The next one is already promised to others also in the moment between the end of a sync and its own begin.
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
