/** The end of a run, as a thread without a tracer sends it to the runtime that has one. */
import type { Id } from '../core/records.js';
import type { StoredTrace } from './stored-call.js';

/** The job of a run, as far as its thread knows it. */
export interface TracedRun {
  readonly job: Id;
  /** The whole of a part, the map of an item, or the job of a callback; empty for a root. */
  readonly parent: Id;
  readonly role: 'root' | 'part' | 'callback';
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  readonly queue: string;
  /** The name of the agent that claimed the job. */
  readonly agent: string;
  readonly attempt: number;
  /** Node's id of the thread; 0 for none. */
  readonly thread: number;
}

/**
 * `job`: it returned another job. `stopped`: it ended after it was cancelled or timed out.
 * `interrupted`: it ended with its thread.
 */
export type RunOutcome = 'value' | 'failure' | 'job' | 'stopped' | 'interrupted';

export interface RunEnd {
  readonly outcome: RunOutcome;
  readonly error?: { readonly name: string; readonly message: string; readonly stack?: string | undefined } | undefined;
}

/** Times are milliseconds since the epoch. */
export interface RunSpan extends TracedRun, RunEnd {
  /** A whole that ended, from its first start on, instead of a run. */
  readonly whole?: { readonly form: 'serial' | 'parallel' | 'map'; readonly parts: number };
  readonly startedAt: number;
  readonly endedAt: number;
  /** The trace stored with the job; `undefined` if it has none. */
  readonly trace?: StoredTrace | undefined;
  /** The job's stored arguments, where nothing has decoded the trace in them yet. */
  readonly args?: Uint8Array | null;
}

/** The attempt as spans count it: the start of the parts is no run of the postprocess. */
export const spanAttempt = (attempt: number, hasPostprocess: boolean) =>
  hasPostprocess ? Math.max(1, attempt - 1) : attempt;

/** The longest stack that is kept with a span. */
export const longestStack = 8_000;
