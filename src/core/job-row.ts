/**
 * A job's record as the state keeps it: the one object that is changed in place, with what the indices note about it.
 *
 * Everybody else sees it as a `JobRecord`, which cannot be written to. A class with all its fields set in one order, because these objects
 * are the most that callsheet makes, copies and reads.
 */
import type { Lane, Queued } from './lanes.js';
import type { Id, JobForm, JobRecord, JobRole, JobStage, JobStatus, Level, OutcomeKind, Payload } from './records.js';

const none: never[] = [];

export class JobRow implements Queued {
  readonly kind = 'job';
  id!: Id;
  owner!: Id;
  status!: JobStatus;
  form!: JobForm;
  role!: JobRole;
  stage!: JobStage;
  callable!: string;
  queue!: string;
  parent!: Id;
  index!: number;
  parts!: number;
  partsDone!: number;
  callbacks!: number;
  callbacksDone!: number;
  awaitedCallbacks!: number;
  counted!: boolean;
  level!: Level;
  policy!: string;
  priority!: number;
  quotas!: readonly string[];
  places!: readonly string[];
  shared!: readonly string[];
  unique!: string;
  queued!: boolean;
  front!: boolean;
  eligible!: number;
  fence!: number;
  claimed!: boolean;
  begun!: boolean;
  cancelled!: boolean;
  suspect!: boolean;
  alone!: boolean;
  agent!: string;
  inner!: Id;
  attempts!: number;
  errors!: number;
  interruptions!: number;
  outcome!: OutcomeKind;
  putAt!: number;
  beginAfter!: number;
  dueAt!: number;
  deadline!: number;
  timeoutMs!: number;
  firstStartAt!: number;
  lastStartAt!: number;
  endAt!: number;
  completedAt!: number;
  args!: Payload | null;
  result!: Payload | null;

  /** Members that name this job as their parent, by index. */
  partRows: JobRow[] = none;
  callbackRows: JobRow[] = none;
  /** The number of the last command that changed it, and of the last group. */
  command = 0;
  group = 0;
  /** The group in which there is a way back for it. */
  notedIn = 0;
  /** The group that it came with; and whether it is remembered. */
  insertedIn = 0;
  isThere = false;
  // Where the indices have it now.
  lane: Lane | undefined = undefined;
  lanePosition = -1;
  timerAt = 0;
  timerPosition = -1;
  inPlaces: readonly string[] = none;
  inInner = '';
  inUnique = '';
  inAgent = '';
  inCalledBack = '';
  isUnfinished = false;
  isDated = false;

  constructor(from: JobRecord) {
    this.restore(from);
  }

  /** Takes on all that is stored of another; what the indices note stays. */
  restore(from: JobRecord): void {
    this.id = from.id;
    this.owner = from.owner;
    this.status = from.status;
    this.form = from.form;
    this.role = from.role;
    this.stage = from.stage;
    this.callable = from.callable;
    this.queue = from.queue;
    this.parent = from.parent;
    this.index = from.index;
    this.parts = from.parts;
    this.partsDone = from.partsDone;
    this.callbacks = from.callbacks;
    this.callbacksDone = from.callbacksDone;
    this.awaitedCallbacks = from.awaitedCallbacks;
    this.counted = from.counted;
    this.level = from.level;
    this.policy = from.policy;
    this.priority = from.priority;
    this.quotas = from.quotas;
    this.places = from.places;
    this.shared = from.shared;
    this.unique = from.unique;
    this.queued = from.queued;
    this.front = from.front;
    this.eligible = from.eligible;
    this.fence = from.fence;
    this.claimed = from.claimed;
    this.begun = from.begun;
    this.cancelled = from.cancelled;
    this.suspect = from.suspect;
    this.alone = from.alone;
    this.agent = from.agent;
    this.inner = from.inner;
    this.attempts = from.attempts;
    this.errors = from.errors;
    this.interruptions = from.interruptions;
    this.outcome = from.outcome;
    this.putAt = from.putAt;
    this.beginAfter = from.beginAfter;
    this.dueAt = from.dueAt;
    this.deadline = from.deadline;
    this.timeoutMs = from.timeoutMs;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.args = from.args;
    this.result = from.result;
  }
}
