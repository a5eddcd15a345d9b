/**
 * The state that `decide` works on: the view, and all ways to change it.
 *
 * Decisions change it only by `insert`, `change`, `forgetOldest`, `forgetRoot`, `forgetParts`,
 * `forgetOpen`, `set`, `annotate` and `spendRate`. Each notes the old value in the change log, so
 * that a refused command, or a refused write, leaves nothing behind. The indices follow at once.
 * Stores take in their records by `load…` while they open, and records that other processes wrote
 * by `admit…`: these are no decisions, so nothing is noted.
 */

import { type Id, isTemplate, type JobRecord, type Payload, type PayloadSlot, type SettingRecord } from '../records.js';
import { type BucketRecord, type Change, ChangeLog, type Changes, type JobChange } from './change-log.js';
import { none } from './common-fields.js';
import { CompactJob } from './compact-job.js';
import type { Kept } from './completed.js';
import { keptBy, placeKey } from './indices.js';
import { checkStep } from './invariants.js';
import { JobRow } from './job-row.js';
import type { Bucket } from './rates.js';
import type { Puts } from './tallies.js';
import { View } from './view.js';

/** The most jobs that are held to be copied. */
const mostCopied = 256;

export class State extends View {
  readonly #log = new ChangeLog();
  /** Jobs to be copied, by callable; see `copyFrom`. */
  readonly #copied = new Map<string, CompactJob>();
  #now = 0;

  /** Returns the next value of `JobRecord.eligible`. */
  nextPosition(): number {
    return ++this.lastPosition;
  }

  /**
   * Begins a command at this time. Returns the mark to which `rollback` can undo its changes. A
   * command that cannot fail after its first change is not `fallible`: only its group is undone.
   */
  begin(now: number, fallible = true): number {
    this.#now = now;
    this.version++;
    return this.#log.begin(fallible);
  }

  insert(record: JobRecord): JobRecord {
    // `insertLike` has made the row.
    const row = record instanceof JobRow ? record : new JobRow(record);
    if (this.table.has(row.id)) throw new Error(`a job with the id of this ${row.callable} exists already`);
    this.#log.noteInsert(row);
    this.table.enter(row);
    this.#notePut(row, 1);
    return row;
  }

  /**
   * Inserts a copy of the job that `copyFrom` was given last, as another job that was put now, last
   * in line. Returns `undefined` if none of that callable was put like this.
   */
  insertLike(
    { id, callable, args }: Pick<JobRecord, 'id' | 'callable' | 'args'>,
    { owner, queue, level }: Pick<JobRecord, 'owner' | 'queue' | 'level'>,
    now: number,
  ): JobRecord | undefined {
    const like = this.#copied.get(callable);
    if (like === undefined || like.queue !== queue || like.owner !== owner || like.level !== level) return undefined;
    const row = new JobRow(like);
    row.becomeAnother(id, this.nextPosition(), now);
    row.args = args;
    return this.insert(row);
  }

  /**
   * Makes a job that was just inserted the one for `insertLike`. It must be in line, and have
   * nothing of its own but id, place in line, time and arguments.
   */
  copyFrom(job: JobRecord): void {
    if (this.#copied.size >= mostCopied) this.#copied.clear();
    const like = new CompactJob(job);
    like.args = null;
    this.#copied.set(job.callable, like);
  }

  /** Returns the job's row, made again if the job is packed. */
  #rowOf(job: JobRecord): JobRow {
    const row = job as JobRow;
    return row.isThere ? row : (this.table.get(row.id) ?? row);
  }

  #notePut(row: JobRow, by: 1 | -1): void {
    if (row.form !== 'chunk' && !isTemplate(row)) this.table.tallies.put(row, by);
  }

  /**
   * Changes a job's record. Fields that decide its order in line change only while it is not
   * queued. `change` gets the three values: with them, a transition of every job needs no closure.
   */
  change(job: JobRecord, change: (row: JobRow) => void): void;
  change<A, B, C>(job: JobRecord, change: (row: JobRow, a: A, b: B, c: C) => void, a: A, b: B, c: C): void;
  change<A, B, C>(job: JobRecord, change: (row: JobRow, a?: A, b?: B, c?: C) => void, a?: A, b?: B, c?: C): void {
    const row = this.#rowOf(job);
    this.#log.noteChange(row);
    const { status, outcome, queue } = row;
    change(row, a, b, c);
    this.table.update(row, status, queue);
    // After the indices follow, so that undoing the step finds them consistent.
    checkStep(row, status, outcome);
  }

  /**
   * Forgets the oldest of these completed roots, with all its members. Returns it; `undefined` for
   * a packed one unless it `isAsked` for, since its record must be made.
   */
  forgetOldest(kept: Kept, isAsked: boolean): JobRecord | undefined {
    const { completed } = this.table;
    const seat = completed.takeOldest(kept);
    const row = completed.seats.row(seat);
    if (row !== undefined) {
      this.#forget(row);
      return row;
    }
    const job = isAsked ? completed.seats.look(seat) : undefined;
    this.#log.noteForgetPacked(seat);
    this.table.forgetPacked(seat);
    return job;
  }

  /** Forgets a completed root out of its turn, with all its members. */
  forgetRoot(job: JobRecord): void {
    const row = this.#rowOf(job);
    this.table.completed.takeOut(row);
    this.#forget(row);
  }

  /** Forgets a job's parts, with all their members. */
  forgetParts(job: JobRecord): void {
    const row = job as JobRow;
    this.#forgetAll(row.partRows);
    row.partRows = [];
  }

  /** Forgets a root that is not completed, with all its members. */
  forgetOpen(job: JobRecord): void {
    this.#forget(job as JobRow);
  }

  /** Skips the members that a partial view has not loaded. */
  #forgetAll(members: readonly JobRow[]): void {
    members.forEach((member) => {
      this.#forget(member);
    });
  }

  #forget(row: JobRow): void {
    this.#forgetAll(row.partRows);
    this.#forgetAll(row.callbackRows);
    for (const name of this.annotationRecords.namesOf(row.id)) this.annotate(row.id, name, null);
    this.#log.noteForget(row);
    this.table.forget(row);
  }

  /** Changes a setting; `undefined` removes it. */
  set(key: string, value: SettingRecord | undefined): void {
    this.#log.noteSetting(key, this.settingRecords.get(key));
    if (value === undefined) this.table.completed.forgetAgent(key);
    this.admitSetting(key, value);
  }

  /** Annotates a job; `null` removes the annotation. */
  annotate(job: Id, name: string, value: Payload | null): void {
    this.#log.noteAnnotation(job, name, this.annotationRecords.get(job, name));
    this.annotationRecords.put(job, name, value);
  }

  /** Takes one start of this quota's rate, if it has one. */
  spendRate(queue: string, quota: string): void {
    const record = this.quota(queue, quota);
    if (record === undefined || record.rate === 0) return;
    const key = placeKey(queue, quota);
    this.#log.noteBucket(queue, quota, this.rates.bucket(key));
    this.rates.spend(key, record, this.#now);
  }

  /**
   * Moves the times of all rates by `byMs`, by which the clock was set, so that each keeps its
   * rest.
   */
  shiftRates(byMs: number): void {
    this.#moveRates(() => byMs);
  }

  /**
   * Moves times in the future to `now`: the clock is behind the time at which the store was last
   * open.
   */
  catchUpRates(now: number): void {
    this.#moveRates(({ at }) => Math.min(0, now - at));
  }

  #moveRates(by: (bucket: Bucket) => number): void {
    for (const [key, bucket] of [...this.rates.all()]) {
      const byMs = by(bucket);
      const { left, at, fullAt } = bucket;
      // The two parts make the same key again, wherever it is cut.
      const cut = key.indexOf('\n');
      this.#log.noteBucket(key.slice(0, cut), key.slice(cut + 1), bucket);
      this.rates.put(key, { left, at: at + byMs, fullAt: fullAt + byMs });
    }
    for (const { queue, quota } of this.table.timers.takeWakes()) this.table.lanes.unpark(queue, quota);
  }

  /** Undoes all changes since `mark`; 0 is the whole group. */
  rollback(mark: number): void {
    for (const change of this.#log.takeBack(mark)) this.#takeBack(change);
    if (mark === 0) this.keepChanges();
  }

  #takeBack(change: Change): void {
    if ('row' in change) this.#takeBackJob(change);
    else if ('seats' in change) for (const seat of change.seats.reverse()) this.table.rememberPacked(seat);
    else if ('bucket' in change) this.admitBucket(change);
    else if ('setting' in change) this.admitSetting(change.key, change.setting);
    else this.admitAnnotation(change.job, change.name, change.annotation?.value ?? null);
  }

  #takeBackJob({ row, before }: JobChange): void {
    if (before === undefined) {
      this.table.leave(row);
      this.#notePut(row, -1);
    } else if (before === row) this.table.remember(row);
    else this.table.become(row, before);
  }

  /** Returns the jobs that were put since the last call; see `Tallies`. */
  takePuts(): Puts[] {
    return this.table.tallies.takePuts();
  }

  /** Returns the changes since `keepChanges`. */
  changes(): Changes {
    return this.#log.changes(this.settingRecords, this.annotationRecords, this.table.completed.seats);
  }

  /**
   * Returns the rates that were spent since `keepChanges`, for stores that other processes use too.
   */
  changedBuckets(): readonly BucketRecord[] {
    return this.#log.changedBuckets(this.rates);
  }

  /**
   * Makes the changes final: they are stored, and can no longer be rolled back. Packs the jobs
   * again that were looked at. The store may hand the changed jobs to `pack` as soon as their
   * payloads fit into its columns.
   */
  keepChanges(): void {
    this.#log.keep();
    this.table.completed.trim();
    this.pack(this.table.takeLooked());
  }

  /** Packs those of these jobs that are completed and plain, and that no later command changed. */
  pack(jobs: readonly JobRecord[]): void {
    for (const job of jobs) {
      const row = job as JobRow;
      const isAtRest = row.isThere && row.status === 'completed' && row.role === 'root' && !this.#log.has(row);
      if (isAtRest && !this.annotationRecords.hasAny(row.id)) this.table.pack(row);
    }
  }

  /** Takes in a stored record while a store opens. The indices wait for `loaded`. */
  load(record: JobRecord): void {
    this.table.load(record);
  }

  /** The counterpart of `load`, for a record that was forgotten later. */
  unload(id: Id): void {
    this.table.unload(id);
  }

  loadSetting(key: string, record: SettingRecord | undefined): void {
    this.admitSetting(key, record);
  }

  loadAnnotation(job: Id, name: string, value: Payload | null): void {
    this.annotationRecords.put(job, name, value);
  }

  /**
   * Builds the indices after the last `load…`. `isExclusive`: no other process has the records, so
   * what they count can be corrected here alone.
   */
  loaded(isExclusive = true): void {
    const completed: JobRow[] = [];
    const limited: JobRow[] = [];
    const awaited: JobRow[] = [];
    const returned: JobRow[] = [];
    for (const row of this.table.all()) {
      if (row.quotas.length > 0 && row.lastStartAt !== 0) limited.push(row);
      if (row.awaiters > 0) awaited.push(row);
      if (row.inner !== '') returned.push(row);
      this.lastPosition = Math.max(this.lastPosition, row.eligible);
      this.table.index(row);
      if (row.status === 'completed') completed.push(row);
    }
    completed.sort((a, b) => a.completedAt - b.completedAt || (a.id < b.id ? -1 : 1));
    for (const row of completed) this.table.completed.load(row);
    if (isExclusive) this.#countAwaiters(awaited, returned);
    this.#deriveRates(limited);
    for (const { job, name } of this.annotationRecords.all())
      if (!this.table.has(job)) this.annotationRecords.put(job, name, null);
    this.pack(completed);
  }

  /** Corrects the counts of awaiters: those of level `memory` ended with their process. */
  #countAwaiters(awaited: readonly JobRow[], returned: readonly JobRow[]): void {
    const counts = new Map(awaited.map((row) => [row, 0]));
    for (const row of returned) {
      const inner = this.job(keptBy(row));
      for (const one of inner === undefined ? none : this.lineageApart(inner, row))
        counts.set(one as JobRow, (counts.get(one as JobRow) ?? 0) + 1);
    }
    for (const [row, count] of counts) if (row.awaiters !== count) row.awaiters = count;
  }

  /** Spends the rates of the jobs that began lately, by the last start of each. */
  #deriveRates(begun: JobRow[]): void {
    begun.sort((a, b) => a.lastStartAt - b.lastStartAt);
    for (const { queue, quotas, shared, lastStartAt } of begun) {
      for (const quota of quotas) {
        const record = shared.includes(quota) ? undefined : this.quota(queue, quota);
        if (record !== undefined && record.rate > 0) this.rates.spend(placeKey(queue, quota), record, lastStartAt);
      }
    }
  }

  /**
   * Takes in a record that another process wrote. Its parent must come first. If the job is here
   * already, all its changes must be kept.
   */
  admit(record: JobRecord): void {
    this.version++;
    this.lastPosition = Math.max(this.lastPosition, record.eligible);
    const there = this.table.get(record.id);
    if (there !== undefined) return this.table.become(there, record);
    const row = new JobRow(record);
    this.table.enter(row);
    if (row.status === 'completed') this.table.completed.addInOrder(row);
  }

  /**
   * The counterpart of `admit`, for a record that another process forgot. Members come by
   * themselves.
   */
  expel(id: Id): void {
    const row = this.table.get(id);
    if (row === undefined) return;
    for (const name of this.annotationRecords.namesOf(id)) this.admitAnnotation(id, name, null);
    this.table.leave(row);
  }

  admitSetting(key: string, record: SettingRecord | undefined): void {
    const of = record ?? this.settingRecords.get(key);
    this.settingRecords.put(key, record);
    // The quota may have held back lanes that may go on now.
    if (of?.kind === 'quota') this.table.lanes.unparkAll(of.queue);
    else if (of?.kind === 'queue') this.table.lanes.pause(of.name, record !== undefined && of.paused);
  }

  admitAnnotation(job: Id, name: string, value: Payload | null): void {
    this.annotationRecords.put(job, name, value);
  }

  admitBucket({ queue, quota, bucket }: BucketRecord): void {
    this.rates.put(placeKey(queue, quota), bucket);
    this.table.lanes.unpark(queue, quota);
  }

  /**
   * Replaces a payload by an equal one, because it is shared with another job or was moved: for a
   * store that keeps payloads by job. No decision, so nothing is noted.
   */
  ownPayload(job: Id, slot: PayloadSlot, payload: Payload): void {
    this.table.ownPayload(job, slot, payload);
  }
}
