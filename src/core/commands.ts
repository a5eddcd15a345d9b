/**
 * What can be asked of the core, and what it may ask for in return.
 *
 * A command carries all that a decision needs from outside: ids and times are handed in, payloads
 * are opaque. An effect is data: the store releases it when its gate is open, never before.
 * `written`: what was decided is in the journal's file; `synced`: it is on the disk. Every effect
 * can be derived again from the records, so none is lost by a crash between gate and release.
 */
import type { Event } from './events.js';
import type {
  AgentFilter,
  Id,
  InterruptionCause,
  JobForm,
  JobRecord,
  JobRole,
  Level,
  Payload,
  RetryDefaults,
} from './records.js';

/** A job to be put, with the jobs that belong to it. */
export interface JobSpec {
  readonly id: Id;
  readonly form: JobForm;
  /** `module#export`, or empty: a composition without postprocess, or a choice. */
  readonly callable: string;
  readonly args: Payload | null;
  /** What the job asks for; what it does not, has the values that `JobOptions` tells. */
  readonly options: JobOptions;
  readonly parts: readonly JobSpec[];
  readonly callbacks: readonly JobSpec[];
  /** A side of a choice. */
  readonly role?: Extract<JobRole, 'onSuccess' | 'onFailure'>;
}

export interface JobOptions {
  /**
   * Only this dispatcher may claim it, which has to be active; it fails when that is not any more.
   */
  readonly only?: Id;
  /** Higher goes first; 0 where it is not given. */
  readonly priority?: number;
  /** As `quotaKey` spells them. */
  readonly quotas?: readonly string[];
  /** See `policy.ts`; also for what it is where the job does not say. */
  readonly policy?: string;
  /** Milliseconds since the epoch. */
  readonly beginAfter?: number;
  /** `beginAfter` was given as a delay. */
  readonly delayed?: boolean;
  /** The deadline, in milliseconds after `beginAfter` or the put. */
  readonly beginByMs?: number;
  readonly timeoutMs?: number;
  readonly unique?: string;
  /**
   * A second put with the same key takes the place of the first while that is pending, instead of
   * being it.
   */
  readonly replace?: boolean;
  /** It is `new` until somebody puts it by its id. */
  readonly held?: boolean;
  /** The jobs that its arguments refer to: at least as durable as it from now on. */
  readonly refers?: readonly Id[];
}

/** What a job asked for while it ran, done together with its outcome or not at all. */
export type InnerCommand = Extract<Command, { type: 'put' | 'putAgain' | 'remove' | 'addCallbacks' | 'addParts' }>;

interface Claim {
  readonly job: Id;
  readonly fence: number;
}

interface Incarnation {
  readonly dispatcher: Id;
  readonly incarnation: Id;
}

export type Command =
  | {
      readonly type: 'put';
      readonly queue: string;
      readonly owner: Id;
      readonly level: Level;
      readonly jobs: readonly JobSpec[];
    }
  /** Several, all or none. */
  | { readonly type: 'all'; readonly commands: readonly InnerCommand[] }
  /** A job that is not begun leaves its queue and is `new` again; it can be put again. */
  | {
      readonly type: 'remove';
      readonly job: Id;
      /** Refused where the job is in another queue; not given: whichever it is in. */
      readonly queue?: string;
    }
  /** A job that was removed, or was held when it was put, into a queue. */
  | { readonly type: 'putAgain'; readonly job: Id; readonly queue: string }
  | { readonly type: 'addCallbacks'; readonly job: Id; readonly callbacks: readonly JobSpec[] }
  | { readonly type: 'addParts'; readonly job: Id; readonly parts: readonly JobSpec[] }
  /**
   * The next items of a map, from this one on, into its last chunk, or into a new one with this id.
   */
  | {
      readonly type: 'feed';
      readonly job: Id;
      readonly from: number;
      readonly chunk: Id;
      readonly parts: readonly JobSpec[];
    }
  /** No more items come for a map; with the failure that is the reason, if there is one. */
  | { readonly type: 'endInput'; readonly job: Id; readonly failure: Payload | null }
  /** What became of a chunk's items, put together; null: too much for one payload. */
  | { readonly type: 'fold'; readonly job: Id; readonly list: Payload | null }
  /** Changes a job that has not begun. */
  | { readonly type: 'change'; readonly job: Id; readonly args?: Payload | null; readonly options: JobOptions }
  /** Ends a job that has not begun with this failure. */
  | { readonly type: 'fail'; readonly job: Id; readonly failure: Payload }
  | { readonly type: 'cancel'; readonly job: Id }
  /** Takes a job out of its line, to be run (or, a composition, to put its parts). */
  | { readonly type: 'claim'; readonly job: Id; readonly agent: string }
  /** The job has run for so long that its start is worth a record of its own. */
  | ({ readonly type: 'begun'; readonly at: number } & Claim)
  | ({
      readonly type: 'settle';
      readonly startedAt: number;
      readonly outcome: Settled;
      readonly inner: readonly InnerCommand[];
    } & Claim)
  /** A suspect has run for a while and harmed nobody: it is none any more. */
  | ({ readonly type: 'cleared' } & Claim)
  /** A claimed job that was not begun goes back to where it was; nothing is counted. */
  | ({ readonly type: 'giveBack' } & Claim)
  /**
   * A claimed job cannot be begun, since what it is to be called with is damaged: it fails with
   * this error.
   */
  | ({ readonly type: 'cannotBegin'; readonly error: Error } & Claim)
  /** A begun job lost what it ran on. `error` is what ended its thread, where that is known. */
  | ({ readonly type: 'interrupt'; readonly cause: InterruptionCause; readonly error?: Error | undefined } & Claim)
  /** The job's own policy has answered; `data` is what it keeps from now on, if it says. */
  | ({ readonly type: 'answered'; readonly answer: PolicyAnswer; readonly data?: Uint8Array | null } & Claim)
  /** It gave no usable answer. */
  | ({ readonly type: 'unanswered'; readonly problem: string } & Claim)
  /**
   * The first command to a store that no other process can have open: whoever was active in it has
   * died.
   */
  | { readonly type: 'recover' }
  /**
   * A dispatcher begins to work, for the first time or again. Refused while its id is at work in
   * another process.
   */
  | ({
      readonly type: 'activate';
      readonly host: string;
      readonly pid: number;
      readonly pingMs: number;
      readonly deathMs: number;
    } & Incarnation)
  /** It is alive. Refused if it was taken for dead, or its id is at work in another process. */
  | ({ readonly type: 'ping' } & Incarnation)
  /** It works no more, and gives back what it has. */
  | ({ readonly type: 'deactivate' } & Incarnation)
  /** Another takes it for dead, if it has been silent for too long. */
  | { readonly type: 'rescue'; readonly dispatcher: Id }
  /** An inactive dispatcher is forgotten, with its agents. */
  | { readonly type: 'unregister'; readonly dispatcher: Id }
  /** What is due by now becomes eligible, what is late by now fails. */
  | { readonly type: 'tick' }
  | { readonly type: 'forget'; readonly keep: Retention }
  /** The clock was set, forward or back: `now` is what it shows since. */
  | { readonly type: 'clockSet'; readonly byMs: number }
  | { readonly type: 'createQueue'; readonly name: string }
  | { readonly type: 'removeQueue'; readonly name: string }
  | { readonly type: 'pauseQueue'; readonly name: string; readonly paused: boolean }
  | { readonly type: 'boundQueue'; readonly name: string; readonly bound: number }
  | {
      readonly type: 'setQuota';
      readonly queue: string;
      readonly name: string;
      readonly size: number;
      readonly rate: number;
      readonly ratePeriodMs: number;
    }
  | { readonly type: 'removeQuota'; readonly queue: string; readonly name: string }
  | {
      readonly type: 'setAgent';
      readonly dispatcher: Id;
      readonly queue: string;
      readonly name: string;
      readonly size: number;
      readonly filter: AgentFilter | null;
      readonly chooser?: string;
      readonly retry: RetryDefaults;
    }
  /**
   * An agent that takes everything, where there is none with this name. `wins`: one that is there
   * gets this size, and keeps the rest.
   */
  | {
      readonly type: 'installAgent';
      readonly dispatcher: Id;
      readonly queue: string;
      readonly name: string;
      readonly size: number;
      readonly wins: boolean;
    }
  | { readonly type: 'setDefaults'; readonly dispatcher: Id; readonly retry: RetryDefaults }
  | { readonly type: 'removeAgent'; readonly dispatcher: Id; readonly queue: string; readonly name: string }
  | { readonly type: 'annotate'; readonly job: Id; readonly name: string; readonly value: Payload | null };

/** How a run ended, as its thread tells it. */
export type Settled =
  | { readonly kind: 'value'; readonly payload: Payload }
  /** Thrown: the policy is asked. `names` are the error's name and those of its classes. */
  | { readonly kind: 'thrown'; readonly payload: Payload; readonly names: readonly string[] }
  /** Returned, so meant: no policy is asked. */
  | { readonly kind: 'failure'; readonly payload: Payload }
  /** It ran too long and was ended. */
  | { readonly kind: 'timeout' }
  /** It takes the outcome of this job. */
  | { readonly kind: 'job'; readonly job: Id };

/** What an own policy says of a job that failed, was interrupted or could not be stored. */
export type PolicyAnswer =
  | { readonly type: 'no' }
  /** In front of the line. */
  | { readonly type: 'now' }
  | { readonly type: 'after'; readonly ms: number }
  /** Milliseconds since the epoch; in the past: now. */
  | { readonly type: 'at'; readonly at: number };

/** How long completed jobs are remembered: whichever is least. */
export interface Retention {
  readonly ageMs: number;
  readonly count: number;
  readonly bytes: number;
}

/** In the order in which they open. */
export const gates = ['decided', 'written', 'synced'] as const;
export type Gate = (typeof gates)[number];

/** The gate behind which others may see what was decided at this level. */
export function levelGate(level: Level): Gate {
  return level === 'full' ? 'synced' : level === 'process' ? 'written' : 'decided';
}

export type Effect =
  /** The job may run, under this fence. */
  | { readonly type: 'run'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** Whoever runs the job is to stop it: it was cancelled. */
  | { readonly type: 'stop'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** The job's own policy is to be asked what becomes of it. */
  | { readonly type: 'ask'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /**
   * The chunk's items are done: what became of them is to be put together, and said in a `fold`.
   */
  | { readonly type: 'fold'; readonly gate: Gate; readonly job: Id }
  /** The job's outcome is there for all to see. */
  | { readonly type: 'deliver'; readonly gate: Gate; readonly job: JobRecord }
  /** Something that whoever listens wants to hear. */
  | {
      readonly type: 'event';
      readonly gate: Gate;
      readonly event: Event;
      /** Of a job that is retried: the error that was no outcome. */
      readonly failure?: Payload;
    }
  /** The root is remembered no more: whoever may still ask is to be told its outcome now. */
  | { readonly type: 'forgotten'; readonly gate: Gate; readonly job: JobRecord }
  /** Something went wrong that is nobody's outcome. */
  | {
      readonly type: 'log';
      readonly gate: Gate;
      readonly level: 'fatal' | 'error';
      readonly message: string;
      readonly job: Id;
    };

/** What a decision is handed beside the state and the command. */
export interface Outside {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether anybody wants to hear of events. */
  readonly listening: boolean;
  /** The dispatcher that decides; empty where who decides runs nothing. */
  readonly dispatcher: Id;
  /** From 0 up to 1, another at each call. */
  random(): number;
  /** An error of callsheet's own as a failure's payload. */
  failure(error: Error): Payload;
}
