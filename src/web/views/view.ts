/** Views: the data of pages, in sections, so that a tab gets only those that changed. */
import type { Runtime } from '../../runtime/runtime.js';
import type { Shown } from '../shown.js';

/** Values by section. A section that changes often is kept small. */
export type Sections = Readonly<Record<string, unknown>>;

export interface ViewContext {
  readonly callsheet: Runtime;
  readonly shown: Shown;
  readonly memo: Memo;
  /** Arguments of jobs in lists. */
  readonly lines: Memo;
  /** The last actions of visitors, newest first. */
  readonly actions: readonly LoggedAction[];
}

/** An action as the page shows it. */
export interface LoggedAction {
  readonly at: string;
  readonly author: string;
  readonly action: string;
  readonly target: string;
  readonly error: string | undefined;
}

export type View = (context: ViewContext, query: URLSearchParams) => Promise<Sections>;

/** Answers that may be somewhat old, because they cost more than others. */
export class Memo {
  readonly #most: number;
  readonly #kept = new Map<string, { readonly until: number; readonly value: Promise<unknown> }>();

  /** `most`: the number of answers that are kept. */
  constructor(most = 100) {
    this.#most = most;
  }

  /** Returns the answer to a question, which is at most this old. */
  get<T>(key: string, keepMs: number, ask: () => Promise<T>): Promise<T> {
    const now = performance.now();
    const there = this.#kept.get(key);
    if (there !== undefined && there.until > now) return there.value as Promise<T>;
    const value = ask();
    // An error is not kept.
    value.catch(() => this.#kept.delete(key));
    this.#kept.delete(key);
    this.#kept.set(key, { until: now + keepMs, value });
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!);
    return value;
  }
}
