/**
 * The commands that the core decides, and the effects of its decisions.
 *
 * A command carries everything that a decision needs from outside: ids and times are passed in,
 * payloads are opaque. An effect is data. The store releases it when its gate opens, never before:
 * behind `written` the decision is in the journal's file, behind `synced` it is on the disk. Every
 * effect can be derived again from the records, so a crash between gate and release loses none.
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
  LogThreshold,
  Payload,
  RetryDefaults,
  ScheduleSettings,
} from './records.js';

/** A job to put, with its parts and callbacks. */
export interface JobSpec {
  readonly id: Id;
  readonly form: JobForm;
  /** `module#export`; empty for a choice, and for a composition without postprocess. */
  readonly callable: string;
  readonly args: Payload | null;
  readonly options: JobOptions;
  readonly parts: readonly JobSpec[];
  readonly callbacks: readonly JobSpec[];
  /** The side of a choice that this job is. */
  readonly role?: Extract<JobRole, 'onSuccess' | 'onFailure'>;
}

/** A folded chunk of a map whose failed items run again. */
export interface RetriedChunk {
  readonly chunk: Id;
  /** The outcomes of its other items, for the next fold. */
  readonly rest: Payload;
  readonly items: readonly JobSpec[];
}

/** A tick of a schedule to run, with its job. */
export interface Tick {
  readonly at: number;
  readonly job: JobSpec;
}

export interface JobOptions {
  /** The only dispatcher that may claim it. It must be active, or the job fails. */
  readonly only?: Id;
  /** Higher is claimed first. Default: 0. */
  readonly priority?: number;
  /** Spelled as by `quotaKey`. */
  readonly quotas?: readonly string[];
  /** The name of a policy; see `policy.ts`, also for the default. */
  readonly policy?: string;
  /** Milliseconds since the epoch. */
  readonly beginAfter?: number;
  /** `true` if `beginAfter` was given as a delay. */
  readonly delayed?: boolean;
  /** The deadline, in milliseconds after `beginAfter`, or else after the put. */
  readonly beginByMs?: number;
  readonly timeoutMs?: number;
  readonly log?: LogThreshold;
  readonly unique?: string;
  /** A second put with the same key replaces a pending job, instead of returning it. */
  readonly replace?: boolean;
  /** The job stays `new` until it is put again by its id. */
  readonly held?: boolean;
  /** Jobs that the arguments refer to. They become at least as durable as this job. */
  readonly refers?: readonly Id[];
}

/** A command of a running job. It is applied together with the job's outcome, or not at all. */
export type InnerCommand = Extract<Command, { type: 'put' | 'putAgain' | 'remove' | 'addCallbacks' | 'addParts' }>;

/** A command that may put jobs in line. */
export type Filling = Extract<Command, { type: 'put' | 'all' | 'putAgain' | 'retry' | 'feed' }>;

/** Returns the ids of the roots that a command of a client would make. */
export function idsMadeBy(command: Command): readonly Id[] {
  switch (command.type) {
    case 'put':
      return command.jobs.map(({ id }) => id);
    case 'all':
      return command.commands.flatMap(idsMadeBy);
    case 'bounded':
      return idsMadeBy(command.command);
    case 'retry':
      return command.ids;
    default:
      return [];
  }
}

interface Claim {
  readonly job: Id;
  readonly fence: number;
}

interface Incarnation {
  readonly dispatcher: Id;
  readonly incarnation: Id;
}

/**
 * `again`: a client sends the command a second time, because it did not hear whether the first one
 * was done. It changes nothing where it was.
 */
export type Command =
  | {
      readonly type: 'put';
      readonly queue: string;
      readonly owner: Id;
      readonly level: Level;
      readonly jobs: readonly JobSpec[];
      readonly again?: boolean;
    }
  /** Refused with a `NoRoomError` if a queue that it fills is full now; see `bounds.ts`. */
  | { readonly type: 'bounded'; readonly command: Filling }
  /**
   * Stores the jobs of a put that was acknowledged before it was decided, and was refused with
   * `error` then: they have failed with it.
   */
  | {
      readonly type: 'refused';
      readonly queue: string;
      readonly owner: Id;
      readonly level: Level;
      readonly jobs: readonly JobSpec[];
      readonly error: Error;
    }
  /** Applies all commands, or none. */
  | { readonly type: 'all'; readonly commands: readonly InnerCommand[] }
  /** Takes a pending job out of its queue. The job becomes `new`, and can be put again. */
  | {
      readonly type: 'remove';
      readonly job: Id;
      /** Refuses a job in another queue. Default: any queue. */
      readonly queue?: string;
    }
  /** Puts a job that was removed, or was held at its put. */
  | { readonly type: 'putAgain'; readonly job: Id; readonly queue: string }
  | {
      readonly type: 'addCallbacks';
      readonly job: Id;
      readonly callbacks: readonly JobSpec[];
      readonly again?: boolean;
    }
  | { readonly type: 'addParts'; readonly job: Id; readonly parts: readonly JobSpec[]; readonly again?: boolean }
  /** Adds items to a map from `from` on: to its last chunk, or to a new one with id `chunk`. */
  | {
      readonly type: 'feed';
      readonly job: Id;
      readonly from: number;
      readonly chunk: Id;
      readonly parts: readonly JobSpec[];
      readonly again?: boolean;
    }
  /** Ends the items of a map. A failure becomes the outcome of the map. */
  | {
      readonly type: 'endInput';
      readonly job: Id;
      readonly failure: Payload | null;
      /** The names of the failure; none by default. */
      readonly names?: readonly string[];
      readonly again?: boolean;
    }
  /** Puts or cancels the next parts of a large whole. Ignored if it has done so with all. */
  | { readonly type: 'goOn'; readonly job: Id }
  /**
   * Replaces a chunk's items by `list`, their outcomes packed, and by `failed`, the items that a
   * retry runs again. A `list` of null keeps the items.
   */
  | { readonly type: 'fold'; readonly job: Id; readonly list: Payload | null; readonly failed?: Payload | null }
  /** Changes a job that has not begun. */
  | { readonly type: 'change'; readonly job: Id; readonly args?: Payload | null; readonly options: JobOptions }
  /** Fails a job that has not begun. */
  | { readonly type: 'fail'; readonly job: Id; readonly failure: Payload; readonly names?: readonly string[] }
  | { readonly type: 'cancel'; readonly job: Id }
  /** Puts a copy of a failed job. `ids` are those of the copy and of its members. */
  | {
      readonly type: 'retry';
      readonly job: Id;
      readonly ids: readonly Id[];
      readonly owner: Id;
      /** Replaces the arguments. */
      readonly args?: Payload | null;
      /** Take the place of the job's own. */
      readonly options: JobOptions;
      /** The parts of a whole that run: those that failed, or all. */
      readonly parts: 'failed' | 'all';
      /** Whether the job's callbacks are copied. */
      readonly callbacks: 'again' | 'none';
      /** Of a map: the folded chunks with failed items. */
      readonly chunks?: readonly RetriedChunk[];
    }
  /** Takes a job out of its line, to run its call or to put its parts. */
  | {
      readonly type: 'claim';
      readonly job: Id;
      readonly agent: string;
      /** The places of running jobs that wait for it. It takes none of its own there. */
      readonly lent?: readonly string[];
    }
  /** A claimed job takes the places that were lent to it: their owner waits no more. */
  | ({ readonly type: 'ownPlaces' } & Claim)
  /** Records the start of a job that has run long enough for a record of its own. */
  | ({ readonly type: 'begun'; readonly at: number } & Claim)
  | ({
      readonly type: 'settle';
      readonly startedAt: number;
      readonly outcome: Settled;
      readonly inner: readonly InnerCommand[];
    } & Claim)
  /** The job ran alone long enough: it is no longer suspected of killing its process. */
  | ({ readonly type: 'cleared' } & Claim)
  /** Returns a claimed job that has not begun to its line, uncounted. */
  | ({ readonly type: 'giveBack' } & Claim)
  /** Fails a claimed job that cannot begin, because its input is damaged. */
  | ({ readonly type: 'cannotBegin'; readonly error: Error } & Claim)
  /** A begun job lost its runtime, thread or process. `error` ended the thread, if known. */
  | ({ readonly type: 'interrupt'; readonly cause: InterruptionCause; readonly error?: Error | undefined } & Claim)
  /** The job's own policy answered. `data` is its new data; undefined keeps the old. */
  | ({ readonly type: 'answered'; readonly answer: PolicyAnswer; readonly data?: Uint8Array | null } & Claim)
  /** The job's own policy gave no usable answer. */
  | ({ readonly type: 'unanswered'; readonly problem: string } & Claim)
  /**
   * The first command to a store that no other process can open: all dispatchers are dead, and so
   * are the feeders of maps, except those of other owners than `owner`. Default: all feeders.
   */
  | { readonly type: 'recover'; readonly owner?: Id }
  /** The feeder of a map is gone. */
  | { readonly type: 'abandon'; readonly map: Id }
  /** Activates a dispatcher, for the first time or again. Refused if another process has its id. */
  | ({
      readonly type: 'activate';
      readonly host: string;
      readonly pid: number;
      readonly pingMs: number;
      readonly deathMs: number;
      /** See `PingRecord`. */
      readonly holdsFrom?: Id | undefined;
      /** See `DispatcherRecord`. */
      readonly isPassing?: boolean;
    } & Incarnation)
  /** Proves that it lives. Refused if it was declared dead, or another process has its id. */
  | ({ readonly type: 'ping'; readonly holdsFrom?: Id | undefined } & Incarnation)
  /** Deactivates a dispatcher, and gives its jobs back. */
  | ({ readonly type: 'deactivate' } & Incarnation)
  /** Declares a dispatcher dead, unless the count of its pings is no longer `pings`. */
  | { readonly type: 'rescue'; readonly dispatcher: Id; readonly pings: number }
  /** Forgets an inactive dispatcher and its agents. */
  | { readonly type: 'unregister'; readonly dispatcher: Id }
  /** Handles the timers that are due: jobs become eligible or expire, policies are asked again. */
  | { readonly type: 'tick' }
  | {
      readonly type: 'forget';
      readonly keep: Retention;
      /** The roots of a kind that exceeded a limit when it was asked: a store loads no more. */
      readonly most?: number;
    }
  /**
   * Forgets jobs of level `memory` that earlier processes with this id put, until this time. Jobs
   * that others await stay. One decision forgets some: it must be decided until `hasOldMemory` is
   * `false`.
   */
  | { readonly type: 'forgetMemory'; readonly owner: Id; readonly until: number }
  /** Forgets one completed root, whatever the limits. */
  | { readonly type: 'forgetJob'; readonly job: Id }
  /** The clock was set by `byMs`, forward or back. `now` is its new time. */
  | { readonly type: 'clockSet'; readonly byMs: number }
  /** `template` is the job as it is stored, `sample` the same as it would be put now. */
  | {
      readonly type: 'setSchedule';
      readonly settings: ScheduleSettings;
      readonly template: Pick<JobSpec, 'id' | 'args'>;
      readonly sample: JobSpec;
      readonly nextAt: number;
      readonly zones: string;
      readonly owner: Id;
      readonly level: Level;
    }
  | { readonly type: 'removeSchedule'; readonly name: string }
  | {
      readonly type: 'pauseSchedule';
      readonly name: string;
      readonly paused: boolean;
      readonly nextAt: number;
      readonly zones: string;
    }
  /** Replaces the next tick `at`, which was computed by other data of the time zones. */
  | {
      readonly type: 'renewTick';
      readonly name: string;
      readonly at: number;
      readonly nextAt: number;
      readonly zones: string;
    }
  /**
   * Handles the tick `at` of a schedule and the others up to `last`, before `next`; `missed` of
   * them were missed. Runs `tick`, if any.
   */
  | {
      readonly type: 'fire';
      readonly name: string;
      readonly at: number;
      readonly last: number;
      readonly next: number;
      readonly zones: string;
      readonly missed: number;
      readonly tick: Tick | null;
      readonly owner: Id;
    }
  /** Runs ticks of a schedule on request. */
  | { readonly type: 'runTicks'; readonly name: string; readonly ticks: readonly Tick[]; readonly owner: Id }
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
   * Creates an agent without a filter, unless one has this name. `wins`: an existing one gets this
   * size, and keeps the rest.
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

/** The end of a run, as its thread reported it. */
export type Settled =
  | { readonly kind: 'value'; readonly payload: Payload }
  /** Thrown: the policy decides. `names` are the names of the error and of its classes. */
  | { readonly kind: 'thrown'; readonly payload: Payload; readonly names: readonly string[] }
  /** Returned as a failure: it is the outcome, and no policy is asked. */
  | { readonly kind: 'failure'; readonly payload: Payload; readonly names: readonly string[] }
  /** The run exceeded `timeoutMs`, and was ended. */
  | { readonly kind: 'timeout' }
  /** The job takes the outcome of this job. */
  | { readonly kind: 'job'; readonly job: Id };

/** An own policy's answer about a run that failed, was interrupted or could not be stored. */
export type PolicyAnswer =
  | { readonly type: 'no' }
  /** Retries in front of the line. */
  | { readonly type: 'now' }
  | { readonly type: 'after'; readonly ms: number }
  /** Milliseconds since the epoch. The past means now. */
  | { readonly type: 'at'; readonly at: number };

/** Limits on completed jobs that are kept together. The strictest applies. */
export interface KeptLimits {
  readonly ageMs: number;
  readonly count: number;
  readonly bytes: number;
}

/** Limits on the completed jobs that are kept. Failed ones have limits of their own. */
export interface Retention extends KeptLimits {
  readonly failed: KeptLimits;
}

export type EndCause = 'cancelled' | 'expired';

/** In the order in which they open. */
export const gates = ['decided', 'written', 'synced'] as const;
export type Gate = (typeof gates)[number];

/** Returns the gate behind which others may see a decision about a job of this level. */
export function levelGate(level: Level): Gate {
  return level === 'full' ? 'synced' : level === 'process' ? 'written' : 'decided';
}

export type Effect =
  /** The job may run, under this fence. */
  | { readonly type: 'run'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** The job was cancelled: its dispatcher must stop it. */
  | { readonly type: 'stop'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** The job's own policy must be asked. */
  | { readonly type: 'ask'; readonly gate: Gate; readonly job: Id; readonly fence: number }
  /** More parts of the whole must be put or cancelled, in decisions of their own: by a `goOn`. */
  | { readonly type: 'goOn'; readonly gate: Gate; readonly job: Id }
  /** The chunk's items are done: their outcomes must be packed, and sent in a `fold`. */
  | { readonly type: 'fold'; readonly gate: Gate; readonly job: Id }
  /**
   * The job's outcome may be delivered. `how`: the cause of a failure that is no error of its call.
   */
  | { readonly type: 'deliver'; readonly gate: Gate; readonly job: JobRecord; readonly how: EndCause | undefined }
  /** An event for listeners. */
  | {
      readonly type: 'event';
      readonly gate: Gate;
      readonly event: Event;
      /** The error of a job that is retried. */
      readonly failure?: Payload;
    }
  /** The root is deleted: clients that may still ask must receive its outcome now. */
  | { readonly type: 'forgotten'; readonly gate: Gate; readonly job: JobRecord }
  /** A problem that is no job's outcome. */
  | {
      readonly type: 'log';
      readonly gate: Gate;
      readonly level: 'fatal' | 'error';
      readonly message: string;
      readonly job: Id;
    };

/** The outside of a decision. */
export interface Outside {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** `true` if events have a listener. */
  readonly listening: boolean;
  /** `true` if a client must receive outcomes before their jobs are forgotten. */
  readonly holding: boolean;
  /** The dispatcher that decides; empty if the deciding process runs no jobs. */
  readonly dispatcher: Id;
  /** Returns a number from 0 up to, but not including, 1. */
  random(): number;
  /** Encodes one of callsheet's own errors as a failure's payload. */
  failure(error: Error): Payload;
}
