/**
 * The messages between a client and the coordinator. They are tuples, to be small, and travel in
 * batches (`message-runs.ts`).
 *
 * Every request has a number of its own and gets exactly one answer.
 */

import type { Command, InnerCommand, JobOptions, JobSpec } from '../core/commands.js';
import type { Event, Interruption } from '../core/events.js';
import type {
  AgentFilter,
  Id,
  JobForm,
  Level,
  LogLevel,
  LogThreshold,
  Payload,
  RetryDefaults,
  ScheduleRecord,
  ScheduleSettings,
} from '../core/records.js';
import type { PlaceInLine } from '../core/state/view.js';
import type { EncodedOutcome, OutcomeForm } from './completed-list.js';
import type { BulkAction, MonitorQuery } from './monitor.js';
import type { RunSpan } from './run-span.js';
import type { StatusQuery } from './status.js';
import type { StoredTrace } from './stored-call.js';

/** A job as it is sent, with its parts, its callbacks and, for a side of a choice, its role. */
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

/** A field of a command as it is sent: jobs become `WireJob`s, payloads become bytes. */
type Wired<Key, T> = Key extends 'args' | 'failure' | 'value'
  ? Exclude<T, Payload> | Uint8Array
  : T extends readonly JobSpec[]
    ? WireJob[]
    : T;

/** A command as it is sent. Its receiver knows who puts, how safely, and the ids of copies. */
type WiredCommand<C> = C extends Command
  ? { readonly [key in keyof C as Exclude<key, 'owner' | 'level' | 'ids' | 'chunks'>]: Wired<key, C[key]> }
  : never;

/** The commands that a running job may send to be decided with its outcome. */
export type WireInnerCommand = WiredCommand<Exclude<InnerCommand, { type: 'all' }>>;

/** Retries a job. Its receiver makes the ids of the copy, and stores the trace with it. */
export type WireRetry = WiredCommand<Extract<Command, { type: 'retry' }>> & {
  readonly trace?: StoredTrace | undefined;
};

/** Changes a job. Its receiver keeps the data that the put stored beside the arguments. */
export type WireChange = WiredCommand<Extract<Command, { type: 'change' }>>;

/** The commands that clients may send. */
export type WireCommand =
  | WireRetry
  | WireChange
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

/** Queries change nothing. */
export type Query =
  | { readonly type: 'job'; readonly job: Id }
  | { readonly type: 'arguments'; readonly job: Id }
  | { readonly type: 'annotations'; readonly job: Id }
  /**
   * A packed piece of the completed parts of a whole, from a part on. In a piece for a running job
   * (`reader`), long lists are references.
   */
  | { readonly type: 'completed'; readonly job: Id; readonly from: number; readonly reader: 'job' | 'client' }
  | { readonly type: 'queues' }
  | { readonly type: 'queue'; readonly queue: string }
  | { readonly type: 'quotas'; readonly queue: string }
  | { readonly type: 'agents'; readonly queue: string }
  | { readonly type: 'dispatchers' }
  /** Ids of the jobs of an agent that completed in this time, newest first. */
  | {
      readonly type: 'completedBy';
      readonly queue: string;
      readonly dispatcher: Id;
      readonly name: string;
      readonly from: number;
      readonly to: number;
      readonly limit: number;
    }
  | { readonly type: 'figures' }
  /** The `ScheduleInfo`s of all schedules, or of the one of this name. */
  | { readonly type: 'schedules'; readonly name?: string }
  /** The `TickInfo` of the schedule that put the root of this job; null if none did. */
  | { readonly type: 'tick'; readonly job: Id };

/** A query that may look at many jobs, so that it is answered in slices. */
export type WalkingQuery =
  | MonitorQuery
  | StatusQuery
  /**
   * A `LinePage`: `count` jobs of a queue's line, after `skip` others, behind the place `after`.
   */
  | {
      readonly type: 'line';
      readonly queue: string;
      readonly skip: number;
      readonly count: number;
      readonly after?: PlaceInLine | undefined;
    };

export interface LinePage {
  readonly jobs: readonly Id[];
  /** The place of the last one, for the next page; `undefined` if the line has no more jobs. */
  readonly last: PlaceInLine | undefined;
}

/** The commands about schedules, whose ticks the coordinator computes. */
export type ScheduleCommand =
  /** `template` is the encoded `StoredTemplate` of `job`. */
  | {
      readonly type: 'setSchedule';
      readonly settings: ScheduleSettings;
      readonly template: { readonly id: Id; readonly args: Uint8Array };
      readonly job: WireJob;
    }
  | { readonly type: 'removeSchedule'; readonly name: string }
  | { readonly type: 'pauseSchedule'; readonly name: string; readonly paused: boolean }
  /** Answered with the ids of the jobs that are put: without `ticks`, of one that runs now. */
  | { readonly type: 'runTicks'; readonly name: string; readonly ticks?: readonly number[] };

/** A job of a schedule as it is stored: an argument of the job that holds it. */
export interface StoredTemplate {
  /** The time from which the delays in the job count. */
  readonly encodedAt: number;
  readonly job: WireJob;
}

export type ScheduleInfo = Omit<ScheduleRecord, 'kind' | 'template' | 'series' | 'digest' | 'zones'>;

/** The tick for which a job was put. Times are milliseconds since the epoch. */
export interface TickInfo {
  readonly name: string;
  readonly at: number;
  /** The last tick whose job has succeeded; 0 for none. */
  readonly previousSuccess: number;
  readonly missed: number;
}

export type ClientMessage =
  /** Puts of one job each. Their client also wants the outcomes (`deliver`). */
  | ['puts', first: number, queue: string, level: Level, jobs: WireJob[], again?: boolean]
  | ['do', request: number, level: Level, command: WireCommand]
  | ['schedule', request: number, level: Level, command: ScheduleCommand]
  /** Answered when the job's call is over. */
  | ['outcome', request: number, job: Id]
  | ['ask', request: number, query: Query | WalkingQuery]
  /** Answered with the annotation once it exists, or with null after `timeoutMs`. */
  | ['annotation', request: number, job: Id, name: string, timeoutMs: number]
  /**
   * Answered with a `Fed` when at most `most` items of the map are unfinished, or it takes no more.
   */
  | ['fed', request: number, job: Id, most: number]
  /**
   * Answered when nothing in the queue, or at one moment in any, is due or running, except the
   * `LeftJobs` in the answer.
   */
  | ['drained', request: number, queue: string | null]
  /**
   * Takes the first step of a bulk action, or the next one of the action with this number. Answered
   * with a `BulkStep` once it is durable.
   */
  | ['bulk', request: number, bulk: number, action: BulkAction | null]
  /** Ends a bulk action, also one whose step is under way. */
  | ['endBulk', request: number, bulk: number]
  /**
   * Starts keeping events for this reader, at most `limit` of them until it reads; with `runs` the
   * ended runs of this process's threads instead.
   */
  | ['subscribe', request: number, reader: number, limit: number, runs?: true]
  /**
   * Answered with an `EventBatch` or a `SpanBatch` when it has something to read, or when the
   * reader is gone.
   */
  | ['events', request: number, reader: number]
  | ['unsubscribe', request: number, reader: number]
  /**
   * Sent to a restarted coordinator: the client has handles of the put `hand`. `same` is the put's
   * answer.
   */
  | ['hold', request: number, hand: Id, last: Id, same: readonly Id[]]
  /** The client has dropped all handles of the put `hand`, the id of its first job. */
  | ['release', request: number, hand: Id]
  /** A put is being written within a transaction of the user; see `Store.posting`. */
  | ['posting', request: number]
  | ['close', request: number, graceMs: number];

/** Events, and the number of later ones that were dropped. */
export type EventBatch = [events: Event[], dropped: number];
/** Ended runs, and the number of later ones that were dropped. */
export type SpanBatch = [runs: RunSpan[], dropped: number];

/** The number of jobs of one callable that wait for a build that has it. */
export interface LeftJobs {
  readonly callable: string;
  readonly jobs: number;
}

/** The counts of a map's items taken and done, and whether it takes more. */
export type Fed = [taken: number, done: number, open: boolean];

/** The result of some commands of a bulk action. */
export interface BulkStep {
  readonly done: number;
  readonly refused: readonly (readonly [job: Id, error: WireError])[];
  /** `true` if no more jobs follow. */
  readonly isOver: boolean;
}

/** An error of callsheet as data; see `error-data.ts`. */
export type WireError = [code: string, message: string, details: Record<string, unknown>];

export type CoordinatorMessage =
  /** `count` consecutive requests are done, from `first` on. */
  | ['done', first: number, count: number]
  | ['error', request: number, error: WireError]
  | ['outcome', request: number, kind: OutcomeForm, payload: Uint8Array]
  | ['answer', request: number, value: unknown]
  /** The outcomes of the jobs put with these requests. */
  | ['deliver', requests: readonly number[], outcomes: readonly EncodedOutcome[]]
  /** The outcome of the job put with this request cannot be read. */
  | ['unreadable', request: number, error: WireError]
  /**
   * The outcome of a job that is forgotten from now on, for a client with a handle of it; see
   * `release`.
   */
  | ['kept', hand: Id, job: Id, kind: OutcomeForm, payload: Uint8Array]
  /** The runtime is ready: the exports of its modules, and the figures of the jobs it found. */
  | ['ready', found: OpenFigures, modules: Record<string, WireModule>]
  | ['log', level: LogLevel, message: string, detail: string | JobLine]
  /** A line that a job logged, as pino's text. */
  | ['line', callable: string, line: string]
  | ['fatal', error: WireError];

export interface JobLine {
  readonly log: 'events' | 'trace';
  /**
   * The lowest level of lines about its job; the line may have been changed to a lower one.
   * `undefined` for that of the logger.
   */
  readonly threshold: LogThreshold | undefined;
  readonly callable: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly failure?: Uint8Array;
  readonly error?: Interruption['error'];
  /** The request of the job's put. If its client waits for the outcome, the line is no warning. */
  readonly put?: number | undefined;
}

export interface WireModule {
  readonly functions: string[];
  readonly others: string[];
}

export interface OpenFigures {
  /** Jobs in the store; `unfinished` of them are not completed. */
  readonly jobs: number;
  readonly unfinished: number;
  readonly dispatcher: string;
  /** Only of a journal that no process has open. */
  readonly kept?: KeptTimes;
  /** See `Store.outbox`. */
  readonly outbox?: string | undefined;
}

/** From when to when a journal goes, in milliseconds since the epoch; 0 if it has no jobs. */
export interface KeptTimes {
  /** The earliest time whose state can be read. */
  readonly from: number;
  /** The last change with a time. */
  readonly to: number;
}

export interface QueueInfo {
  readonly name: string;
  readonly length: number;
  readonly unfinished: number;
  readonly paused: boolean;
  /** The length at which puts wait; 0 for no bound. */
  readonly bound: number;
  readonly putsWaiting: number;
}

export interface QuotaInfo {
  readonly name: string;
  readonly size: number;
  readonly rate: number;
  readonly ratePeriodMs: number;
  /** Ids of the jobs that hold a place. */
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
  /**
   * The problem with its filter or chooser, known only to its own dispatcher, and when it began.
   */
  readonly problem: { readonly message: string; readonly since: number } | null;
  readonly running: readonly Id[];
}
