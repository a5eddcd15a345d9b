/** The details of a job as they are sent. */
import type { Id, JobStatus, Level } from '../core/records.js';

/** The details of a job, for a handle. Times are milliseconds since the epoch, 0 for "not yet". */
export interface JobInfo {
  readonly owner: Id;
  readonly status: JobStatus;
  readonly callable: string;
  /** `true` if the job waits for a build that has its callable. */
  readonly unknownCallable: boolean;
  readonly queue: string;
  readonly agent: string;
  readonly dispatcher: Id;
  readonly level: Level;
  readonly priority: number;
  readonly timeoutMs: number;
  readonly unique: string;
  readonly policy: string;
  readonly awaits: readonly AwaitedAnswer[];
  readonly quotas: readonly string[];
  /** The job that it returned; empty if none. */
  readonly inner: Id;
  /** See `JobRecord`; empty if none. */
  readonly retryOf: Id;
  readonly retriedBy: Id;
  readonly parts: number;
  readonly partsDone: number;
  /** `true` for a map that may get more items. */
  readonly open: boolean;
  readonly callbacks: number;
  readonly callbacksDone: number;
  readonly attempts: number;
  readonly errors: number;
  readonly interruptions: number;
  readonly putAt: number;
  readonly beginAfter: number;
  readonly dueAt: number;
  readonly deadline: number;
  readonly firstStartAt: number;
  readonly lastStartAt: number;
  readonly endAt: number;
  readonly completedAt: number;
}

/** A function of a job module that was asked about a job and has not answered. */
export interface AwaitedAnswer {
  readonly callable: string;
  /** The agent that the filter belongs to; empty for the job's retry policy. */
  readonly agent: string;
  readonly since: number;
  /** The problem with its last answer; empty if none. */
  readonly problem: string;
  /** The time at which it is asked again if it has not answered; 0 if not known. */
  readonly againAt: number;
}
