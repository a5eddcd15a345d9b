/** Questions about many jobs at once, and their answers, which are plain data. */

import type { JobOptions } from '../core/commands.js';
import type { Id, JobForm, JobRecord, JobRole, JobStatus } from '../core/records.js';
import type { PlaceInLine } from '../core/state/view.js';
import type { JobInfo } from './job-info.js';

/**
 * Names of queues and callables. In a name, `*` stands for any text, as in `images#*`, and `\*`
 * for a star.
 */
export interface KindFilter {
  readonly queue?: string | readonly string[];
  readonly callable?: string | readonly string[];
}

export const countedOutcomes = ['none', 'value', 'failure'] as const;
/** The outcome of a job's call, as far as it has one. */
export type CountedOutcome = (typeof countedOutcomes)[number];

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

/** The fields by which statistics can be summed up. */
export const statFields = ['queue', 'callable'] as const;
/** A field by which statistics can be summed up. */
export type StatField = (typeof statFields)[number];

/** The puts, runs and ends of the jobs of a queue and a callable, in one step of time. */
export interface StatRow {
  /** `*` for all together, if the rows are not by queue; likewise for `callable`. */
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
  /**
   * The jobs that were pending at the end of the last minute of the step that is over; `undefined`
   * if they were not counted: since no job changed, or on a database, where they are counted only
   * while `status` is asked.
   */
  readonly pending: number | undefined;
}

/** Durations since a runtime was opened. */
export interface DurationTotals {
  readonly count: number;
  readonly sumMs: number;
  /** The numbers of durations of at most 0 ms, 1 ms, 3 ms, 7 ms, and so on to 2²⁷ − 1 ms. */
  readonly upTo: readonly number[];
}

/** The counts of a queue and a callable since a runtime was opened. They never fall meanwhile. */
export interface KindTotals
  extends Pick<
    StatRow,
    | 'queue'
    | 'callable'
    | 'put'
    | 'started'
    | 'succeeded'
    | 'failed'
    | 'cancelled'
    | 'expired'
    | 'retried'
    | 'interrupted'
  > {
  readonly wait: DurationTotals;
  readonly run: DurationTotals;
}

/** The use of a function of a job module: for jobs, as a retry policy, or by an agent. */
export type FunctionUse = 'call' | 'retry' | 'filter' | 'choose';

/** A function of a job module that unfinished jobs, a schedule or a setting name. */
export interface NeededFunction {
  readonly callable: string;
  /** Empty for a retry policy of a whole runtime. */
  readonly queue: string;
  readonly use: FunctionUse;
  readonly agent?: string;
  readonly schedule?: string;
  /** The jobs that are not over; 0 for an agent, a schedule and a runtime. */
  readonly jobs: number;
}

/** Counts since a runtime was opened. */
export interface Totals {
  /** At most 200 and one more, `*`, which has all others together. */
  readonly kinds: readonly KindTotals[];
  /** The time in which threads ran jobs, of all threads together, without the running jobs. */
  readonly busyMs: number;
  readonly asOf: string;
}

/** An interval of time: not before `from`, and before `to`. */
export interface Interval<Time> {
  readonly from?: Time;
  readonly to?: Time;
}

/** The times of a job by which it can be found. */
export const intervalNames = ['put', 'due', 'started', 'ended', 'completed'] as const;

/** Every field that is given must fit. */
export interface JobQuery<Time = Date, Where = never> extends KindFilter {
  /** The first digits of its id, or all of them. */
  readonly id?: string;
  readonly status?: JobStatus | readonly JobStatus[];
  readonly outcome?: CountedOutcome;
  readonly role?: JobRole;
  /**
   * A name of the error with which it failed, or of a class of that error; or several. The three
   * nearest classes are known. Also the place at which it was thrown, as `failures` names it.
   */
  readonly error?: string | readonly string[];
  /** The id of its whole, or of the job that it is a callback of. */
  readonly parent?: string;
  /** The name of the agent that claimed it last, and the id of that agent's dispatcher. */
  readonly agent?: string;
  readonly dispatcher?: string;
  /** A quota that it names: with any key, or with this one. */
  readonly quota?: string | { readonly name: string; readonly key: string };
  readonly unique?: string;
  /** Whether it was retried (`retriedBy`). */
  readonly retried?: boolean;
  /** An annotation that it has: with any value, or with one that is stored in the same bytes. */
  readonly annotation?: string | { readonly name: string; readonly value: unknown };
  /**
   * A function of a job module that returns `true` for the job, as the filter of an agent does. It
   * is asked about the jobs that fit otherwise, apart from running jobs, with a limit of 5 s.
   *
   * @example where: work.isLarge
   */
  readonly where?: Where;
  readonly put?: Interval<Time>;
  /** Its date, or the time of its retry, while it waits for it. */
  readonly due?: Interval<Time>;
  /** The first start of its call. */
  readonly started?: Interval<Time>;
  /** The end of its call. */
  readonly ended?: Interval<Time>;
  readonly completed?: Interval<Time>;
}

/** A filter as it is sent: ids and quotas as in records, a value as bytes. */
export interface WireFilter extends Omit<JobQuery<number, string>, 'quota' | 'annotation'> {
  readonly quota?: string;
  readonly annotation?: { readonly name: string; readonly value?: Uint8Array };
}

/** One command for each job that fits a filter. */
export type BulkAction = { readonly filter: WireFilter } & (
  | {
      readonly type: 'retry';
      readonly options: JobOptions;
      readonly parts: 'failed' | 'all';
      readonly callbacks: 'again' | 'none';
    }
  | { readonly type: 'cancel' }
  | { readonly type: 'forget' }
);

/**
 * `oldest`, `newest`: by the put. `claim`: the line of one queue, in the order of claiming, then by
 * date. `completed`: completed roots, the last one first.
 */
export const jobOrders = ['oldest', 'newest', 'claim', 'completed'] as const;
/** An order in which jobs are listed. */
export type JobOrder = (typeof jobOrders)[number];

/** A job in a list. Times are ISO texts; `undefined` for not yet. */
export interface JobRow {
  readonly id: string;
  readonly callable: string;
  readonly queue: string;
  readonly status: JobStatus;
  readonly outcome: CountedOutcome;
  readonly role: JobRole;
  /** The id of its whole, or of the job that it is a callback of. */
  readonly parent: string | undefined;
  readonly priority: number;
  readonly attempts: number;
  /** The size of its arguments, encoded; 0 for none. */
  readonly argumentBytes: number;
  /** The agent that claimed it last. */
  readonly agent: string | undefined;
  readonly put: string;
  /** Its date, or the time of its retry, while it waits for it. */
  readonly due: string | undefined;
  readonly started: string | undefined;
  readonly ended: string | undefined;
  readonly completed: string | undefined;
  /** The failed job that it runs again, and the job that runs it again. */
  readonly retryOf: string | undefined;
  readonly retriedBy: string | undefined;
}

/** Some of the jobs that were asked for. */
export interface JobPage {
  readonly items: readonly JobRow[];
  /** Pass it as `cursor` to go on; `undefined` after the last job. */
  readonly next: string | undefined;
  /** The time of the answer, as an ISO text. */
  readonly asOf: string;
  /** `false` if jobs changed while they were walked over: some may be missing. */
  readonly exact: boolean;
  /** `false` if the walk took too long; `next` goes on with it. */
  readonly complete: boolean;
  /** The number of jobs that were looked at. */
  readonly walked: number;
}

/** The place of a job in an order, as in a cursor. */
export type PlaceInOrder = PlaceInLine & Pick<JobRecord, 'putAt' | 'completedAt'>;

/** An answer to `jobs`, with the place of the last job as it is sent. */
export type WireJobPage = Omit<JobPage, 'next'> & { readonly last: PlaceInOrder | undefined };

/**
 * The fields by which failures can be grouped. `error` is the name of the error. `frame` is the
 * first place in the stack that is in no package, as in `at resize (src/images.js:12)`.
 */
export const failureFields = ['error', 'frame', 'callable', 'queue'] as const;
/** A field by which failures can be grouped. */
export type FailureField = (typeof failureFields)[number];

/** Failed jobs of a step of time. */
export interface FailureStep {
  /** The begin of the step, as an ISO text. */
  readonly from: string;
  readonly count: number;
}

/** Failed jobs that are equal in the fields that were asked for. */
interface FailuresOfOne {
  readonly error?: string;
  /** Empty for an error that was not thrown by a job's code, or without a stack. */
  readonly frame?: string;
  readonly callable?: string;
  readonly queue?: string;
  readonly count: number;
  /**
   * Their number in each step of time in which one completed, oldest first; at most the last 1,000.
   * Only if `stepMs` is given.
   */
  readonly steps?: readonly FailureStep[];
  /** When the first and the last of them completed, as ISO texts. */
  readonly first: string;
  readonly last: string;
  /** The id of the last one. */
  readonly example: string;
}

/** Failed jobs that are equal in the fields that were asked for. */
export interface FailureGroup extends FailuresOfOne {
  /** The message of the example; `undefined` if it is forgotten, or the answer is too long. */
  readonly message: string | undefined;
}

/** A group as it is sent, with the failure of its example. */
export interface WireFailureGroup extends FailuresOfOne {
  readonly failure: Uint8Array | undefined;
}

interface FailuresAnswer<Group> {
  /** The largest group first. */
  readonly groups: readonly Group[];
  /** The number of failed jobs in groups that are not shown. */
  readonly others: number;
  /** The time of the answer, as an ISO text. */
  readonly asOf: string;
  /** `false` if jobs changed meanwhile. */
  readonly exact: boolean;
  /** `false` if the walk took too long: older failures are missing. */
  readonly complete: boolean;
  /** The number of jobs that were looked at. */
  readonly walked: number;
}

/** The failed jobs that are remembered, in groups. */
export type Failures = FailuresAnswer<FailureGroup>;
export type WireFailures = FailuresAnswer<WireFailureGroup>;

/** A callback, a pair of callbacks or a side of one, with the callbacks below it. */
export interface CallbackTree extends JobRow {
  readonly callbacks: readonly CallbackTree[];
}

/**
 * A `call` runs a function. A `choice` is a pair of callbacks; the side that fits the outcome runs.
 * The others are compositions.
 */
export type FullJobForm = Exclude<JobForm, 'chunk'>;

/** A run that failed or was interrupted. */
export interface BadRun {
  readonly attempt: number;
  readonly thread: number;
  /** ISO texts; `started` is `undefined` if a short run had no time to record it. */
  readonly started: string | undefined;
  readonly ended: string;
  readonly end: 'failed' | 'timeout' | 'interrupted';
  /** The name of the error; `undefined` for none. */
  readonly error: string | undefined;
}

/** The jobs to which a job is related, and the sizes of its values. */
export interface JobRelations {
  readonly form: FullJobForm;
  readonly role: JobRole;
  readonly outcome: CountedOutcome;
  /** The thread in which it runs now. */
  readonly thread: number | undefined;
  /** Its whole, or the job that it is a callback of. */
  readonly parent: JobRow | undefined;
  /** At most 100. Items of a map that are done in groups of 256 are no jobs any more. */
  readonly parts: readonly JobRow[];
  /** The callbacks of the job, and those below them. */
  readonly callbacks: readonly CallbackTree[];
  /** `false` if there are more than 100 of them, or more than ten levels. */
  readonly areAllCallbacks: boolean;
  /** The ids of jobs that returned this one and wait for its outcome: at most 100. */
  readonly returnedBy: readonly string[];
  /**
   * Its last runs that failed or were interrupted, at most ten, oldest first. Only those that this
   * process has seen, and of the last 2,000 such jobs.
   */
  readonly runs: readonly BadRun[];
  /** The schedule that put it, and the tick as an ISO text. */
  readonly schedule: { readonly name: string; readonly tick: string } | undefined;
  /** `false` if only the annotations that fit into 256 KiB are there. */
  readonly areAllAnnotations: boolean;
  /** Encoded bytes; 0 for none. */
  readonly argumentBytes: number;
  readonly resultBytes: number;
  /** The time of the answer, as an ISO text. */
  readonly asOf: string;
}

/**
 * Numbers of parts by their states. Folded ones are items of a map that are done, and are no jobs
 * any more; their outcomes are not among the others.
 */
export type PartCounts = readonly [succeeded: number, failed: number, running: number, left: number, folded: number];

/** The parts of a whole in their order, in cells of about as many parts. */
export interface PartsReport {
  readonly cells: readonly PartCounts[];
  readonly totals: PartCounts;
  /** The time of the answer, as an ISO text. */
  readonly asOf: string;
}

export interface WireFullJob extends JobRelations {
  readonly info: JobInfo;
  /** The place of the last part, if there are more. */
  readonly lastPart: PlaceInOrder | undefined;
  /** As pino wrote them. */
  readonly lines: readonly string[];
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

export type MonitorQuery =
  | {
      readonly type: 'jobs';
      readonly filter: WireFilter;
      readonly order: JobOrder;
      readonly limit: number;
      readonly after: PlaceInOrder | undefined;
    }
  | { readonly type: 'fullJob'; readonly job: Id; readonly log: boolean }
  /** Answered with a `PartsReport`. */
  | { readonly type: 'parts'; readonly job: Id; readonly cells: number }
  /** Answered with a `WireExplanation`. */
  | { readonly type: 'explain'; readonly job: Id }
  | {
      readonly type: 'failures';
      readonly filter: WireFilter;
      readonly by: readonly FailureField[];
      readonly since: number;
      readonly limit: number;
      /** 0 for no counts by time. */
      readonly stepMs: number;
    }
  | { readonly type: 'counts'; readonly filter: KindFilter; readonly by: readonly CountField[] }
  /** The number of jobs on which a bulk action would act now. */
  | { readonly type: 'bulkCount'; readonly action: BulkAction }
  /** Answered with `NeededFunction`s. */
  | { readonly type: 'functions' }
  | { readonly type: 'totals' }
  /** Milliseconds since the epoch; `stepMs` 0 is one step. */
  | {
      readonly type: 'stats';
      readonly filter: KindFilter;
      readonly by: readonly StatField[];
      readonly from: number;
      readonly to: number;
      readonly stepMs: number;
    };
