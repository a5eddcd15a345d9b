/**
 * What a job shares with others as long as it is the same: its traits and its run, whose fields are
 * read here like its own.
 *
 * Who writes to what may be shared takes a copy first, once. So the record before a change costs no
 * copy of either, only what changes does.
 */

import type { Id, JobForm, JobRecord, JobRole, OutcomeKind, Payload, PolicyRecord } from '../records.js';
import { JobTraits, listOf, traitsOf } from './common-fields.js';
import { JobRun, noRun, runOf } from './run-fields.js';

// It alone has these; what is in the bits below is of the record.
const ownsTraits = 0x20_0000;
const ownsRun = 0x40_0000;
/** What a row notes beside the record is from here on. */
export const firstNoteBit = 0x80_0000;

export class JobShared {
  /** Many small things in one number, which takes no more memory than each of them would. */
  protected bits = 0;
  protected traits!: Readonly<JobTraits>;
  protected run: Readonly<JobRun> = noRun;

  /** Has from now on what another has: neither writes to it any more. */
  protected share(from: JobRecord): void {
    if (from instanceof JobShared) {
      this.traits = from.traits;
      this.run = from.run;
      from.bits &= ~(ownsTraits | ownsRun);
    } else {
      this.traits = traitsOf(from);
      this.run = runOf(from);
    }
    this.bits &= ~(ownsTraits | ownsRun);
  }

  // Not private to the language, which would cost each object a field.
  private get ownTraits(): JobTraits {
    if ((this.bits & ownsTraits) === 0) this.traits = new JobTraits(this.traits);
    this.bits |= ownsTraits;
    return this.traits;
  }

  /** Its run, to be written to. */
  get ownRun(): JobRun {
    if ((this.bits & ownsRun) === 0) this.run = new JobRun(this.run);
    this.bits |= ownsRun;
    return this.run;
  }

  get attempts(): number {
    return this.run.attempts;
  }

  get fence(): number {
    return this.run.fence;
  }

  get claimed(): boolean {
    return this.run.claimed;
  }

  get begun(): boolean {
    return this.run.begun;
  }

  get agent(): string {
    return this.run.agent;
  }

  get outcome(): OutcomeKind {
    return this.run.outcome;
  }

  get firstStartAt(): number {
    return this.run.firstStartAt;
  }

  get lastStartAt(): number {
    return this.run.lastStartAt;
  }

  get endAt(): number {
    return this.run.endAt;
  }

  get completedAt(): number {
    return this.run.completedAt;
  }

  get result(): Payload | null {
    return this.run.result;
  }

  get owner(): Id {
    return this.traits.owner;
  }

  get callable(): string {
    return this.traits.callable;
  }

  get queue(): string {
    return this.traits.queue;
  }

  set queue(queue: string) {
    if (queue !== this.traits.queue) this.ownTraits.queue = queue;
  }

  get form(): JobForm {
    return this.traits.form;
  }

  get role(): JobRole {
    return this.traits.role;
  }

  get only(): Id {
    return this.traits.only;
  }

  get parent(): Id {
    return this.traits.parent;
  }

  get index(): number {
    return this.traits.index;
  }

  get parts(): number {
    return this.traits.parts;
  }

  set parts(parts: number) {
    if (parts !== this.traits.parts) this.ownTraits.parts = parts;
  }

  get partsDone(): number {
    return this.traits.partsDone;
  }

  set partsDone(partsDone: number) {
    if (partsDone !== this.traits.partsDone) this.ownTraits.partsDone = partsDone;
  }

  get open(): boolean {
    return this.traits.open;
  }

  set open(open: boolean) {
    if (open !== this.traits.open) this.ownTraits.open = open;
  }

  get callbacks(): number {
    return this.traits.callbacks;
  }

  set callbacks(callbacks: number) {
    if (callbacks !== this.traits.callbacks) this.ownTraits.callbacks = callbacks;
  }

  get callbacksDone(): number {
    return this.traits.callbacksDone;
  }

  set callbacksDone(callbacksDone: number) {
    if (callbacksDone !== this.traits.callbacksDone) this.ownTraits.callbacksDone = callbacksDone;
  }

  get awaitedCallbacks(): number {
    return this.traits.awaitedCallbacks;
  }

  set awaitedCallbacks(awaitedCallbacks: number) {
    if (awaitedCallbacks !== this.traits.awaitedCallbacks) this.ownTraits.awaitedCallbacks = awaitedCallbacks;
  }

  get counted(): boolean {
    return this.traits.counted;
  }

  set counted(counted: boolean) {
    if (counted !== this.traits.counted) this.ownTraits.counted = counted;
  }

  get policy(): string {
    return this.traits.policy;
  }

  get asked(): PolicyRecord | null {
    return this.traits.asked;
  }

  set asked(asked: PolicyRecord | null) {
    if (asked !== this.traits.asked) this.ownTraits.asked = asked;
  }

  get priority(): number {
    return this.traits.priority;
  }

  set priority(priority: number) {
    if (priority !== this.traits.priority) this.ownTraits.priority = priority;
  }

  get quotas(): readonly string[] {
    return this.traits.quotas;
  }

  set quotas(quotas: readonly string[]) {
    const list = listOf(quotas);
    if (list !== this.traits.quotas) this.ownTraits.quotas = list;
  }

  get places(): readonly string[] {
    return this.traits.places;
  }

  set places(places: readonly string[]) {
    const list = listOf(places);
    if (list !== this.traits.places) this.ownTraits.places = list;
  }

  get shared(): readonly string[] {
    return this.traits.shared;
  }

  set shared(shared: readonly string[]) {
    const list = listOf(shared);
    if (list !== this.traits.shared) this.ownTraits.shared = list;
  }

  get unique(): string {
    return this.traits.unique;
  }

  get front(): boolean {
    return this.traits.front;
  }

  set front(front: boolean) {
    if (front !== this.traits.front) this.ownTraits.front = front;
  }

  get cancelled(): boolean {
    return this.traits.cancelled;
  }

  set cancelled(cancelled: boolean) {
    if (cancelled !== this.traits.cancelled) this.ownTraits.cancelled = cancelled;
  }

  get suspect(): boolean {
    return this.traits.suspect;
  }

  set suspect(suspect: boolean) {
    if (suspect !== this.traits.suspect) this.ownTraits.suspect = suspect;
  }

  get alone(): boolean {
    return this.traits.alone;
  }

  set alone(alone: boolean) {
    if (alone !== this.traits.alone) this.ownTraits.alone = alone;
  }

  get inner(): Id {
    return this.traits.inner;
  }

  set inner(inner: Id) {
    if (inner !== this.traits.inner) this.ownTraits.inner = inner;
  }

  get errors(): number {
    return this.traits.errors;
  }

  set errors(errors: number) {
    if (errors !== this.traits.errors) this.ownTraits.errors = errors;
  }

  get interruptions(): number {
    return this.traits.interruptions;
  }

  set interruptions(interruptions: number) {
    if (interruptions !== this.traits.interruptions) this.ownTraits.interruptions = interruptions;
  }

  get beginAfter(): number {
    return this.traits.beginAfter;
  }

  set beginAfter(beginAfter: number) {
    if (beginAfter !== this.traits.beginAfter) this.ownTraits.beginAfter = beginAfter;
  }

  get delayed(): boolean {
    return this.traits.delayed;
  }

  set delayed(delayed: boolean) {
    if (delayed !== this.traits.delayed) this.ownTraits.delayed = delayed;
  }

  get dueAt(): number {
    return this.traits.dueAt;
  }

  set dueAt(dueAt: number) {
    if (dueAt !== this.traits.dueAt) this.ownTraits.dueAt = dueAt;
  }

  get deadline(): number {
    return this.traits.deadline;
  }

  set deadline(deadline: number) {
    if (deadline !== this.traits.deadline) this.ownTraits.deadline = deadline;
  }

  get timeoutMs(): number {
    return this.traits.timeoutMs;
  }

  set timeoutMs(timeoutMs: number) {
    if (timeoutMs !== this.traits.timeoutMs) this.ownTraits.timeoutMs = timeoutMs;
  }
}
