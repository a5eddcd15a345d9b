/**
 * The fields that are equal for most jobs of a queue: how the job was put, and fields that most
 * jobs do not use. Jobs with equal values share one `CommonFields`, copied before the first write.
 */
import type { Id, JobForm, JobRecord, JobRole, LogThreshold, PolicyRecord } from '../records.js';

/** The only empty list, so that empty lists are equal by reference. */
export const none: never[] = [];

/** Returns `none` in place of any empty list. */
export function listOf(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? none : texts;
}

/**
 * A class for the reason given in `run-fields.ts`. A new field of a job belongs here, unless it
 * differs in nearly every job.
 */
export class CommonFields {
  owner: Id;
  callable: string;
  queue: string;
  form: JobForm;
  role: JobRole;
  only: Id;
  parent: Id;
  index: number;
  parts: number;
  partsDone: number;
  cursor: number;
  open: boolean;
  callbacks: number;
  callbacksDone: number;
  awaitedCallbacks: number;
  counted: boolean;
  policy: string;
  asked: PolicyRecord | null;
  priority: number;
  quotas: readonly string[];
  places: readonly string[];
  shared: readonly string[];
  unique: string;
  front: boolean;
  cancelled: boolean;
  suspect: boolean;
  alone: boolean;
  inner: Id;
  awaiters: number;
  retryOf: Id;
  retriedBy: Id;
  errors: number;
  interruptions: number;
  beginAfter: number;
  delayed: boolean;
  dueAt: number;
  deadline: number;
  timeoutMs: number;
  log: LogThreshold | '';

  constructor(from: Readonly<CommonFields>) {
    this.owner = from.owner;
    this.callable = from.callable;
    this.queue = from.queue;
    this.form = from.form;
    this.role = from.role;
    this.only = from.only;
    this.parent = from.parent;
    this.index = from.index;
    this.parts = from.parts;
    this.partsDone = from.partsDone;
    this.cursor = from.cursor;
    this.open = from.open;
    this.callbacks = from.callbacks;
    this.callbacksDone = from.callbacksDone;
    this.awaitedCallbacks = from.awaitedCallbacks;
    this.counted = from.counted;
    this.policy = from.policy;
    this.asked = from.asked;
    this.priority = from.priority;
    this.quotas = listOf(from.quotas);
    this.places = listOf(from.places);
    this.shared = listOf(from.shared);
    this.unique = from.unique;
    this.front = from.front;
    this.cancelled = from.cancelled;
    this.suspect = from.suspect;
    this.alone = from.alone;
    this.inner = from.inner;
    this.awaiters = from.awaiters;
    this.retryOf = from.retryOf;
    this.retriedBy = from.retriedBy;
    this.errors = from.errors;
    this.interruptions = from.interruptions;
    this.beginAfter = from.beginAfter;
    this.delayed = from.delayed;
    this.dueAt = from.dueAt;
    this.deadline = from.deadline;
    this.timeoutMs = from.timeoutMs;
    this.log = from.log;
  }
}

/**
 * The latest common fields of roots, by queue and callable: the next root mostly equals one of
 * them. Shared by all states of a process, since it saves memory and decides nothing.
 */
const lastOf = new Map<string, Map<string, CommonFields[]>>();

/** The most queues, and the most callables of each, that `lastOf` holds. */
const mostNames = 256;
/** The most fields of one callable that `lastOf` holds. Every put compares with all of them. */
const mostKinds = 8;

/** Returns a record's common fields. They must not be written to: other jobs may share them. */
export function commonFieldsOf(record: JobRecord): Readonly<CommonFields> {
  // Members differ in their parent or index, so no two are alike.
  if (record.role !== 'root') return new CommonFields(record);
  const { queue, callable } = record;
  let ofQueue = lastOf.get(queue);
  let kinds = ofQueue?.get(callable);
  for (const kind of kinds ?? none) if (areAlike(record, kind)) return kind;
  const fields = new CommonFields(record);
  if (isOneOfAKind(fields)) return fields;
  if (ofQueue === undefined) {
    ofQueue = new Map();
    remember(lastOf, queue, ofQueue);
  }
  if (kinds === undefined) {
    kinds = [];
    remember(ofQueue, callable, kinds);
  }
  if (kinds.length === mostKinds) kinds.shift();
  kinds.push(fields);
  return fields;
}

function remember<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.size >= mostNames && !map.has(name)) map.clear();
  map.set(name, value);
}

/** `true` if hardly any other job has the same fields. */
function isOneOfAKind({ unique, asked, beginAfter, dueAt, deadline }: CommonFields): boolean {
  return unique !== '' || asked !== null || beginAfter !== 0 || dueAt !== 0 || deadline !== 0;
}

/**
 * Compares two roots with the same queue and callable. Written by hand: a loop over the names costs
 * ten times as much, and every put comes here.
 */
function areAlike(a: Readonly<CommonFields>, b: Readonly<CommonFields>): boolean {
  return (
    a.priority === b.priority &&
    a.owner === b.owner &&
    a.form === b.form &&
    a.only === b.only &&
    a.parts === b.parts &&
    a.partsDone === b.partsDone &&
    a.cursor === b.cursor &&
    a.open === b.open &&
    a.callbacks === b.callbacks &&
    a.callbacksDone === b.callbacksDone &&
    a.awaitedCallbacks === b.awaitedCallbacks &&
    a.counted === b.counted &&
    a.policy === b.policy &&
    a.asked === b.asked &&
    haveSame(a.quotas, b.quotas) &&
    haveSame(a.places, b.places) &&
    haveSame(a.shared, b.shared) &&
    a.unique === b.unique &&
    a.front === b.front &&
    a.cancelled === b.cancelled &&
    a.suspect === b.suspect &&
    a.alone === b.alone &&
    a.inner === b.inner &&
    a.awaiters === b.awaiters &&
    a.retryOf === b.retryOf &&
    a.retriedBy === b.retriedBy &&
    a.errors === b.errors &&
    a.interruptions === b.interruptions &&
    a.beginAfter === b.beginAfter &&
    a.delayed === b.delayed &&
    a.dueAt === b.dueAt &&
    a.deadline === b.deadline &&
    a.timeoutMs === b.timeoutMs &&
    a.log === b.log
  );
}

function haveSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
