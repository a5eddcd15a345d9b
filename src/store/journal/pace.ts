/**
 * The store's time: how long work shares its thread with work that is waited for, in slices between
 * which everybody else has a turn, and what is to be done later. A simulator has a pace of its own,
 * so that a history can be repeated.
 */

export interface Pace {
  /** Begins a slice; gives a function that says whether it is over. */
  slice(): () => boolean;
  /** Resolves when all others had their turn. */
  turn(): Promise<void>;
  /** Calls back once, after so many milliseconds; the function that it gives takes that back. */
  after(ms: number, then: () => void): () => void;
}

/** The most that the loop is held up by a slice. */
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
