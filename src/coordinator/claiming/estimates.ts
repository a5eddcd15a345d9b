/**
 * How long each callable takes, as measured where it ran: what decides how many jobs go to a thread
 * at once.
 */

/** The weight of the newest run: a callable that turns slow is believed after a few runs. */
const weight = 0.25;

export class Estimates {
  readonly #ms = new Map<string, number>();

  /** Milliseconds a run of it is expected to take; Infinity while that is unknown. */
  of(callable: string): number {
    return this.#ms.get(callable) ?? Number.POSITIVE_INFINITY;
  }

  learn(callable: string, ranMs: number): void {
    const known = this.#ms.get(callable);
    // A slow run counts at once, a fast one step by step: a batch that is too small costs little,
    // one that is too large much.
    const next = known === undefined || ranMs > 4 * known + 1 ? ranMs : known + (ranMs - known) * weight;
    this.#ms.set(callable, next);
  }
}
