/**
 * The number and bytes of the completed roots, as a process last read them, with its own decisions
 * since then. They say when to ask for exact ones: counting all rows in each turn would cost more
 * than the work itself.
 */
import type { Kept } from '../../core/state/completed.js';
import type { KeptCount } from './database.js';

/** Milliseconds after which others may have changed too much. */
const trustedMs = 1000;

export type Totals = Readonly<Record<Kept, KeptCount>>;

export class KeptTotals {
  readonly #now: () => number;
  #totals: Totals | undefined;
  #readAt = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The totals; `undefined` if they must be read. */
  get current(): Totals | undefined {
    const ageMs = this.#now() - this.#readAt;
    return ageMs >= 0 && ageMs < trustedMs ? this.#totals : undefined;
  }

  read(totals: Totals): void {
    this.#totals = totals;
    this.#readAt = this.#now();
  }

  /** Takes in the changes of a group that is committed. */
  change(after: (before: Totals) => Totals): void {
    if (this.#totals !== undefined) this.#totals = after(this.#totals);
  }
}
