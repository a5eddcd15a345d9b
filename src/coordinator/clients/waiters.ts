/** Waiters by key. */
export class Waiters<T, Key = string> {
  readonly #waiting = new Map<Key, T[]>();

  add(key: Key, waiter: T): void {
    const there = this.#waiting.get(key);
    if (there === undefined) this.#waiting.set(key, [waiter]);
    else there.push(waiter);
  }

  has(key: Key): boolean {
    return this.#waiting.has(key);
  }

  count(key: Key): number {
    return this.#waiting.get(key)?.length ?? 0;
  }

  /** Removes and returns all waiters of the key. */
  take(key: Key): readonly T[] {
    const there = this.#waiting.get(key);
    if (there === undefined) return none;
    this.#waiting.delete(key);
    return there;
  }

  /** Returns `false` if the waiter was taken before. */
  remove(key: Key, waiter: T): boolean {
    const there = this.#waiting.get(key) ?? none;
    const left = there.filter((other) => other !== waiter);
    if (left.length > 0) this.#waiting.set(key, left);
    else this.#waiting.delete(key);
    return left.length < there.length;
  }

  /** Removes the waiters that fit. */
  removeAll(fits: (waiter: T) => boolean): void {
    for (const [key, waiters] of this.#waiting) {
      const left = waiters.filter((waiter) => !fits(waiter));
      if (left.length === 0) this.#waiting.delete(key);
      else this.#waiting.set(key, left);
    }
  }

  keys(): Key[] {
    return [...this.#waiting.keys()];
  }
}

const none: readonly never[] = [];
