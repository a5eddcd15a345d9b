/** Estimates how long a run of each callable takes, to size batches. Threads measure the runs. */

/** The weight of the newest run: a callable that becomes faster is believed after a few runs. */
const weight = 0.25;

export class Estimates {
  readonly #ms = new Map<string, number>();

  /** The expected milliseconds of a run; `Infinity` if unknown. */
  of(callable: string): number {
    return this.#ms.get(callable) ?? Number.POSITIVE_INFINITY;
  }

  /** All callables that have run, with their milliseconds. */
  all(): ReadonlyMap<string, number> {
    return this.#ms;
  }

  learn(callable: string, ranMs: number): void {
    const known = this.#ms.get(callable);
    // A slow run counts at once, a fast one step by step: a batch that is too small costs little,
    // one that is too large costs much.
    const next = known === undefined || ranMs > 4 * known + 1 ? ranMs : known + (ranMs - known) * weight;
    this.#ms.set(callable, next);
  }
}
