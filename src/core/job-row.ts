/**
 * A job's record as the state keeps it: the one object that is changed in place, with what the indices note about it.
 *
 * Everybody else sees it as a `JobRecord`, which cannot be written to. There are as many of these objects as jobs, and one more for each that
 * a group changes, so they are small: what most jobs do not have is in an object beside them, which all of those share.
 */
import type { Lane, Queued } from './lanes.js';
import type {
  Id,
  JobForm,
  JobRecord,
  JobRole,
  JobStage,
  JobStatus,
  Level,
  OutcomeKind,
  Payload,
  PolicyRecord,
} from './records.js';

const none: never[] = [];

/** What most jobs do not have; never written to. A new field of a job that is not in each of them belongs here. */
const plain = {
  form: 'call' as JobForm,
  role: 'root' as JobRole,
  only: '' as Id,
  parent: '' as Id,
  index: 0,
  parts: 0,
  partsDone: 0,
  open: false,
  callbacks: 0,
  callbacksDone: 0,
  awaitedCallbacks: 0,
  counted: false,
  policy: '',
  asked: null as PolicyRecord | null,
  priority: 0,
  quotas: none as readonly string[],
  places: none as readonly string[],
  shared: none as readonly string[],
  unique: '',
  front: false,
  cancelled: false,
  suspect: false,
  alone: false,
  inner: '' as Id,
  errors: 0,
  interruptions: 0,
  beginAfter: 0,
  dueAt: 0,
  deadline: 0,
  timeoutMs: 0,
};

type Rare = Readonly<typeof plain>;

/** Where the indices have a job beside its lane and its agent, which few jobs need to note. */
interface Notes {
  /** Members that name this job as their parent, by index. */
  partRows: JobRow[];
  callbackRows: JobRow[];
  timerAt: number;
  timerPosition: number;
  inPlaces: readonly string[];
  inInner: string;
  inUnique: string;
  inCalledBack: string;
  isDated: boolean;
}

const unnoted: Readonly<Notes> = {
  partRows: none,
  callbackRows: none,
  timerAt: 0,
  timerPosition: -1,
  inPlaces: none,
  inInner: '',
  inUnique: '',
  inCalledBack: '',
  isDated: false,
};

/** What is stored of a job. All fields are set in one order. */
export class JobFields implements JobRecord {
  id!: Id;
  owner!: Id;
  status!: JobStatus;
  stage!: JobStage;
  callable!: string;
  queue!: string;
  level!: Level;
  queued!: boolean;
  eligible!: number;
  fence!: number;
  claimed!: boolean;
  begun!: boolean;
  agent!: string;
  attempts!: number;
  outcome!: OutcomeKind;
  putAt!: number;
  firstStartAt!: number;
  lastStartAt!: number;
  endAt!: number;
  completedAt!: number;
  args!: Payload | null;
  result!: Payload | null;
  #rare!: Rare;

  constructor(from: JobRecord) {
    this.restore(from);
  }

  /** Takes on all that is stored of another. */
  restore(from: JobRecord): void {
    this.id = from.id;
    this.owner = from.owner;
    this.status = from.status;
    this.stage = from.stage;
    this.callable = from.callable;
    this.queue = from.queue;
    this.level = from.level;
    this.queued = from.queued;
    this.eligible = from.eligible;
    this.fence = from.fence;
    this.claimed = from.claimed;
    this.begun = from.begun;
    this.agent = from.agent;
    this.attempts = from.attempts;
    this.outcome = from.outcome;
    this.putAt = from.putAt;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.args = from.args;
    this.result = from.result;
    this.#rare = from instanceof JobFields ? from.#rare : rareOf(from);
  }

  /** The record as a plain object of its own, whatever it is: not all fields of a row are its own properties. */
  static toRecord(job: JobRecord): JobRecord {
    return job instanceof JobFields ? job.#toRecord() : { ...job };
  }

  #toRecord(): JobRecord {
    const { id, owner, status, stage, callable, queue, level, queued, eligible, fence, claimed, begun, agent } = this;
    const { attempts, outcome, putAt, firstStartAt, lastStartAt, endAt, completedAt, args, result } = this;
    const claim = { queued, eligible, fence, claimed, begun, agent };
    const times = { putAt, firstStartAt, lastStartAt, endAt, completedAt };
    const own = { kind: 'job' as const, id, owner, status, stage, callable, queue, level, attempts, outcome };
    return { ...own, ...claim, ...times, args, result, ...this.#rare };
  }

  get kind(): 'job' {
    return 'job';
  }

  get form(): JobForm {
    return this.#rare.form;
  }

  get role(): JobRole {
    return this.#rare.role;
  }

  get parent(): Id {
    return this.#rare.parent;
  }

  get index(): number {
    return this.#rare.index;
  }

  get parts(): number {
    return this.#rare.parts;
  }

  set parts(parts: number) {
    if (parts !== this.#rare.parts) this.#rare = { ...this.#rare, parts };
  }

  get partsDone(): number {
    return this.#rare.partsDone;
  }

  set partsDone(partsDone: number) {
    if (partsDone !== this.#rare.partsDone) this.#rare = { ...this.#rare, partsDone };
  }

  get open(): boolean {
    return this.#rare.open;
  }

  set open(open: boolean) {
    if (open !== this.#rare.open) this.#rare = { ...this.#rare, open };
  }

  get callbacks(): number {
    return this.#rare.callbacks;
  }

  set callbacks(callbacks: number) {
    if (callbacks !== this.#rare.callbacks) this.#rare = { ...this.#rare, callbacks };
  }

  get callbacksDone(): number {
    return this.#rare.callbacksDone;
  }

  set callbacksDone(callbacksDone: number) {
    if (callbacksDone !== this.#rare.callbacksDone) this.#rare = { ...this.#rare, callbacksDone };
  }

  get awaitedCallbacks(): number {
    return this.#rare.awaitedCallbacks;
  }

  set awaitedCallbacks(awaitedCallbacks: number) {
    if (awaitedCallbacks !== this.#rare.awaitedCallbacks) this.#rare = { ...this.#rare, awaitedCallbacks };
  }

  get counted(): boolean {
    return this.#rare.counted;
  }

  set counted(counted: boolean) {
    if (counted !== this.#rare.counted) this.#rare = { ...this.#rare, counted };
  }

  get policy(): string {
    return this.#rare.policy;
  }

  get asked(): PolicyRecord | null {
    return this.#rare.asked;
  }

  set asked(asked: PolicyRecord | null) {
    if (asked !== this.#rare.asked) this.#rare = { ...this.#rare, asked };
  }

  get priority(): number {
    return this.#rare.priority;
  }

  set priority(priority: number) {
    if (priority !== this.#rare.priority) this.#rare = { ...this.#rare, priority };
  }

  get quotas(): readonly string[] {
    return this.#rare.quotas;
  }

  set quotas(quotas: readonly string[]) {
    this.#rare = { ...this.#rare, quotas: listOf(quotas) };
  }

  get places(): readonly string[] {
    return this.#rare.places;
  }

  set places(places: readonly string[]) {
    if (listOf(places) !== this.#rare.places) this.#rare = { ...this.#rare, places: listOf(places) };
  }

  get shared(): readonly string[] {
    return this.#rare.shared;
  }

  set shared(shared: readonly string[]) {
    this.#rare = { ...this.#rare, shared: listOf(shared) };
  }

  get only(): Id {
    return this.#rare.only;
  }

  get unique(): string {
    return this.#rare.unique;
  }

  get front(): boolean {
    return this.#rare.front;
  }

  set front(front: boolean) {
    if (front !== this.#rare.front) this.#rare = { ...this.#rare, front };
  }

  get cancelled(): boolean {
    return this.#rare.cancelled;
  }

  set cancelled(cancelled: boolean) {
    if (cancelled !== this.#rare.cancelled) this.#rare = { ...this.#rare, cancelled };
  }

  get suspect(): boolean {
    return this.#rare.suspect;
  }

  set suspect(suspect: boolean) {
    if (suspect !== this.#rare.suspect) this.#rare = { ...this.#rare, suspect };
  }

  get alone(): boolean {
    return this.#rare.alone;
  }

  set alone(alone: boolean) {
    if (alone !== this.#rare.alone) this.#rare = { ...this.#rare, alone };
  }

  get inner(): Id {
    return this.#rare.inner;
  }

  set inner(inner: Id) {
    if (inner !== this.#rare.inner) this.#rare = { ...this.#rare, inner };
  }

  get errors(): number {
    return this.#rare.errors;
  }

  set errors(errors: number) {
    if (errors !== this.#rare.errors) this.#rare = { ...this.#rare, errors };
  }

  get interruptions(): number {
    return this.#rare.interruptions;
  }

  set interruptions(interruptions: number) {
    if (interruptions !== this.#rare.interruptions) this.#rare = { ...this.#rare, interruptions };
  }

  get beginAfter(): number {
    return this.#rare.beginAfter;
  }

  get dueAt(): number {
    return this.#rare.dueAt;
  }

  set dueAt(dueAt: number) {
    if (dueAt !== this.#rare.dueAt) this.#rare = { ...this.#rare, dueAt };
  }

  get deadline(): number {
    return this.#rare.deadline;
  }

  set deadline(deadline: number) {
    if (deadline !== this.#rare.deadline) this.#rare = { ...this.#rare, deadline };
  }

  get timeoutMs(): number {
    return this.#rare.timeoutMs;
  }

  set timeoutMs(timeoutMs: number) {
    if (timeoutMs !== this.#rare.timeoutMs) this.#rare = { ...this.#rare, timeoutMs };
  }
}

/** A job in the state, with what the indices note about it; `restore` leaves that alone. */
export class JobRow extends JobFields implements Queued {
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
  inAgent = '';
  isUnfinished = false;
  #notes: Notes = unnoted;

  get partRows(): JobRow[] {
    return this.#notes.partRows;
  }

  set partRows(rows: JobRow[]) {
    this.#noted().partRows = rows;
  }

  get callbackRows(): JobRow[] {
    return this.#notes.callbackRows;
  }

  set callbackRows(rows: JobRow[]) {
    this.#noted().callbackRows = rows;
  }

  get timerAt(): number {
    return this.#notes.timerAt;
  }

  set timerAt(time: number) {
    if (time !== this.#notes.timerAt) this.#noted().timerAt = time;
  }

  get timerPosition(): number {
    return this.#notes.timerPosition;
  }

  set timerPosition(position: number) {
    if (position !== this.#notes.timerPosition) this.#noted().timerPosition = position;
  }

  get inPlaces(): readonly string[] {
    return this.#notes.inPlaces;
  }

  set inPlaces(places: readonly string[]) {
    if (places !== this.#notes.inPlaces) this.#noted().inPlaces = places;
  }

  get inInner(): string {
    return this.#notes.inInner;
  }

  set inInner(id: string) {
    this.#noted().inInner = id;
  }

  get inUnique(): string {
    return this.#notes.inUnique;
  }

  set inUnique(key: string) {
    this.#noted().inUnique = key;
  }

  get inCalledBack(): string {
    return this.#notes.inCalledBack;
  }

  set inCalledBack(agent: string) {
    this.#noted().inCalledBack = agent;
  }

  get isDated(): boolean {
    return this.#notes.isDated;
  }

  set isDated(dated: boolean) {
    this.#noted().isDated = dated;
  }

  #noted(): Notes {
    if (this.#notes === unnoted) this.#notes = { ...unnoted };
    return this.#notes;
  }
}

/** All empty lists are one. */
function listOf(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? none : texts;
}

/** What a record has beside what all have. In one literal, whose shape is known: put together of several it costs fifty times as much. */
function rareOf(record: JobRecord): Rare {
  const quotas = listOf(record.quotas);
  const places = listOf(record.places);
  const shared = listOf(record.shared);
  if (quotas === none && places === none && shared === none && isPlain(record)) return plain;
  return {
    form: record.form,
    role: record.role,
    only: record.only,
    parent: record.parent,
    index: record.index,
    parts: record.parts,
    partsDone: record.partsDone,
    open: record.open,
    callbacks: record.callbacks,
    callbacksDone: record.callbacksDone,
    awaitedCallbacks: record.awaitedCallbacks,
    counted: record.counted,
    policy: record.policy,
    asked: record.asked,
    priority: record.priority,
    quotas,
    places,
    shared,
    unique: record.unique,
    front: record.front,
    cancelled: record.cancelled,
    suspect: record.suspect,
    alone: record.alone,
    inner: record.inner,
    errors: record.errors,
    interruptions: record.interruptions,
    beginAfter: record.beginAfter,
    dueAt: record.dueAt,
    deadline: record.deadline,
    timeoutMs: record.timeoutMs,
  };
}

/** By hand: a loop over the names costs ten times as much, and every job passes here. */
function isPlain(record: JobRecord): boolean {
  return (
    record.form === plain.form &&
    record.role === plain.role &&
    record.only === plain.only &&
    record.parent === plain.parent &&
    record.index === plain.index &&
    record.parts === plain.parts &&
    record.partsDone === plain.partsDone &&
    record.open === plain.open &&
    record.callbacks === plain.callbacks &&
    record.callbacksDone === plain.callbacksDone &&
    record.awaitedCallbacks === plain.awaitedCallbacks &&
    record.counted === plain.counted &&
    record.policy === plain.policy &&
    record.asked === plain.asked &&
    record.priority === plain.priority &&
    record.unique === plain.unique &&
    record.front === plain.front &&
    record.cancelled === plain.cancelled &&
    record.suspect === plain.suspect &&
    record.alone === plain.alone &&
    record.inner === plain.inner &&
    record.errors === plain.errors &&
    record.interruptions === plain.interruptions &&
    record.beginAfter === plain.beginAfter &&
    record.dueAt === plain.dueAt &&
    record.deadline === plain.deadline &&
    record.timeoutMs === plain.timeoutMs
  );
}
