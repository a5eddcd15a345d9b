/**
 * What a client and the coordinator say to each other. Positional, so that a message is small;
 * batches travel packed (`packing.ts`).
 *
 * Every request has a number of its own; every request is answered once.
 */

import type { Command, InnerCommand, JobOptions, JobSpec } from '../core/commands.js';
import type { Event, Interruption } from '../core/events.js';
import type { AgentFilter, Id, JobForm, JobStatus, Level, Payload, RetryDefaults } from '../core/records.js';
import type { OutcomeForm } from './completed-list.js';

/**
 * A job to be put, as it is sent, with its parts, its callbacks and, the side of a choice, its
 * role.
 */
export type WireJob = [
  id: Id,
  form: JobForm,
  callable: string,
  args: Uint8Array | null,
  options: JobOptions | null,
  parts: WireJob[],
  callbacks: WireJob[],
  role?: 'onSuccess' | 'onFailure',
];

/** A field of a command as it is sent: jobs and payloads become messages, all else stays. */
type Wired<Key, T> = Key extends 'args' | 'failure' | 'value'
  ? Exclude<T, Payload> | Uint8Array
  : T extends readonly JobSpec[]
    ? WireJob[]
    : T;

type WiredCommand<C> = C extends Command ? { readonly [key in keyof C]: Wired<key, C[key]> } : never;

/** What a job may ask for while it runs, and what a client may ask for at once. */
export type WireInnerCommand = WiredCommand<Exclude<InnerCommand, { type: 'all' }>>;

/** What clients may have decided. */
export type WireCommand =
  | { readonly type: 'all'; readonly commands: readonly WireInnerCommand[] }
  | WiredCommand<
      Extract<
        Command,
        {
          type:
            | 'put'
            | 'remove'
            | 'putAgain'
            | 'addCallbacks'
            | 'addParts'
            | 'feed'
            | 'endInput'
            | 'change'
            | 'fail'
            | 'cancel'
            | 'createQueue'
            | 'removeQueue'
            | 'pauseQueue'
            | 'boundQueue'
            | 'setQuota'
            | 'removeQuota'
            | 'setAgent'
            | 'removeAgent'
            | 'unregister'
            | 'annotate';
        }
      >
    >;

/** What clients may ask without anything being changed. */
export type Query =
  | { readonly type: 'job'; readonly job: Id }
  | { readonly type: 'arguments'; readonly job: Id }
  | { readonly type: 'annotations'; readonly job: Id }
  /**
   * The completed parts of a whole from this one on, a piece of them, packed. A job that runs is
   * given long lists in them to ask for in turn.
   */
  | { readonly type: 'completed'; readonly job: Id; readonly from: number; readonly reader: 'job' | 'client' }
  | { readonly type: 'queues' }
  | { readonly type: 'queue'; readonly queue: string }
  | { readonly type: 'line'; readonly queue: string; readonly from: number; readonly count: number }
  | { readonly type: 'quotas'; readonly queue: string }
  | { readonly type: 'agents'; readonly queue: string }
  | { readonly type: 'dispatchers' }
  /** Ids of the jobs that an agent ran and that completed in this time, newest first. */
  | {
      readonly type: 'completedBy';
      readonly queue: string;
      readonly dispatcher: Id;
      readonly name: string;
      readonly from: number;
      readonly to: number;
      readonly limit: number;
    }
  | { readonly type: 'figures' };

export type ClientMessage =
  /** A put of one job whose client also wants its outcome (`deliver`). */
  | ['put', request: number, queue: string, level: Level, job: WireJob]
  | ['do', request: number, level: Level, command: WireCommand]
  /** Answered when the job's call is over, and at once if it is already. */
  | ['outcome', request: number, job: Id]
  | ['ask', request: number, query: Query]
  /** Answered when the annotation is there, or with null after so long. */
  | ['annotation', request: number, job: Id, name: string, timeoutMs: number]
  /**
   * Answered with a `Fed` when at most so many items of the map are under way, or it takes no more.
   */
  | ['fed', request: number, job: Id, most: number]
  /**
   * Answered with a list of `LeftJobs` when nothing in the queue is due or running but for those.
   */
  | ['drained', request: number, queue: string]
  /**
   * From now on what happens is kept for this reader: so many events at most, until it reads them.
   */
  | ['subscribe', request: number, reader: number, limit: number]
  /** Answered with an `EventBatch`, when there is something in it or the reader is gone. */
  | ['events', request: number, reader: number]
  | ['unsubscribe', request: number, reader: number]
  /**
   * Said to a coordinator that took the place of another: who asks has handles that a put gave;
   * `same` as the put was answered.
   */
  | ['hold', request: number, hand: Id, last: Id, same: readonly Id[]]
  /** Nobody has the handles any more that a put gave whose first job had this id. */
  | ['release', request: number, hand: Id]
  | ['close', request: number, graceMs: number];

/** What has happened, and how many events more, which were not kept. */
export type EventBatch = [events: Event[], dropped: number];

/** Jobs of one callable that wait for a build that has it. */
export interface LeftJobs {
  readonly callable: string;
  readonly jobs: number;
}

/** How many items a map has taken, how many of them are done, and whether it takes more. */
export type Fed = [taken: number, done: number, open: boolean];

/** A failure of callsheet's own, as data. */
export type WireError = [code: string, message: string, details: Record<string, unknown>];

export type CoordinatorMessage =
  /** So many requests, from this one on. */
  | ['done', first: number, count: number]
  | ['error', request: number, error: WireError]
  | ['outcome', request: number, kind: OutcomeForm, payload: Uint8Array]
  | ['answer', request: number, value: unknown]
  /** The outcome of the job that was put with this request. */
  | ['deliver', request: number, kind: OutcomeForm, payload: Uint8Array]
  /** It cannot be read. */
  | ['unreadable', request: number, error: WireError]
  /**
   * The outcome of a job that is forgotten from now on, for those who have a handle of it; see
   * `release`.
   */
  | ['kept', hand: Id, job: Id, kind: OutcomeForm, payload: Uint8Array]
  /**
   * The runtime is ready: which functions its modules export, and what of the last run was found.
   */
  | ['ready', found: OpenFigures, modules: Record<string, WireModule>]
  | ['log', level: LogLevel, message: string, detail: string | JobLine]
  /** A line that a job wrote to its logger: pino's, as text. */
  | ['line', callable: string, line: string]
  /** The runtime can go on no longer. */
  | ['fatal', error: WireError];

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];
/** From which level on lines are written. */
export type LogThreshold = LogLevel | 'silent';

/** What a line of the log says of a job. */
export interface JobLine {
  readonly log: 'events' | 'trace';
  readonly callable: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** How it failed; or what was told of an error. */
  readonly failure?: Uint8Array;
  readonly error?: Interruption['error'];
  /** The put of the job, whose client may wait for it: then the line is worth no warning. */
  readonly put?: number | undefined;
}

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
  readonly owner: Id;
  readonly status: JobStatus;
  readonly callable: string;
  /** It waits for a build that has its callable. */
  readonly unknownCallable: boolean;
  readonly queue: string;
  readonly agent: string;
  /** Whose agent it is. */
  readonly dispatcher: Id;
  readonly level: Level;
  readonly priority: number;
  readonly timeoutMs: number;
  readonly unique: string;
  readonly policy: string;
  readonly awaits: readonly AwaitedAnswer[];
  readonly quotas: readonly string[];
  /** The job that it returned; empty for none. */
  readonly inner: Id;
  readonly parts: number;
  readonly partsDone: number;
  /** A map: more items may come. */
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

/** A function of a job module that was asked about a job, and has not answered. */
export interface AwaitedAnswer {
  readonly callable: string;
  /** The agent whose filter it is; empty: it is the job's policy. */
  readonly agent: string;
  readonly since: number;
  /** What was wrong with what it said last; empty for nothing. */
  readonly problem: string;
  /** When it is asked again, if it has not answered by then; 0 is not known. */
  readonly againAt: number;
}

export interface QueueInfo {
  readonly name: string;
  readonly length: number;
  readonly unfinished: number;
  readonly paused: boolean;
  /** At this length, puts wait; 0 is no bound. */
  readonly bound: number;
  /** How many puts wait for room. */
  readonly putsWaiting: number;
}

export interface QuotaInfo {
  readonly name: string;
  readonly size: number;
  readonly rate: number;
  readonly ratePeriodMs: number;
  /** Ids of the jobs that have a place. */
  readonly holders: readonly Id[];
}

export interface DispatcherInfo {
  readonly id: Id;
  readonly host: string;
  readonly pid: number;
  readonly active: boolean;
  readonly activatedAt: number;
  readonly lastPingAt: number;
  readonly agents: readonly AgentInfo[];
}

export interface AgentInfo {
  readonly dispatcher: Id;
  readonly queue: string;
  readonly name: string;
  readonly size: number;
  readonly filter: AgentFilter | null;
  readonly chooser: string | null;
  readonly retry: RetryDefaults;
  /** What is wrong with its filter or chooser, as its own dispatcher knows it, and since when. */
  readonly problem: { readonly message: string; readonly since: number } | null;
  /** Ids of the jobs that it has claimed. */
  readonly running: readonly Id[];
}
