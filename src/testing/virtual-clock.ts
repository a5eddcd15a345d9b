/**
 * Time that stands still until it is moved: a clock and its timers, for one test.
 *
 * It knows nothing of jobs. Timers of one moment fire in the order in which they were set.
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

  constructor(start: number) {
    this.#now = start;
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => this.#now;

  /** Calls back once, when the clock has been moved by so much. */
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

  /** When the next timer fires; undefined: none is set. */
  get nextAt(): number | undefined {
    return this.#timers[0]?.at;
  }

  /**
   * Moves to the next timer, unless it lies after `limit`, and fires it. A timer that is late fires
   * now.
   */
  fireNext(limit: number): boolean {
    const first = this.#timers[0];
    if (first === undefined || first.at > limit) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, first.at);
    first.callback();
    return true;
  }

  /** Shows this time from now on; what is so far from a timer stays so far from it. */
  set(time: number): void {
    const byMs = time - this.#now;
    this.#now = time;
    for (const timer of this.#timers) timer.at += byMs;
  }

  /** Moves to this time; what it passes by is late, and fires when `fireNext` is called. */
  moveTo(time: number): void {
    this.#now = time;
  }
}

/**
 * The timers of one of those who use a clock: they can be forgotten without those of the others.
 */
export class Timers {
  readonly #clock: VirtualClock;
  readonly #set = new Set<{ clear(): void }>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  readonly now = (): number => this.#clock.now();

  after(delayMs: number, callback: () => void): { clear(): void } {
    const timer = this.#clock.after(delayMs, () => {
      this.#set.delete(timer);
      callback();
    });
    this.#set.add(timer);
    return timer;
  }

  /** Who set them is gone. */
  clear(): void {
    for (const timer of this.#set) timer.clear();
    this.#set.clear();
  }
}
