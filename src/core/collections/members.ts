/** Sets and counts by key, for unordered indices. A key takes no memory while it is empty. */
export class Members<T> {
  readonly #sets = new Map<string, Set<T>>();

  of(key: string): ReadonlySet<T> {
    return this.#sets.get(key) ?? empty;
  }

  get isEmpty(): boolean {
    return this.#sets.size === 0;
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

  /** Moves a member from one key to another. An empty key stands for no key. */
  move(member: T, from: string, to: string): void {
    if (from !== '') this.remove(from, member);
    if (to !== '') this.add(to, member);
  }
}

export class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}

const empty: ReadonlySet<never> = new Set();
