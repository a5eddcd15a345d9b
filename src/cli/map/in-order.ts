/** Puts numbered things into the order of their numbers, which begin with 1 and have no gaps. */
export class InOrder<T> {
  readonly #give: (one: T) => void;
  readonly #waiting = new Map<number, T>();
  #next = 1;

  /** @param give Gets the things in order. */
  constructor(give: (one: T) => void) {
    this.#give = give;
  }

  add(number: number, one: T): void {
    if (number !== this.#next) {
      this.#waiting.set(number, one);
      return;
    }
    this.#give(one);
    for (let next = ++this.#next; this.#waiting.has(next); next = ++this.#next) {
      this.#give(this.#waiting.get(next)!);
      this.#waiting.delete(next);
    }
  }
}
