/**
 * The store's time: slices of work that yield to the rest of the thread in between, and delayed
 * calls. A simulator has a pace of its own, so that a history can be repeated.
 */

export interface Pace {
  /** Begins a slice. Returns a function that returns whether the slice is over. */
  slice(): () => boolean;
  /** Resolves after all other work of the thread had a turn. */
  turn(): Promise<void>;
  /** Calls `then` once, after `ms` milliseconds. Returns a function that cancels the call. */
  after(ms: number, then: () => void): () => void;
}

/** The longest that a slice blocks the loop. */
const sliceMs = 2;

export const machinePace: Pace = {
  slice() {
    const end = performance.now() + sliceMs;
    return () => performance.now() >= end;
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};
