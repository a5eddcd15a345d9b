/**
 * The clock of the database, on which all processes agree, as one process knows it by its own
 * clock. Rates go by it: their starts are counted by processes whose clocks may differ.
 *
 * An answer of the database proves between which bounds the difference of the clocks is. The
 * estimate moves only as far as an answer proves it wrong, so that slow answers do not disturb it.
 */
export class DatabaseClock {
  #aheadMs: number | undefined;

  /** Whole milliseconds by which the database's clock is ahead of the own one. */
  get aheadMs(): number {
    return this.#aheadMs ?? 0;
  }

  /** The database's clock showed a time between two moments of the own clock. */
  note(shown: number, askedAt: number, answeredAt: number): void {
    const [least, most] = [shown - answeredAt, shown - askedAt];
    const before = this.#aheadMs ?? (least + most) / 2;
    this.#aheadMs = Math.round(Math.min(most, Math.max(least, before)));
  }

  /** The own clock was set forward by `byMs`, or back if that is negative. */
  wasSet(byMs: number): void {
    this.#aheadMs = this.aheadMs - byMs;
  }
}
