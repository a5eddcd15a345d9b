/**
 * What can be asked of the core, and what it may ask for in return.
 *
 * A command carries all that a decision needs from outside: ids, times are handed in, payloads are opaque. An effect is data: the
 * store releases it when its gate is open, never before. `written`: what was decided is in the journal's file; `synced`: it is on
 * the disk. Every effect can be derived again from the records, so none is lost by a crash between gate and release.
 */
import type { BuiltinPolicy, Id, JobForm, Level, Payload } from './records.js';

/** A job to be put, with the jobs that belong to it. */
export interface JobSpec {
  readonly id: Id;
  readonly form: JobForm;
  /** `module#export`, or empty: a composition without postprocess. */
  readonly callable: string;
  readonly args: Payload | null;
  readonly priority: number;
  readonly policy: BuiltinPolicy;
  readonly parts: readonly JobSpec[];
}

export type InterruptionCause = 'close' | 'thread' | 'process';

export type Command =
  | {
      readonly type: 'put';
      readonly queue: string;
      readonly owner: Id;
      readonly level: Level;
      readonly jobs: readonly JobSpec[];
    }
  /** Takes a job out of its line, to be run (or, a composition, to put its parts). */
  | { readonly type: 'claim'; readonly job: Id }
  /** The job has run for so long that its start is worth a record of its own. */
  | { readonly type: 'begun'; readonly job: Id; readonly fence: number; readonly at: number }
  | {
      readonly type: 'settle';
      readonly job: Id;
      readonly fence: number;
      readonly outcome: 'value' | 'failure';
      readonly payload: Payload;
      readonly startedAt: number;
    }
  /** A claimed job that was not begun goes back to where it was; nothing is counted. */
  | { readonly type: 'giveBack'; readonly job: Id; readonly fence: number }
  /** A begun job lost what it ran on. `failure` is what it fails with if its policy gives up. */
  | {
      readonly type: 'interrupt';
      readonly job: Id;
      readonly fence: number;
      readonly cause: InterruptionCause;
      readonly failure: Payload;
    }
  /** The first command after opening: what the last process left in the middle is put in order. */
  | { readonly type: 'recover'; readonly failure: Payload }
  | { readonly type: 'forget'; readonly keep: Retention };

/** How long completed jobs are remembered: whichever is least. */
export interface Retention {
  readonly ageMs: number;
  readonly count: number;
  readonly bytes: number;
}

/** In the order in which they open. */
export const gates = ['decided', 'written', 'synced'] as const;
export type Gate = (typeof gates)[number];

export type Effect =
  /** The job may run, under this fence. */
  | { readonly type: 'run'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** The job's outcome is there for all to see. */
  | { readonly type: 'settled'; readonly gate: Gate; readonly job: Id };
