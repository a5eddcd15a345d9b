/**
 * A job's record in memory, small because there are as many of these as jobs, and one more for each
 * job that a group changes. `job-row.ts` shows where each field lies.
 *
 * The fields that differ in nearly every job are its own. All others lie in two objects that jobs
 * share, and are read and written like own ones: the first write copies the shared object. So the
 * record before a change costs no copy of either, only the change does.
 */
import {
  codeOf,
  type Id,
  type JobForm,
  type JobRecord,
  type JobRole,
  type JobStage,
  type JobStatus,
  jobStages,
  jobStatuses,
  type Level,
  type LogThreshold,
  levels,
  type OutcomeKind,
  type Payload,
  type PolicyRecord,
} from '../records.js';
import { CommonFields, commonFieldsOf, listOf } from './common-fields.js';
import { firstClaimBy, noRun, RunFields, runFieldsOf } from './run-fields.js';

// `bits`, from the lowest on: three for the status, three for the stage, two for the level, one for
// `queued`, twelve for the low part of `putAt`. They stand in the code as numbers, so that the
// accessors are small enough for V8 to inline.
const recordBits = 0x1f_ffff;
const putAtBits = 0xfff << 9;
// No other job shares `common`, or `run`: it may be written to.
const ownsCommon = 0x20_0000;
const ownsRun = 0x40_0000;
/** The lowest bit that is not used here; `JobRow` uses those from here on. */
export const firstNoteBit = 0x80_0000;

export class CompactJob implements JobRecord {
  /** Several small fields in one number, which takes no more memory than each of them would. */
  protected bits = 0;
  private common!: Readonly<CommonFields>;
  private run: Readonly<RunFields> = noRun;
  id!: Id;
  eligible = 0;
  args: Payload | null = null;
  /**
   * `putAt` without its lowest twelve bits. It stays a small integer for 200 years; V8 allocates a
   * box for a larger number.
   */
  private putAtHigh = 0;

  constructor(from: JobRecord) {
    this.restore(from);
  }

  /** Takes on all fields of another record of the same job. */
  restore(from: JobRecord): void {
    this.id = from.id;
    this.eligible = from.eligible;
    this.args = from.args;
    this.bits &= ~(ownsCommon | ownsRun);
    if (from instanceof CompactJob) {
      this.common = from.common;
      this.run = from.run;
      // Both share the objects from now on, so neither may write to them.
      from.bits &= ~(ownsCommon | ownsRun);
      this.putAtHigh = from.putAtHigh;
      this.bits = (this.bits & ~recordBits) | (from.bits & recordBits);
    } else {
      this.common = commonFieldsOf(from);
      this.run = runFieldsOf(from);
      this.putAtHigh = Math.floor(from.putAt / 4096);
      const bits =
        codeOf(jobStatuses, from.status) | (codeOf(jobStages, from.stage) << 3) | (codeOf(levels, from.level) << 6);
      this.bits = (this.bits & ~recordBits) | bits | ((from.putAt - this.putAtHigh * 4096) << 9);
      this.queued = from.queued;
    }
  }

  /**
   * Returns a record as a plain object with own properties, which most fields of a job here are
   * not.
   */
  static toRecord(job: JobRecord): JobRecord {
    if (!(job instanceof CompactJob)) return { ...job };
    const { kind, id, status, stage, level, queued, eligible, putAt, args } = job;
    return { kind, id, status, stage, level, queued, eligible, putAt, args, ...job.common, ...job.run };
  }

  /** Takes on the fields in which jobs of one kind differ, but for times and payloads. */
  becomeAnother(id: Id, eligible: number, putAt: number): void {
    this.id = id;
    this.eligible = eligible;
    this.putAtHigh = Math.floor(putAt / 4096);
    this.bits = (this.bits & ~putAtBits) | ((putAt - this.putAtHigh * 4096) << 9);
  }

  /** `true` if the two jobs have the same fields, but for those in which each job differs. */
  isLike({ common, bits, run }: CompactJob): boolean {
    return (
      this.common === common &&
      ((this.bits ^ bits) & recordBits & ~putAtBits) === 0 &&
      this.run.agent === run.agent &&
      this.run.fence === run.fence &&
      this.run.attempts === run.attempts &&
      this.run.outcome === run.outcome &&
      this.run.errorNames === run.errorNames &&
      this.run.claimed === run.claimed &&
      this.run.begun === run.begun
    );
  }

  /** Gives back a copy of shared fields that equals them again. Returns the shared fields. */
  shareCommon(): Readonly<CommonFields> {
    if ((this.bits & ownsCommon) !== 0) this.common = commonFieldsOf(this);
    this.bits &= ~ownsCommon;
    return this.common;
  }

  /** Notes a claim. Jobs in their first one share their fields. */
  claimFor(agent: string): void {
    if (this.run === noRun) {
      this.run = firstClaimBy(agent);
      return;
    }
    this.claimed = true;
    this.fence++;
    this.agent = agent;
  }

  // Private to TypeScript only: a `#` accessor would cost each object a field.
  private get ownCommon(): CommonFields {
    if ((this.bits & ownsCommon) === 0) this.common = new CommonFields(this.common);
    this.bits |= ownsCommon;
    return this.common;
  }

  private get ownRun(): RunFields {
    if ((this.bits & ownsRun) === 0) this.run = new RunFields(this.run);
    this.bits |= ownsRun;
    return this.run;
  }

  get kind(): 'job' {
    return 'job';
  }

  get status(): JobStatus {
    return jobStatuses[this.bits & 7]!;
  }

  set status(status: JobStatus) {
    this.bits = (this.bits & ~7) | codeOf(jobStatuses, status);
  }

  get stage(): JobStage {
    return jobStages[(this.bits >> 3) & 7]!;
  }

  set stage(stage: JobStage) {
    this.bits = (this.bits & ~(7 << 3)) | (codeOf(jobStages, stage) << 3);
  }

  get level(): Level {
    return levels[(this.bits >> 6) & 3]!;
  }

  set level(level: Level) {
    this.bits = (this.bits & ~(3 << 6)) | (codeOf(levels, level) << 6);
  }

  get queued(): boolean {
    return (this.bits & 0x100) !== 0;
  }

  set queued(queued: boolean) {
    this.bits = queued ? this.bits | 0x100 : this.bits & ~0x100;
  }

  get putAt(): number {
    return this.putAtHigh * 4096 + ((this.bits >> 9) & 4095);
  }

  get fence(): number {
    return this.run.fence;
  }

  set fence(fence: number) {
    if (fence !== this.run.fence) this.ownRun.fence = fence;
  }

  get claimed(): boolean {
    return this.run.claimed;
  }

  set claimed(claimed: boolean) {
    if (claimed !== this.run.claimed) this.ownRun.claimed = claimed;
  }

  get begun(): boolean {
    return this.run.begun;
  }

  set begun(begun: boolean) {
    if (begun !== this.run.begun) this.ownRun.begun = begun;
  }

  get agent(): string {
    return this.run.agent;
  }

  set agent(agent: string) {
    if (agent !== this.run.agent) this.ownRun.agent = agent;
  }

  get attempts(): number {
    return this.run.attempts;
  }

  set attempts(attempts: number) {
    if (attempts !== this.run.attempts) this.ownRun.attempts = attempts;
  }

  get outcome(): OutcomeKind {
    return this.run.outcome;
  }

  set outcome(outcome: OutcomeKind) {
    if (outcome !== this.run.outcome) this.ownRun.outcome = outcome;
  }

  get errorNames(): string {
    return this.run.errorNames;
  }

  set errorNames(errorNames: string) {
    if (errorNames !== this.run.errorNames) this.ownRun.errorNames = errorNames;
  }

  get firstStartAt(): number {
    return this.run.firstStartAt;
  }

  set firstStartAt(firstStartAt: number) {
    if (firstStartAt !== this.run.firstStartAt) this.ownRun.firstStartAt = firstStartAt;
  }

  get lastStartAt(): number {
    return this.run.lastStartAt;
  }

  set lastStartAt(lastStartAt: number) {
    if (lastStartAt !== this.run.lastStartAt) this.ownRun.lastStartAt = lastStartAt;
  }

  get endAt(): number {
    return this.run.endAt;
  }

  set endAt(endAt: number) {
    if (endAt !== this.run.endAt) this.ownRun.endAt = endAt;
  }

  get completedAt(): number {
    return this.run.completedAt;
  }

  set completedAt(completedAt: number) {
    if (completedAt !== this.run.completedAt) this.ownRun.completedAt = completedAt;
  }

  get result(): Payload | null {
    return this.run.result;
  }

  set result(result: Payload | null) {
    if (result !== this.run.result) this.ownRun.result = result;
  }

  get owner(): Id {
    return this.common.owner;
  }

  get callable(): string {
    return this.common.callable;
  }

  get queue(): string {
    return this.common.queue;
  }

  set queue(queue: string) {
    if (queue !== this.common.queue) this.ownCommon.queue = queue;
  }

  get form(): JobForm {
    return this.common.form;
  }

  get role(): JobRole {
    return this.common.role;
  }

  get only(): Id {
    return this.common.only;
  }

  get parent(): Id {
    return this.common.parent;
  }

  get index(): number {
    return this.common.index;
  }

  get parts(): number {
    return this.common.parts;
  }

  set parts(parts: number) {
    if (parts !== this.common.parts) this.ownCommon.parts = parts;
  }

  get partsDone(): number {
    return this.common.partsDone;
  }

  set partsDone(partsDone: number) {
    if (partsDone !== this.common.partsDone) this.ownCommon.partsDone = partsDone;
  }

  get cursor(): number {
    return this.common.cursor;
  }

  set cursor(cursor: number) {
    if (cursor !== this.common.cursor) this.ownCommon.cursor = cursor;
  }

  get open(): boolean {
    return this.common.open;
  }

  set open(open: boolean) {
    if (open !== this.common.open) this.ownCommon.open = open;
  }

  get callbacks(): number {
    return this.common.callbacks;
  }

  set callbacks(callbacks: number) {
    if (callbacks !== this.common.callbacks) this.ownCommon.callbacks = callbacks;
  }

  get callbacksDone(): number {
    return this.common.callbacksDone;
  }

  set callbacksDone(callbacksDone: number) {
    if (callbacksDone !== this.common.callbacksDone) this.ownCommon.callbacksDone = callbacksDone;
  }

  get awaitedCallbacks(): number {
    return this.common.awaitedCallbacks;
  }

  set awaitedCallbacks(awaitedCallbacks: number) {
    if (awaitedCallbacks !== this.common.awaitedCallbacks) this.ownCommon.awaitedCallbacks = awaitedCallbacks;
  }

  get counted(): boolean {
    return this.common.counted;
  }

  set counted(counted: boolean) {
    if (counted !== this.common.counted) this.ownCommon.counted = counted;
  }

  get policy(): string {
    return this.common.policy;
  }

  get asked(): PolicyRecord | null {
    return this.common.asked;
  }

  set asked(asked: PolicyRecord | null) {
    if (asked !== this.common.asked) this.ownCommon.asked = asked;
  }

  get priority(): number {
    return this.common.priority;
  }

  set priority(priority: number) {
    if (priority !== this.common.priority) this.ownCommon.priority = priority;
  }

  get quotas(): readonly string[] {
    return this.common.quotas;
  }

  set quotas(quotas: readonly string[]) {
    const list = listOf(quotas);
    if (list !== this.common.quotas) this.ownCommon.quotas = list;
  }

  get places(): readonly string[] {
    return this.common.places;
  }

  set places(places: readonly string[]) {
    const list = listOf(places);
    if (list !== this.common.places) this.ownCommon.places = list;
  }

  get shared(): readonly string[] {
    return this.common.shared;
  }

  set shared(shared: readonly string[]) {
    const list = listOf(shared);
    if (list !== this.common.shared) this.ownCommon.shared = list;
  }

  get unique(): string {
    return this.common.unique;
  }

  get front(): boolean {
    return this.common.front;
  }

  set front(front: boolean) {
    if (front !== this.common.front) this.ownCommon.front = front;
  }

  get cancelled(): boolean {
    return this.common.cancelled;
  }

  set cancelled(cancelled: boolean) {
    if (cancelled !== this.common.cancelled) this.ownCommon.cancelled = cancelled;
  }

  get suspect(): boolean {
    return this.common.suspect;
  }

  set suspect(suspect: boolean) {
    if (suspect !== this.common.suspect) this.ownCommon.suspect = suspect;
  }

  get alone(): boolean {
    return this.common.alone;
  }

  set alone(alone: boolean) {
    if (alone !== this.common.alone) this.ownCommon.alone = alone;
  }

  get inner(): Id {
    return this.common.inner;
  }

  set inner(inner: Id) {
    if (inner !== this.common.inner) this.ownCommon.inner = inner;
  }

  get awaiters(): number {
    return this.common.awaiters;
  }

  set awaiters(awaiters: number) {
    if (awaiters !== this.common.awaiters) this.ownCommon.awaiters = awaiters;
  }

  get retryOf(): Id {
    return this.common.retryOf;
  }

  set retryOf(retryOf: Id) {
    if (retryOf !== this.common.retryOf) this.ownCommon.retryOf = retryOf;
  }

  get retriedBy(): Id {
    return this.common.retriedBy;
  }

  set retriedBy(retriedBy: Id) {
    if (retriedBy !== this.common.retriedBy) this.ownCommon.retriedBy = retriedBy;
  }

  get errors(): number {
    return this.common.errors;
  }

  set errors(errors: number) {
    if (errors !== this.common.errors) this.ownCommon.errors = errors;
  }

  get interruptions(): number {
    return this.common.interruptions;
  }

  set interruptions(interruptions: number) {
    if (interruptions !== this.common.interruptions) this.ownCommon.interruptions = interruptions;
  }

  get beginAfter(): number {
    return this.common.beginAfter;
  }

  set beginAfter(beginAfter: number) {
    if (beginAfter !== this.common.beginAfter) this.ownCommon.beginAfter = beginAfter;
  }

  get delayed(): boolean {
    return this.common.delayed;
  }

  set delayed(delayed: boolean) {
    if (delayed !== this.common.delayed) this.ownCommon.delayed = delayed;
  }

  get dueAt(): number {
    return this.common.dueAt;
  }

  set dueAt(dueAt: number) {
    if (dueAt !== this.common.dueAt) this.ownCommon.dueAt = dueAt;
  }

  get deadline(): number {
    return this.common.deadline;
  }

  set deadline(deadline: number) {
    if (deadline !== this.common.deadline) this.ownCommon.deadline = deadline;
  }

  get log(): LogThreshold | '' {
    return this.common.log;
  }

  get timeoutMs(): number {
    return this.common.timeoutMs;
  }

  set timeoutMs(timeoutMs: number) {
    if (timeoutMs !== this.common.timeoutMs) this.ownCommon.timeoutMs = timeoutMs;
  }
}
