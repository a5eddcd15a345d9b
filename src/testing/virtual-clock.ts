/**
 * A clock that stands still until the test moves it, and its timers.
 *
 * Timers that are due at the same time fire in the order in which they were set.
 */

interface VirtualTimer {
  at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock {
  #now: number;
  #timers: VirtualTimer[] = [];
  #set = 0;
  /** The sum of all jumps. */
  #jumpedMs = 0;

  constructor(start: number) {
    this.#now = start;
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => this.#now;

  /** Milliseconds that have passed: `set` does not change it. */
  readonly monotonic = (): number => this.#now - this.#jumpedMs;

  /** Calls back once, when the clock has been moved by `delayMs`. */
  after(delayMs: number, callback: () => void): { clear(): void } {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#set++, callback };
    const place = this.#timers.findIndex(({ at }) => at > timer.at);
    this.#timers.splice(place < 0 ? this.#timers.length : place, 0, timer);
    return {
      clear: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** The time of the next timer, or `undefined` if no timer is set. */
  get nextAt(): number | undefined {
    return this.#timers[0]?.at;
  }

  /**
   * Moves to the next timer and fires it. A late timer fires now. Returns `false` if no timer is
   * due by `limit`.
   */
  fireNext(limit: number): boolean {
    const first = this.#timers[0];
    if (first === undefined || first.at > limit) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, first.at);
    first.callback();
    return true;
  }

  /** Sets the clock without passing time: each timer keeps its distance. */
  set(time: number): void {
    const byMs = time - this.#now;
    this.#now = time;
    this.#jumpedMs += byMs;
    for (const timer of this.#timers) timer.at += byMs;
  }

  /** Moves to this time. Timers that it passes are late: `fireNext` fires them. */
  moveTo(time: number): void {
    this.#now = time;
  }
}

/** The timers of one user of a clock, which can be cleared without those of other users. */
export class Timers {
  readonly #clock: VirtualClock;
  readonly #set = new Set<{ clear(): void }>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  readonly now = (): number => this.#clock.now();
  readonly monotonic = (): number => this.#clock.monotonic();

  after(delayMs: number, callback: () => void): { clear(): void } {
    const timer = this.#clock.after(delayMs, () => {
      this.#set.delete(timer);
      callback();
    });
    this.#set.add(timer);
    return timer;
  }

  clear(): void {
    for (const timer of this.#set) timer.clear();
    this.#set.clear();
  }
}
