/**
 * Sets by key that exist only while they have a member: the shape of every unordered index of the state.
 */
export class Members<T> {
  readonly #sets = new Map<string, Set<T>>();

  of(key: string): ReadonlySet<T> {
    return this.#sets.get(key) ?? empty;
  }

  keys(): IterableIterator<string> {
    return this.#sets.keys();
  }

  count(key: string): number {
    return this.#sets.get(key)?.size ?? 0;
  }

  add(key: string, member: T): void {
    const there = this.#sets.get(key);
    if (there === undefined) this.#sets.set(key, new Set([member]));
    else there.add(member);
  }

  remove(key: string, member: T): void {
    const there = this.#sets.get(key);
    there?.delete(member);
    if (there?.size === 0) this.#sets.delete(key);
  }
}

const empty: ReadonlySet<never> = new Set();
