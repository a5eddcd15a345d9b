/**
 * What a client and the coordinator say to each other. Positional, so that a message is small; batches travel packed (`packing.ts`).
 *
 * Every request has a number of its own; every request is answered once.
 */
import type { Id, JobForm, Level, OutcomeKind } from '../core/records.js';

/** A job to be put, as a client sends it: id, form, callable, arguments, priority, policy, parts. */
export type WireJob = [
  id: Id,
  form: JobForm,
  callable: string,
  args: Uint8Array | null,
  priority: number,
  policy: string,
  parts: WireJob[],
];

export type ClientMessage =
  | ['put', request: number, queue: string, level: Level, jobs: WireJob[]]
  /** Answered when the job's call is over, and at once if it is already. */
  | ['outcome', request: number, job: Id]
  | ['info', request: number, job: Id]
  | ['stats', request: number]
  | ['close', request: number, graceMs: number];

/** A failure of callsheet's own, as data. */
export type WireError = [code: string, message: string, details: Record<string, unknown>];

export type CoordinatorMessage =
  | ['done', requests: number[]]
  | ['error', request: number, error: WireError]
  | ['outcome', request: number, kind: Exclude<OutcomeKind, 'none'>, payload: Uint8Array]
  | ['answer', request: number, value: unknown]
  /** The runtime is ready: which functions its modules export, and what of the last run was found. */
  | ['ready', found: OpenFigures, modules: Record<string, WireModule>]
  | ['log', level: 'fatal' | 'error' | 'warn' | 'info', message: string, detail: string]
  /** The runtime can go on no longer. */
  | ['fatal', error: WireError];

export interface WireModule {
  readonly functions: string[];
  readonly others: string[];
}

export interface OpenFigures {
  /** Jobs that are remembered, and how many of them are not completed. */
  readonly jobs: number;
  readonly unfinished: number;
  readonly dispatcher: string;
}

/** What is known of a job, for a handle; times in milliseconds since the epoch, 0 for "not yet". */
export interface JobInfo {
  readonly status: string;
  readonly callable: string;
  readonly queue: string;
  readonly parts: number;
  readonly partsDone: number;
  readonly attempts: number;
  readonly interruptions: number;
  readonly putAt: number;
  readonly firstStartAt: number;
  readonly lastStartAt: number;
  readonly endAt: number;
  readonly completedAt: number;
}
