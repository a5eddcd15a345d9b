/** Questions about many jobs at once, and their answers, which are plain data. */
import type { JobRole, JobStatus } from '../core/records.js';

/** Names of queues and callables. In a name, `*` stands for any text, as in `images#*`. */
export interface KindFilter {
  readonly queue?: string | readonly string[];
  readonly callable?: string | readonly string[];
}

/** The outcome of a job's call, as far as it has one. */
export type CountedOutcome = 'none' | 'value' | 'failure';

/** The fields by which jobs can be counted. */
export const countFields = ['queue', 'callable', 'role', 'status', 'outcome'] as const;
/** A field by which jobs can be counted. */
export type CountField = (typeof countFields)[number];

/** A number of jobs that are equal in the fields that were asked for. */
export interface CountRow {
  readonly queue?: string;
  readonly callable?: string;
  /** A part, a callback and a side of a pair are jobs of their own. */
  readonly role?: JobRole;
  readonly status?: JobStatus;
  readonly outcome?: CountedOutcome;
  readonly count: number;
}

/** Durations in milliseconds. Quantiles are right within a factor of 1.5. */
export interface DurationStats {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** The ids of the jobs with the least and the most. They may be forgotten. */
  readonly shortest: string;
  readonly longest: string;
}

/** The puts, runs and ends of the jobs of a queue and a callable, in one step of time. */
export interface StatRow {
  readonly queue: string;
  readonly callable: string;
  /** The begin of the step, as an ISO text. */
  readonly from: string;
  readonly put: number;
  /** Runs that are over. */
  readonly started: number;
  readonly succeeded: number;
  /** Without the cancelled and the expired jobs. */
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly retried: number;
  readonly interrupted: number;
  /** The time that roots waited from when they could begin. */
  readonly wait: DurationStats | undefined;
  /** The time of the last run of each job. */
  readonly run: DurationStats | undefined;
}

export type MonitorQuery =
  | { readonly type: 'counts'; readonly filter: KindFilter; readonly by: readonly CountField[] }
  /** Milliseconds since the epoch; `stepMs` 0 is one step. */
  | {
      readonly type: 'stats';
      readonly filter: KindFilter;
      readonly from: number;
      readonly to: number;
      readonly stepMs: number;
    };
