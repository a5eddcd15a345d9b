/**
 * Runs one sync at a time for all requests, and on demand a second one beside it. A request during
 * a sync may be for bytes appended after it began, so all requests during one sync share the next.
 * Knows nothing of what a sync is.
 */
export class SharedSync {
  readonly #run: (before?: Promise<number>) => Promise<number>;
  /** The sync that ends last. */
  #inFlight: Promise<number> | undefined;
  #next: Promise<number> | undefined;
  #running = 0;

  /**
   * `run` covers the bytes that were appended before its call. A run that gets `before` ends after
   * that sync, and fails if that sync fails. Only a request runs it again.
   */
  constructor(run: (before?: Promise<number>) => Promise<number>) {
    this.#run = run;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  /** `true` if two syncs are in flight. */
  get isDouble(): boolean {
    return this.#running > 1;
  }

  request(): Promise<number> {
    // Between the end of one sync and the start of the next, `#inFlight` is empty but `#next` is
    // already promised.
    if (this.#next !== undefined) return this.#next;
    if (this.#inFlight === undefined) return this.#start();
    this.#next = this.#inFlight.then(() => this.#start());
    return this.#next;
  }

  /** Starts at once, beside the sync in flight, unless there are two or the next is promised. */
  requestBeside(): Promise<number> {
    if (this.#running !== 1 || this.#next !== undefined) return this.request();
    return this.#start(this.#inFlight);
  }

  #start(before?: Promise<number>): Promise<number> {
    this.#next = undefined;
    this.#running++;
    this.#inFlight = this.#runOnce(before);
    return this.#inFlight;
  }

  async #runOnce(before?: Promise<number>): Promise<number> {
    try {
      return await this.#run(before);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#inFlight = undefined;
    }
  }
}
