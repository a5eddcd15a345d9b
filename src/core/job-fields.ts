/**
 * What is stored of a job, in memory: small, because there are as many as jobs, and one more for each that a group changes.
 *
 * What every job has is a field of its own. The rest is read and written like one, and lies in an object beside it (`job-rare.ts`).
 */
import { listOf, type Rare, rareOf } from './job-rare.js';
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
