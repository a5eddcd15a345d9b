/** How long something has taken lately: in the current minute and the one before. */

const windowMs = 60_000;

interface Window {
  count: number;
  sumMs: number;
  longestMs: number;
}

const empty = (): Window => ({ count: 0, sumMs: 0, longestMs: 0 });

export class RecentTimes {
  #current = empty();
  #before = empty();
  #endAt = windowMs;

  /** `at`: when it ended, on a clock that cannot be set. */
  note(tookMs: number, at: number): void {
    if (at >= this.#endAt) this.#pass(at);
    const current = this.#current;
    current.count++;
    current.sumMs += tookMs;
    if (tookMs > current.longestMs) current.longestMs = tookMs;
  }

  of(at: number): { readonly count: number; readonly meanMs: number; readonly longestMs: number } {
    if (at >= this.#endAt) this.#pass(at);
    const [a, b] = [this.#before, this.#current];
    const count = a.count + b.count;
    const meanMs = count === 0 ? 0 : (a.sumMs + b.sumMs) / count;
    return { count, meanMs, longestMs: Math.max(a.longestMs, b.longestMs) };
  }

  #pass(at: number): void {
    this.#before = at < this.#endAt + windowMs ? this.#current : empty();
    this.#current = empty();
    this.#endAt = at + windowMs;
  }
}
