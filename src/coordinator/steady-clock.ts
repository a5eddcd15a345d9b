/**
 * The time of a runtime: the wall clock at its last reading, plus the monotonic time since then.
 *
 * The wall clock can be set, and leaps when a machine wakes up. The rules:
 *
 *   - The wall clock is read every second, and before each batch of messages. In between, time
 *     passes steadily.
 *   - A difference of less than a second is followed silently.
 *   - A larger difference is a jump. It is followed, logged once, and decided as a command
 *     (`core/clock-set.ts`): durations (delays, deadlines, rates) go on as if nothing had happened,
 *     and dates follow the wall clock.
 *   - The age of completed jobs is counted without jumps. A clock that is set back makes no job
 *     older than it shows.
 *   - While no runtime is open, only the wall clock counts.
 */

/** The clocks of the machine, in milliseconds. */
export interface MachineClock {
  /** Since the epoch. Can be set. */
  readonly wall: () => number;
  /** Since an arbitrary moment. Cannot be set. */
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

  /** Reads the wall clock. Returns the jump since the last reading; 0 for none. */
  look(): number {
    const before = this.now();
    this.#lookedAt = readingOf(this.#machine);
    const byMs = this.#lookedAt.wall - before;
    return Math.abs(byMs) < jumpMs ? 0 : byMs;
  }
}

const readingOf = ({ wall, monotonic }: MachineClock) => ({ wall: wall(), monotonic: monotonic() });

/** Largest number of jumps that are remembered. */
const mostJumps = 64;

/** The jumps of a runtime's clock, which tell what the clock showed some time ago. */
export class ClockJumps {
  /** Newest first. `at`: the clock after the jump. */
  readonly #jumps: { readonly at: number; readonly byMs: number }[] = [];

  note(at: number, byMs: number): void {
    this.#jumps.unshift({ at, byMs });
    if (this.#jumps.length > mostJumps) this.#jumps.pop();
  }

  /** Returns how far before `now` the clock showed the moment that was `agoMs` ago. */
  shownMs(agoMs: number, now: number): number {
    let then = now - agoMs;
    for (const { at, byMs } of this.#jumps) {
      if (then >= at) break;
      then -= byMs;
    }
    return now - then;
  }
}
