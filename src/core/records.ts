/**
 * The records that every store keeps, and nothing else.
 *
 * Records are small (the header of a job is well under 4 KiB): arguments, results and annotations
 * are payloads beside them, opaque here. A change is the record's new state, never a delta.
 * Membership is stored in the member (a part names its whole, a callback its job). The whole holds
 * counts only, so that a fan-out of 100,000 parts never rewrites a list of 100,000 ids.
 */

/** A UUID as sixteen one-byte characters: half its usual size, and ready as a key of a Map. */
export type Id = string;

/** Encoded bytes, which the core never opens. A store may keep only their location. */
export interface Payload {
  readonly byteLength: number;
}

/** In the order in which a job passes through them. */
export const jobStatuses = ['new', 'pending', 'assigned', 'active', 'callbacks', 'completed'] as const;
/** The progress of a job. */
export type JobStatus = (typeof jobStatuses)[number];

/**
 * A `call` runs its callable. A composition runs its parts, then its callable (the postprocess, if
 * any). A `choice`, made by `addCallbacks`, has a part for success and one for failure, and runs
 * the one that fits. A `map` is a composition whose parts are made from items while it runs; they
 * stand in `chunk`s (see `map.ts`).
 */
export const jobForms = ['call', 'serial', 'parallel', 'choice', 'map', 'chunk'] as const;
export type JobForm = (typeof jobForms)[number];

/** The origin of a job: a put, or its role in a whole, beside a job or in a choice. */
export const jobRoles = ['root', 'part', 'callback', 'onSuccess', 'onFailure'] as const;
export type JobRole = (typeof jobRoles)[number];

/**
 * `parts`: its parts are not put yet. `waiting`: its parts run. `call`: its callable will run, runs
 * or has run. `inner`: a job that it returned runs. `policy`: a run is over, and its own policy
 * must answer.
 */
export const jobStages = ['parts', 'waiting', 'call', 'inner', 'policy'] as const;
export type JobStage = (typeof jobStages)[number];

/**
 * The outcome of a job's call. `list` is that of a composition without postprocess: its completed
 * parts, or a payload in their place.
 */
export const outcomeKinds = ['none', 'value', 'failure', 'list'] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

/** Returns the index of `name`. Spares the call of `indexOf`, and throws on an unknown name. */
export function codeOf<T>(names: readonly T[], name: T): number {
  for (let code = 0; code < names.length; code++) if (names[code] === name) return code;
  throw new RangeError(`${name} is not one of ${names.join(', ')}`);
}

/** From the weakest to the strongest. */
export const levels = ['memory', 'process', 'full'] as const;
/** The worst that a job survives: nothing, the end of its process, or a power loss. */
export type Level = (typeof levels)[number];

/** The cause of an interruption: the runtime was closed, or the job's thread or process died. */
export type InterruptionCause = 'close' | 'thread' | 'process';

/**
 * The subject of an own policy's answer: the job failed, its outcome could not be stored, or it was
 * interrupted, with the cause.
 */
export const policyQuestions = ['jobError', 'commitError', 'close', 'thread', 'process'] as const;
export type PolicyQuestion = (typeof policyQuestions)[number];

/** The state of a job's own policy. */
export interface PolicyRecord {
  /** `module#export`. */
  readonly policy: string;
  /** The last question. */
  readonly question: PolicyQuestion;
  readonly askedAt: number;
  /** Unusable answers to the last question. */
  readonly misses: number;
  /** The problem with the last answer, in a few words; empty for none. */
  readonly problem: string;
  /** The policy's own data about the job: small, and opaque to callsheet. */
  readonly data: Uint8Array | null;
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];
/** The lowest level of logged lines, in their order; `silent` is above all. */
export const logThresholds = [...logLevels, 'silent'] as const;
export type LogThreshold = (typeof logThresholds)[number];

export interface JobRecord {
  readonly kind: 'job';
  readonly id: Id;
  /** The runtime that put it. */
  readonly owner: Id;
  readonly status: JobStatus;
  readonly form: JobForm;
  readonly role: JobRole;
  readonly stage: JobStage;
  /** `module#export`; empty for a choice, and for a composition without postprocess. */
  readonly callable: string;
  readonly queue: string;
  /** The only dispatcher that may claim it; empty for any. */
  readonly only: Id;
  /** The whole of a part, or the job of a callback; empty for a root. */
  readonly parent: Id;
  /** Index among its parent's parts, or among its parent's callbacks. */
  readonly index: number;
  readonly parts: number;
  readonly partsDone: number;
  /**
   * The index of the next part that a large whole puts, or cancels once it has ended; 0 if it does
   * neither. See `composite.ts`.
   */
  readonly cursor: number;
  /** `true` for a map that can get more items. */
  readonly open: boolean;
  readonly callbacks: number;
  readonly callbacksDone: number;
  /** The callbacks that a part had at its start, which its whole waits for. */
  readonly awaitedCallbacks: number;
  /** `true` for a part that its whole has counted as done. */
  readonly counted: boolean;
  readonly level: Level;
  /** See `policy.ts`. Empty for the default. */
  readonly policy: string;
  /** The lowest level of logged lines about it; empty for that of its function. */
  readonly log: LogThreshold | '';
  /** Null until an own policy was asked. */
  readonly asked: PolicyRecord | null;
  /** Higher is claimed first. */
  readonly priority: number;
  /** The quotas that it names, spelled as by `quotaKey`. */
  readonly quotas: readonly string[];
  /** Its quotas in which it has a place. */
  readonly places: readonly string[];
  /** Its quotas in which it shares the place of a job that waits for it. */
  readonly shared: readonly string[];
  /** A second put with this key returns this job while it is live. Empty for none. */
  readonly unique: string;
  /** `true` while it stands in its queue's line. Users see `status` only. */
  readonly queued: boolean;
  /** `true` if it was put back at once: it goes before others of its priority. */
  readonly front: boolean;
  /** The position in the log, not the time, at which it became eligible. */
  readonly eligible: number;
  /** Raised by every claim. Commands under an older claim are refused. */
  readonly fence: number;
  readonly claimed: boolean;
  /** `true` if it is known to have begun under its claim. */
  readonly begun: boolean;
  /** `true` if it was cancelled under its claim: it ends as cancelled, whatever it returns. */
  readonly cancelled: boolean;
  /** `true` if a process died while it may have run. That is not counted. */
  readonly suspect: boolean;
  /** `true` after two such deaths in a row: it runs alone, and its start counts. */
  readonly alone: boolean;
  /**
   * The key of the agent that claimed it last, which names the dispatcher too. Empty before; with
   * an empty name if it takes no agent's place.
   */
  readonly agent: string;
  /** The job that it returned, whose outcome it takes; empty for none. */
  readonly inner: Id;
  /**
   * The jobs that returned it, or a job below it, and wait for the outcome or have its list as
   * their own; 0 for none. A stored count is more than there are if some of them were lost in a
   * crash, as those of level `memory` are.
   */
  readonly awaiters: number;
  /**
   * The failed job that a root runs again; of a part, the one whose outcome it has since its put.
   * Empty for none.
   */
  readonly retryOf: Id;
  /** The last job that runs this failed one again; empty for none. */
  readonly retriedBy: Id;
  /** Runs that began, and runs that may have begun when their process died. */
  readonly attempts: number;
  /** Own errors that were retried. */
  readonly errors: number;
  /**
   * Interruptions that count: not by a clean close, nor by a process whose death the job may not
   * have caused.
   */
  readonly interruptions: number;
  readonly outcome: OutcomeKind;
  /**
   * The names of the failure in `result`: of the error and its classes, one a line, at most three,
   * and the place at which it was thrown, if that is known (`frame.ts`). Empty for none. See
   * `outcome.ts`.
   */
  readonly errorNames: string;
  /** Milliseconds since the epoch; 0 for not yet, or not asked for. */
  readonly putAt: number;
  /** The earliest start that was asked for. */
  readonly beginAfter: number;
  /** `true` if `beginAfter` was given as a delay, not as a date. */
  readonly delayed: boolean;
  /** The earliest start now: `beginAfter`, or the time of a retry. */
  readonly dueAt: number;
  /** The job fails if it has not begun by this time. */
  readonly deadline: number;
  /** The longest run, in milliseconds. */
  readonly timeoutMs: number;
  readonly firstStartAt: number;
  readonly lastStartAt: number;
  readonly endAt: number;
  readonly completedAt: number;
  readonly args: Payload | null;
  /** The outcome; in the stage `policy`, the failure in question. */
  readonly result: Payload | null;
}

/** `true` if it runs when its turn comes, rather than from a line. */
export function takesTurns({ role }: JobRecord): boolean {
  return role === 'callback' || role === 'onSuccess' || role === 'onFailure';
}

/** `true` if it has parts that it waits for. */
export const isWhole = ({ form }: JobRecord) => form !== 'call' && form !== 'choice';

/** The holder of callbacks while no dispatcher is active, and of templates of schedules. */
export const nobody: Id = '\u0000'.repeat(16);

/** `true` for the template of a schedule, which is no job to users. */
export const isTemplate = ({ only }: Pick<JobRecord, 'only'>) => only === nobody;

/** The fields that the members of a job share with it. */
export const placeOf = ({ owner, queue, level, only }: JobRecord) => ({ owner, queue, level, only });

/** Items of a full chunk. Stored records depend on it: it must not be changed. */
export const chunkItems = 256;

/** Together with the job's id, the name of a payload. */
export const payloadSlots = ['args', 'result'] as const;
export type PayloadSlot = (typeof payloadSlots)[number];

export interface QueueRecord {
  readonly kind: 'queue';
  readonly name: string;
  /** `true` if nothing is claimed from it. */
  readonly paused: boolean;
  /** The time of the pause; 0 for none. */
  readonly pausedAt: number;
  /** The length at which puts wait; 0 for no bound. */
  readonly bound: number;
}

/** Limits the jobs of a queue that name it. */
export interface QuotaRecord {
  readonly kind: 'quota';
  readonly queue: string;
  readonly name: string;
  /** The most jobs that run at a time, for each key if jobs give keys. */
  readonly size: number;
  /** The most starts in each `ratePeriodMs`; 0 for no limit. */
  readonly rate: number;
  readonly ratePeriodMs: number;
}

/** Claims jobs of a queue for a dispatcher. */
export interface AgentRecord {
  readonly kind: 'agent';
  readonly dispatcher: Id;
  readonly queue: string;
  readonly name: string;
  /** The most jobs that run for it at a time. */
  readonly size: number;
  readonly filter: AgentFilter | null;
  /** A function of a job module that chooses and orders the jobs to claim. */
  readonly chooser?: string;
  readonly retry: RetryDefaults;
}

/** Settings of a dispatcher as a whole. */
export interface DefaultsRecord {
  readonly kind: 'defaults';
  readonly dispatcher: Id;
  readonly retry: RetryDefaults;
}

/** The policies of jobs and of callbacks that name none; see `policy.ts`. */
export interface RetryDefaults {
  readonly jobs?: string;
  readonly callbacks?: string;
}

/** The jobs that an agent takes. Every field that is given must fit. */
export interface AgentFilter {
  readonly callables?: readonly string[];
  readonly modules?: readonly string[];
  /** Jobs that name one of these quotas. */
  readonly quotas?: readonly string[];
  readonly minPriority?: number;
  readonly maxPriority?: number;
  /** `module#export` of a function that must accept the job, too. */
  readonly by?: string;
}

/** A process that runs jobs, or did. */
export interface DispatcherRecord {
  readonly kind: 'dispatcher';
  readonly id: Id;
  /** For people. */
  readonly host: string;
  readonly pid: number;
  /** `true` while it works, or has died unnoticed. */
  readonly active: boolean;
  /** Distinguishes two processes with the same id. */
  readonly incarnation: Id;
  readonly activatedAt: number;
  /** The interval of its pings. It is declared dead after `deathMs` without one. */
  readonly pingMs: number;
  readonly deathMs: number;
  /** `true` if no later process has its id: it is forgotten a day after its end. */
  readonly isPassing?: boolean;
}

/** The pings of a dispatcher: apart from its own record, which every claim reads. */
export interface PingRecord {
  readonly kind: 'ping';
  readonly dispatcher: Id;
  /** Raised by each activation and ping. Others observe whether it moves. */
  readonly count: number;
  /** For people. Clocks of two hosts cannot be compared. */
  readonly at: number;
  /** It may have handles of its jobs from this one on. Only on stores that processes share. */
  readonly holdsFrom?: Id | undefined;
}

/** The moments at which a schedule ticks: none before `from`, and none after `until`. */
export type ScheduleSpec = { readonly from?: number; readonly until?: number } & (
  | { readonly cron: string; readonly zone: string }
  /** Each `everyMs` from `anchor` on, forward and back. */
  | { readonly everyMs: number; readonly anchor: number }
);

/** Of the ticks that passed without a runtime: the latest one runs, none, or all. */
export const missedPolicies = ['one', 'skip', 'all'] as const;
export type MissedPolicy = (typeof missedPolicies)[number];

/**
 * A tick while a job of the schedule is not completed: passes, waits for its end, runs beside it,
 * or cancels it and then runs.
 */
export const overlapPolicies = ['skip', 'queue', 'allow', 'replace'] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** The settings of a schedule that its user gives. */
export interface ScheduleSettings {
  readonly name: string;
  readonly queue: string;
  readonly spec: ScheduleSpec;
  readonly missed: MissedPolicy;
  /** Older missed ticks never run. */
  readonly windowMs: number;
  readonly overlap: OverlapPolicy;
  /** The most by which a tick's job begins later, the same for each process. */
  readonly jitterMs: number;
  /** `true` if a failed job pauses the schedule. */
  readonly pauseOnFailure: boolean;
  /** `true` if it was given to `open`. */
  readonly declared: boolean;
  /** Equal for an equal job and equal settings. */
  readonly digest: string;
}

/** Puts a job at each of its ticks. Times are milliseconds since the epoch, 0 for none. */
export interface ScheduleRecord extends ScheduleSettings {
  readonly kind: 'schedule';
  /** A held job, whose arguments are the job to put, as its user's process encoded it. */
  readonly template: Id;
  /** The id of its first template, from which those of its ticks' jobs are made. */
  readonly series: Id;
  readonly paused: boolean;
  /** The next tick to handle. */
  readonly nextAt: number;
  /** The version of the time zones by which that tick was computed; an older build stored none. */
  readonly zones?: string;
  /** The last tick that was handled, and the missed ones before it that did not run. */
  readonly lastAt: number;
  readonly lastMissed: number;
  /** The last tick whose job succeeded. */
  readonly successAt: number;
  readonly fired: number;
  readonly missedCount: number;
  /** Ticks that passed because a job was not completed. */
  readonly skipped: number;
  /** Its jobs that are not completed, at most the last hundred. */
  readonly live: readonly Id[];
  /** A job that is put when the live ones are completed; empty for none. */
  readonly waiting: Id;
  /** The last jobs, oldest first. */
  readonly recent: readonly { readonly at: number; readonly job: Id }[];
}

/** A named value of a job, set by the job itself or by others while it lives. */
export interface AnnotationRecord {
  readonly kind: 'annotation';
  readonly job: Id;
  readonly name: string;
  readonly value: Payload;
}

/**
 * A setting of a kind that only a newer build knows. It is kept as it was stored, so that a build
 * can be taken back without a loss.
 */
export interface OpaqueRecord {
  readonly kind: 'opaque';
  readonly key: string;
  readonly json: string;
}

type KnownSetting =
  | QueueRecord
  | QuotaRecord
  | AgentRecord
  | DispatcherRecord
  | PingRecord
  | DefaultsRecord
  | ScheduleRecord;

/** Records other than jobs: few, and stored whole. */
export type SettingRecord = KnownSetting | OpaqueRecord;

const settingKinds: { readonly [kind in KnownSetting['kind']]: true } = {
  queue: true,
  quota: true,
  agent: true,
  dispatcher: true,
  ping: true,
  schedule: true,
  defaults: true,
};

export const isSettingKind = (kind: string): boolean => Object.hasOwn(settingKinds, kind);

export function settingKey(record: SettingRecord): string {
  switch (record.kind) {
    case 'queue':
      return queueKey(record.name);
    case 'quota':
      return quotaRecordKey(record.queue, record.name);
    case 'agent':
      return agentKey(record.dispatcher, record.queue, record.name);
    case 'dispatcher':
      return dispatcherKey(record.id);
    case 'ping':
      return pingKey(record.dispatcher);
    case 'defaults':
      return defaultsKey(record.dispatcher);
    case 'schedule':
      return scheduleKey(record.name);
    case 'opaque':
      return record.key;
  }
}

const separator = '\u0000';

export const queueKey = (name: string) => `queue${separator}${name}`;
export const quotaRecordKey = (queue: string, name: string) => `quota${separator}${queue}${separator}${name}`;
export const agentKey = (dispatcher: Id, queue: string, name: string) =>
  ['agent', dispatcher, queue, name].join(separator);

export const dispatcherKey = (id: Id) => `dispatcher${separator}${id}`;
export const pingKey = (dispatcher: Id) => `ping${separator}${dispatcher}`;
export const defaultsKey = (dispatcher: Id) => `defaults${separator}${dispatcher}`;

export const scheduleKey = (name: string) => `schedule${separator}${name}`;

export const agentName = (key: string) => key.slice(key.lastIndexOf(separator) + 1);

const idAt = `agent${separator}`.length;
const idLength = 16;

/** Returns the dispatcher of an agent's key. An id may contain the separator. */
export const agentDispatcher = (key: string): Id => key.slice(idAt, idAt + idLength);
export const isAgentOf = (key: string, dispatcher: Id) => key.startsWith(dispatcher, idAt);

/** A job's name for a quota: the name of the quota, and a key if the job gives one. */
export const quotaKey = (name: string, key?: string) => (key === undefined ? name : `${name}${separator}${key}`);
export function quotaFromKey(key: string): { readonly name: string; readonly key?: string } {
  const at = key.indexOf(separator);
  return at < 0 ? { name: key } : { name: key.slice(0, at), key: key.slice(at + 1) };
}
export const quotaName = (key: string) => key.split(separator, 1)[0]!;
