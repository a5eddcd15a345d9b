/**
 * What callsheet remembers: the records that every store keeps, and nothing else.
 *
 * A record is an immutable value; a change is the record's new state, never a delta. Records are small (a job is a
 * header of well under 4 KiB): arguments and results are payloads beside it, opaque here. Membership lives on the
 * member (a part names its whole, a callback names its job); the whole holds counts only, so that a fan-out of 100,000
 * parts never rewrites a list of 100,000 ids.
 */

/** A UUID as sixteen characters of one byte each: half the size of its usual spelling, and a ready key of a Map. */
export type Id = string;

/** Encoded bytes that the core carries and never opens; a store may keep only where they are. */
export interface Payload {
  readonly byteLength: number;
}

/** In the order in which a job passes through them. */
export const jobStatuses = ['new', 'pending', 'assigned', 'active', 'callbacks', 'completed'] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** A `call` runs its callable; a composition runs its parts first, and its callable (the postprocess, if any) after. */
export const jobForms = ['call', 'serial', 'parallel'] as const;
export type JobForm = (typeof jobForms)[number];

/** Why a job exists: put by someone, a part of a whole, or a callback of a job for one outcome or both. */
export const jobRoles = ['root', 'part', 'onSuccess', 'onFailure', 'onBoth'] as const;
export type JobRole = (typeof jobRoles)[number];

/** `parts`: not expanded yet. `waiting`: parts run. `call`: the callable is to run, is running or has run. */
export const jobStages = ['parts', 'waiting', 'call'] as const;
export type JobStage = (typeof jobStages)[number];

/** How a job's call ended. `list` is a composition without postprocess: its value is its completed parts. */
export const outcomeKinds = ['none', 'value', 'failure', 'list'] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

/** What survives what; see `put`. */
export const levels = ['memory', 'process', 'full'] as const;
export type Level = (typeof levels)[number];

/** The retry policies that the core itself answers for. */
export const builtinPolicies = ['default', 'forever', 'never'] as const;
export type BuiltinPolicy = (typeof builtinPolicies)[number];

export interface JobRecord {
  readonly kind: 'job';
  readonly id: Id;
  /** The runtime that put it. */
  readonly owner: Id;
  readonly status: JobStatus;
  readonly form: JobForm;
  readonly role: JobRole;
  readonly stage: JobStage;
  /** `module#export`, or empty: a composition without postprocess. */
  readonly callable: string;
  readonly queue: string;
  /** The whole that it is a part of, or the job that it is a callback of; empty for a root. */
  readonly parent: Id;
  /** Its place among its parent's parts, or among its parent's callbacks. */
  readonly index: number;
  readonly parts: number;
  readonly partsDone: number;
  readonly callbacks: number;
  readonly callbacksDone: number;
  readonly level: Level;
  readonly policy: BuiltinPolicy;
  /** Higher goes first. */
  readonly priority: number;
  /** In the line of its queue, to be claimed; what `status` says beside it is what users see. */
  readonly queued: boolean;
  /** Put back at once: ahead of all that were not, at the same priority. */
  readonly front: boolean;
  /** When it became eligible: a position in the log, not a time. */
  readonly eligible: number;
  /** Raised by every claim: what is sent under an older claim is refused. */
  readonly fence: number;
  /** Claimed, and its call not over. */
  readonly claimed: boolean;
  /** Claimed, and known to have begun under this claim. */
  readonly begun: boolean;
  /** The last process died while it may have run: it runs alone next time, and its start is written first. */
  readonly suspect: boolean;
  /** Starts that are known to have happened. */
  readonly attempts: number;
  /** Interruptions that count: those by a clean close do not. */
  readonly interruptions: number;
  readonly outcome: OutcomeKind;
  /** Milliseconds since the epoch; 0 is "not yet". */
  readonly putAt: number;
  readonly firstStartAt: number;
  readonly lastStartAt: number;
  readonly endAt: number;
  readonly completedAt: number;
  readonly args: Payload | null;
  readonly result: Payload | null;
}

/** A part or a callback runs before its root can be forgotten, so the pair of an id and a slot names a payload for good. */
export const payloadSlots = ['args', 'result'] as const;
export type PayloadSlot = (typeof payloadSlots)[number];
