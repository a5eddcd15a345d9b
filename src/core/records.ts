/**
 * What callsheet remembers: the records that every store keeps, and nothing else.
 *
 * Records are small (a job is a header of well under 4 KiB): arguments, results and annotations are
 * payloads beside them, opaque here. A change is the record's new state, never a delta. Membership
 * lives on the member (a part names its whole, a callback its job); the whole holds counts only, so
 * that a fan-out of 100,000 parts never rewrites a list of 100,000 ids.
 */

/**
 * A UUID as sixteen characters of one byte each: half the size of its usual spelling, and a ready
 * key of a Map.
 */
export type Id = string;

/** Encoded bytes that the core carries and never opens; a store may keep only where they are. */
export interface Payload {
  readonly byteLength: number;
}

/** In the order in which a job passes through them. */
export const jobStatuses = ['new', 'pending', 'assigned', 'active', 'callbacks', 'completed'] as const;
/** How far a job has come. */
export type JobStatus = (typeof jobStatuses)[number];

/**
 * A `call` runs its callable. A composition runs its parts first, and its callable (the
 * postprocess, if any) after. A `choice` is what `addCallbacks` makes: of its parts, one for
 * success and one for failure, the one that applies is run. A `map` is a composition whose parts
 * are made from items that come meanwhile; they stand in `chunk`s (see `map.ts`).
 */
export const jobForms = ['call', 'serial', 'parallel', 'choice', 'map', 'chunk'] as const;
export type JobForm = (typeof jobForms)[number];

/**
 * Why a job exists: put by someone, a part of a whole, a callback of a job, or a side of a choice.
 */
export const jobRoles = ['root', 'part', 'callback', 'onSuccess', 'onFailure'] as const;
export type JobRole = (typeof jobRoles)[number];

/**
 * `parts`: not put yet. `waiting`: parts run. `call`: the callable is to run, is running or has
 * run. `inner`: a returned job runs. `policy`: a run is over, and the job's own policy is to say
 * what becomes of it.
 */
export const jobStages = ['parts', 'waiting', 'call', 'inner', 'policy'] as const;
export type JobStage = (typeof jobStages)[number];

/**
 * How a job's call ended. `list` is a composition without postprocess: its value is its completed
 * parts, or a payload in their place.
 */
export const outcomeKinds = ['none', 'value', 'failure', 'list'] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

/**
 * The place of a name in one of these lists. As `indexOf`, which costs a call; a name that is not
 * there is an error.
 */
export function codeOf<T>(names: readonly T[], name: T): number {
  for (let code = 0; code < names.length; code++) if (names[code] === name) return code;
  throw new RangeError(`${name} is not one of ${names.join(', ')}`);
}

/** What survives what; see `put`. */
export const levels = ['memory', 'process', 'full'] as const;
/**
 * What a job survives: nothing (`memory`), the end of its process (`process`), a power loss
 * (`full`).
 */
export type Level = (typeof levels)[number];

/** What a begun job lost: its runtime was closed, or its thread or process died. */
export type InterruptionCause = 'close' | 'thread' | 'process';

/**
 * What an own policy can be asked: the job failed, its outcome could not be stored, or it was
 * interrupted, and by what.
 */
export const policyQuestions = ['jobError', 'commitError', 'close', 'thread', 'process'] as const;
export type PolicyQuestion = (typeof policyQuestions)[number];

/** What is between a job and its own policy. */
export interface PolicyRecord {
  /** Who is asked: `module#export`. */
  readonly policy: string;
  /** What it was asked last. */
  readonly question: PolicyQuestion;
  readonly askedAt: number;
  /** How often it has given no usable answer since. */
  readonly misses: number;
  /** What was wrong the last time, in a few words; empty for nothing. */
  readonly problem: string;
  /** What it keeps with the job: a small payload that nobody else opens. */
  readonly data: Uint8Array | null;
}

export interface JobRecord {
  readonly kind: 'job';
  readonly id: Id;
  /** The runtime that put it. */
  readonly owner: Id;
  readonly status: JobStatus;
  readonly form: JobForm;
  readonly role: JobRole;
  readonly stage: JobStage;
  /** `module#export`, or empty: a composition without postprocess, or a choice. */
  readonly callable: string;
  readonly queue: string;
  /** The only dispatcher that may claim it; empty: any. */
  readonly only: Id;
  /** The whole that it is a part of, or the job that it is a callback of; empty for a root. */
  readonly parent: Id;
  /** Its place among its parent's parts, or among its parent's callbacks. */
  readonly index: number;
  readonly parts: number;
  readonly partsDone: number;
  /** A map: more items may come. */
  readonly open: boolean;
  readonly callbacks: number;
  readonly callbacksDone: number;
  /** A part: how many callbacks it had when it began; its whole waits for these. */
  readonly awaitedCallbacks: number;
  /** A part: its whole has counted it. */
  readonly counted: boolean;
  readonly level: Level;
  /** See `retry.ts`. Empty where the job does not say. */
  readonly policy: string;
  /** Null until an own policy was asked. */
  readonly asked: PolicyRecord | null;
  /** Higher goes first. */
  readonly priority: number;
  /** The quotas it names, each as `quotaKey` spells it. */
  readonly quotas: readonly string[];
  /** Those of its quotas in which it has a place. */
  readonly places: readonly string[];
  /** Those in which a job that waits for it has a place, which it shares. */
  readonly shared: readonly string[];
  /** While it is live, a second put with this key is this job. Empty: none. */
  readonly unique: string;
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
  /** Claimed, and to end as cancelled, whatever it does. */
  readonly cancelled: boolean;
  /** A process died while it may have run; nothing is counted for that. */
  readonly suspect: boolean;
  /** That happened to it twice running: it runs alone, its start is written first, and counts. */
  readonly alone: boolean;
  /**
   * The key of the agent that claimed it last, empty before; of no name where it runs in no agent's
   * place. Tells the dispatcher, too.
   */
  readonly agent: string;
  /** The job that it returned, whose outcome it takes; empty for none. */
  readonly inner: Id;
  /** Runs that have begun, and runs that may have begun when their process died. */
  readonly attempts: number;
  /** Own errors that were retried. */
  readonly errors: number;
  /**
   * Interruptions that count: not those by a clean close, nor by the death of a process that the
   * job may not have caused.
   */
  readonly interruptions: number;
  readonly outcome: OutcomeKind;
  /** Milliseconds since the epoch; 0 is "not yet", or "not asked for". */
  readonly putAt: number;
  /** Not before this time, as it was asked for. */
  readonly beginAfter: number;
  /** It was asked for as a delay, not as a date. */
  readonly delayed: boolean;
  /** Not before this time, as things are: `beginAfter`, or a retry's. */
  readonly dueAt: number;
  /** If it has not begun by then, it fails. */
  readonly deadline: number;
  /** How long a run may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly firstStartAt: number;
  readonly lastStartAt: number;
  readonly endAt: number;
  readonly completedAt: number;
  readonly args: Payload | null;
  /** The outcome; and in the stage `policy`, the failure that is in question. */
  readonly result: Payload | null;
}

/** Whether it runs when its turn comes rather than from a line. */
export function takesTurns({ role }: JobRecord): boolean {
  return role === 'callback' || role === 'onSuccess' || role === 'onFailure';
}

/** Whether it is made of parts that it waits for. */
export const isWhole = ({ form }: JobRecord) => form !== 'call' && form !== 'choice';

/** What the members of a job have in common with it. */
export const placeOf = ({ owner, queue, level, only }: JobRecord) => ({ owner, queue, level, only });

/** How many items stand in a chunk. What is stored depends on it: it is not to be changed. */
export const chunkItems = 256;

/** With its id, the name of a job's payload. */
export const payloadSlots = ['args', 'result'] as const;
export type PayloadSlot = (typeof payloadSlots)[number];

/** A named line of jobs. */
export interface QueueRecord {
  readonly kind: 'queue';
  readonly name: string;
  /** Nothing is claimed from it. */
  readonly paused: boolean;
  /** At this length, puts wait; 0 is no bound. */
  readonly bound: number;
}

/** How many jobs of a queue may run at a time that name it. */
export interface QuotaRecord {
  readonly kind: 'quota';
  readonly queue: string;
  readonly name: string;
  /** For each key, where jobs give one. */
  readonly size: number;
  /** At most so many begin in each `ratePeriodMs`; 0 is no such limit. */
  readonly rate: number;
  readonly ratePeriodMs: number;
}

/** Who claims for a dispatcher in a queue. */
export interface AgentRecord {
  readonly kind: 'agent';
  readonly dispatcher: Id;
  readonly queue: string;
  readonly name: string;
  /** The most jobs that it has begun at a time. */
  readonly size: number;
  readonly filter: AgentFilter | null;
  /**
   * A function of a job module that says which of the jobs that it may take it takes, and in which
   * order.
   */
  readonly chooser?: string;
  readonly retry: RetryDefaults;
}

/** What is set for a dispatcher as a whole. */
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

/** What an agent takes: all that is given has to fit. */
export interface AgentFilter {
  readonly callables?: readonly string[];
  readonly modules?: readonly string[];
  /** Jobs that name one of these quotas. */
  readonly quotas?: readonly string[];
  readonly minPriority?: number;
  readonly maxPriority?: number;
  /** And a function of a job module, `module#export`, says that it takes the job. */
  readonly by?: string;
}

/** A process that runs jobs, or did. */
export interface DispatcherRecord {
  readonly kind: 'dispatcher';
  readonly id: Id;
  /** Where it runs, for people. */
  readonly host: string;
  readonly pid: number;
  /** It works, or has died and nobody has noticed yet. */
  readonly active: boolean;
  /** Which process it is: two with one id are told apart by it. */
  readonly incarnation: Id;
  readonly activatedAt: number;
  readonly lastPingAt: number;
  /**
   * It says so often that it is alive; not heard of for longer than `deathMs`, it is taken for
   * dead.
   */
  readonly pingMs: number;
  readonly deathMs: number;
}

/** Something said about a job while it lives, by itself or by others. */
export interface AnnotationRecord {
  readonly kind: 'annotation';
  readonly job: Id;
  readonly name: string;
  readonly value: Payload;
}

/** A record other than a job: few, and stored whole. */
export type SettingRecord = QueueRecord | QuotaRecord | AgentRecord | DispatcherRecord | DefaultsRecord;

/** What a setting is found by. */
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
    case 'defaults':
      return defaultsKey(record.dispatcher);
  }
}

const separator = '\u0000';

export const queueKey = (name: string) => `queue${separator}${name}`;
export const quotaRecordKey = (queue: string, name: string) => `quota${separator}${queue}${separator}${name}`;
export const agentKey = (dispatcher: Id, queue: string, name: string) =>
  ['agent', dispatcher, queue, name].join(separator);

export const dispatcherKey = (id: Id) => `dispatcher${separator}${id}`;
export const defaultsKey = (dispatcher: Id) => `defaults${separator}${dispatcher}`;

/** The name that an agent has, from its key. */
export const agentName = (key: string) => key.slice(key.lastIndexOf(separator) + 1);

const idAt = `agent${separator}`.length;
const idLength = 16;

/**
 * The dispatcher whose agent it is, from the agent's key; an id may hold the separator, but not at
 * another length.
 */
export const agentDispatcher = (key: string): Id => key.slice(idAt, idAt + idLength);
/** Whether it is an agent of this dispatcher's. */
export const isAgentOf = (key: string, dispatcher: Id) => key.startsWith(dispatcher, idAt);

/** How a job names a quota: its name, and its key where the job gives one. */
export const quotaKey = (name: string, key?: string) => (key === undefined ? name : `${name}${separator}${key}`);
export function quotaFromKey(key: string): { readonly name: string; readonly key?: string } {
  const at = key.indexOf(separator);
  return at < 0 ? { name: key } : { name: key.slice(0, at), key: key.slice(at + 1) };
}
export const quotaName = (key: string) => key.split(separator, 1)[0]!;
