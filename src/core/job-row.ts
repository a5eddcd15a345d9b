/**
 * A job's record as the state keeps it: the one object that is changed in place, with what the indices need beside it.
 *
 * Everybody else sees it as a `JobRecord`, which cannot be written to. A class with all its fields set in one order, because these objects
 * are the most that callsheet makes, copies and reads.
 */
import type { Lane, Queued } from './lanes.js';
import type {
  BuiltinPolicy,
  Id,
  JobForm,
  JobRecord,
  JobRole,
  JobStage,
  JobStatus,
  Level,
  OutcomeKind,
  Payload,
} from './records.js';

const none: never[] = [];

export class JobRow implements Queued {
  readonly kind = 'job';
  id: Id;
  owner: Id;
  status: JobStatus;
  form: JobForm;
  role: JobRole;
  stage: JobStage;
  callable: string;
  queue: string;
  parent: Id;
  index: number;
  parts: number;
  partsDone: number;
  callbacks: number;
  callbacksDone: number;
  level: Level;
  policy: BuiltinPolicy;
  priority: number;
  queued: boolean;
  front: boolean;
  eligible: number;
  fence: number;
  claimed: boolean;
  begun: boolean;
  suspect: boolean;
  attempts: number;
  interruptions: number;
  outcome: OutcomeKind;
  putAt: number;
  firstStartAt: number;
  lastStartAt: number;
  endAt: number;
  completedAt: number;
  args: Payload | null;
  result: Payload | null;

  lane: Lane | undefined = undefined;
  lanePosition = -1;
  /** Members that name this job as their parent, by index. */
  partRows: JobRow[] = none;
  callbackRows: JobRow[] = none;
  /** The number of the last command that changed it, and of the last group. */
  command = 0;
  group = 0;

  constructor(from: JobRecord) {
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
    this.level = from.level;
    this.policy = from.policy;
    this.priority = from.priority;
    this.queued = from.queued;
    this.front = from.front;
    this.eligible = from.eligible;
    this.fence = from.fence;
    this.claimed = from.claimed;
    this.begun = from.begun;
    this.suspect = from.suspect;
    this.attempts = from.attempts;
    this.interruptions = from.interruptions;
    this.outcome = from.outcome;
    this.putAt = from.putAt;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.args = from.args;
    this.result = from.result;
  }

  /** Takes on all that is stored of another; the indices' fields stay. */
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
    this.level = from.level;
    this.policy = from.policy;
    this.priority = from.priority;
    this.queued = from.queued;
    this.front = from.front;
    this.eligible = from.eligible;
    this.fence = from.fence;
    this.claimed = from.claimed;
    this.begun = from.begun;
    this.suspect = from.suspect;
    this.attempts = from.attempts;
    this.interruptions = from.interruptions;
    this.outcome = from.outcome;
    this.putAt = from.putAt;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.args = from.args;
    this.result = from.result;
  }
}
