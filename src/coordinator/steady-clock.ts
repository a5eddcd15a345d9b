/**
 * The time of a runtime: the wall clock's, as it was when it was last looked at, and what has
 * passed since on the monotonic clock.
 *
 * Somebody may set the wall clock, and it leaps when a machine wakes up. The rule:
 *
 *   - The wall clock is looked at every second, and before each batch of messages. In between, time
 *     passes steadily.
 *   - A difference of less than a second is followed without a word.
 *   - A larger one is a jump: it is followed too, logged once, and the core is told
 *     (`core/clock-set.ts`), so that durations
 *     (delays, deadlines, rates) go on as if nothing had happened, and dates follow the wall clock.
 *   - The age of completed jobs is counted without the jumps; set back, the clock makes none older
 *     than it shows.
 *   - While nothing is open there is only the wall clock: what it says has passed counts as passed.
 */

/** The clocks of the machine, in milliseconds. */
export interface MachineClock {
  /** Since the epoch; can be set. */
  readonly wall: () => number;
  /** Since any moment; never set. */
  readonly monotonic: () => number;
}

const jumpMs = 1000;

export class SteadyClock {
  readonly #machine: MachineClock;
  #lookedAt: { readonly wall: number; readonly monotonic: number };

  constructor(machine: MachineClock) {
    this.#machine = machine;
    this.#lookedAt = readingOf(machine);
  }

  /** Whole milliseconds since the epoch. */
  readonly now = (): number => Math.floor(this.#lookedAt.wall + this.#machine.monotonic() - this.#lookedAt.monotonic);

  /**
   * Looks at the wall clock. Gives by how much that was set since the last look; 0 where it was
   * not.
   */
  look(): number {
    const before = this.now();
    this.#lookedAt = readingOf(this.#machine);
    const byMs = this.#lookedAt.wall - before;
    return Math.abs(byMs) < jumpMs ? 0 : byMs;
  }
}

const readingOf = ({ wall, monotonic }: MachineClock) => ({ wall: wall(), monotonic: monotonic() });

/** So many jumps are remembered at most. */
const mostJumps = 64;

/** The jumps of a runtime's clock: what the clock showed some time ago. */
export class ClockJumps {
  /** The newest first: what the clock showed after the jump, and by how much it was set. */
  readonly #jumps: { readonly at: number; readonly byMs: number }[] = [];

  note(at: number, byMs: number): void {
    this.#jumps.unshift({ at, byMs });
    if (this.#jumps.length > mostJumps) this.#jumps.pop();
  }

  /** How far back on the clock that was which happened so long ago. */
  shownMs(agoMs: number, now: number): number {
    let then = now - agoMs;
    for (const { at, byMs } of this.#jumps) {
      if (then >= at) break;
      then -= byMs;
    }
    return now - then;
  }
}
