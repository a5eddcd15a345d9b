/**
 * The state: the view that `decide` works on, and all ways to change it.
 *
 * Decisions change it by `insert`, `change`, `forgetOldest`, `forgetParts`, `set`, `annotate` and
 * `spendRate` alone. Each notes what was there before, so that a refused command, or a refused
 * write, leaves nothing behind; and all that is derived from the records follows at once. Stores
 * take in what they have by `load…` while they open, and by `admit…` what others have written: that
 * is no decision, so nothing is noted.
 */

import type { Id, JobRecord, Payload, PayloadSlot, SettingRecord } from '../records.js';
import { type BucketRecord, type Change, ChangeLog, type Changes, type JobChange } from './change-log.js';
import { placeKey } from './indices.js';
import { checkStep } from './invariants.js';
import { JobRow } from './job-row.js';
import type { Bucket } from './rates.js';
import { View } from './view.js';

export class State extends View {
  readonly #log = new ChangeLog();
  #position = 0;
  #now = 0;

  /** The next position in the log of what became eligible. */
  nextPosition(): number {
    return ++this.#position;
  }

  /**
   * A command begins at this time: what it changes can be taken back to here. One that cannot fail
   * once it has changed something needs no way back of its own, only the group's.
   */
  begin(now: number, fallible = true): number {
    this.#now = now;
    return this.#log.begin(fallible);
  }

  insert(record: JobRecord): JobRecord {
    if (this.table.has(record.id)) throw new Error(`a job with the id of this ${record.callable} exists already`);
    const row = new JobRow(record);
    this.#log.noteInsert(row);
    this.table.enter(row);
    return row;
  }

  /** The only way to change a job's record. The order in its line changes only out of it. */
  change(job: JobRecord, change: (row: JobRow) => void): void {
    const row = job as JobRow;
    this.#log.noteChange(row);
    const { status, outcome } = row;
    change(row);
    this.table.update(row, status);
    // Only then: what is taken back is what the indices have.
    checkStep(row, status, outcome);
  }

  /** Removes the oldest completed root, with all that hangs on it. */
  forgetOldest(): JobRecord {
    const row = this.table.completed.takeOldest();
    this.#forget(row);
    return row;
  }

  /** Removes a job's parts, with all that hangs on them. */
  forgetParts(job: JobRecord): void {
    const row = job as JobRow;
    for (const part of row.partRows) this.#forget(part);
    row.partRows = [];
  }

  #forget(row: JobRow): void {
    for (const member of row.partRows) this.#forget(member);
    for (const member of row.callbackRows) this.#forget(member);
    for (const name of this.annotationRecords.namesOf(row.id)) this.annotate(row.id, name, null);
    this.#log.noteForget(row);
    this.table.forget(row);
  }

  /** Changes a setting; undefined removes it. */
  set(key: string, value: SettingRecord | undefined): void {
    this.#log.noteSetting(key, this.settingRecords.get(key));
    if (value === undefined) this.table.completed.forgetAgent(key);
    this.admitSetting(key, value);
  }

  /** Says something about a job; null takes it back. */
  annotate(job: Id, name: string, value: Payload | null): void {
    this.#log.noteAnnotation(job, name, this.annotationRecords.get(job, name));
    this.annotationRecords.put(job, name, value);
  }

  /** A job begins that names this quota. */
  spendRate(queue: string, quota: string): void {
    const record = this.quota(queue, quota);
    if (record === undefined || record.rate === 0) return;
    const key = placeKey(queue, quota);
    this.#log.noteBucket(queue, quota, this.rates.bucket(key));
    this.rates.spend(key, record, this.#now);
  }

  /** The clock was set by so much: what is left of each rate stays as it was. */
  shiftRates(byMs: number): void {
    this.#moveRates(() => byMs);
  }

  /**
   * The clock shows less than when the store was last open: no rate waits until it has caught up.
   */
  catchUpRates(now: number): void {
    this.#moveRates(({ at }) => Math.min(0, now - at));
  }

  #moveRates(by: (bucket: Bucket) => number): void {
    for (const [key, bucket] of [...this.rates.all()]) {
      const byMs = by(bucket);
      const { left, at, fullAt } = bucket;
      // The parts of a key make the same key again, wherever it is cut.
      const cut = key.indexOf('\n');
      this.#log.noteBucket(key.slice(0, cut), key.slice(cut + 1), bucket);
      this.rates.put(key, { left, at: at + byMs, fullAt: fullAt + byMs });
    }
    for (const { queue, quota } of this.table.timers.takeWakes()) this.table.lanes.unpark(queue, quota);
  }

  /** Takes back all changes since this mark; 0 is the whole group. */
  rollback(mark: number): void {
    for (const change of this.#log.takeBack(mark)) this.#takeBack(change);
    if (mark === 0) this.keepChanges();
  }

  #takeBack(change: Change): void {
    if ('row' in change) this.#takeBackJob(change);
    else if ('bucket' in change) this.admitBucket(change);
    else if ('setting' in change) this.admitSetting(change.key, change.setting);
    else this.admitAnnotation(change.job, change.name, change.annotation?.value ?? null);
  }

  #takeBackJob({ row, before }: JobChange): void {
    if (before === undefined) this.table.leave(row);
    else if (before === row) this.table.remember(row);
    else this.table.become(row, before);
  }

  /** What has changed since `keepChanges`. */
  changes(): Changes {
    return this.#log.changes(this.settingRecords, this.annotationRecords);
  }

  /**
   * The rates of which some was used up since `keepChanges`: for stores that others write to, who
   * have to know of it.
   */
  changedBuckets(): readonly BucketRecord[] {
    return this.#log.changedBuckets(this.rates);
  }

  /** The changes are safe: from here on they cannot be rolled back. */
  keepChanges(): void {
    this.#log.keep();
    this.table.completed.trim();
  }

  /**
   * Takes in a stored record while a store opens: no decision, so no change to write. Indices wait
   * for `loaded`.
   */
  load(record: JobRecord): void {
    this.table.load(record);
  }

  /** The counterpart of `load` for a record that was forgotten later. */
  unload(id: Id): void {
    this.table.unload(id);
  }

  loadSetting(key: string, record: SettingRecord | undefined): void {
    this.admitSetting(key, record);
  }

  loadAnnotation(job: Id, name: string, value: Payload | null): void {
    this.annotationRecords.put(job, name, value);
  }

  /** All records are there: builds the indices. */
  loaded(): void {
    const completed: JobRow[] = [];
    const limited: JobRow[] = [];
    for (const row of this.table.all()) {
      if (row.quotas.length > 0 && row.lastStartAt !== 0) limited.push(row);
      this.#position = Math.max(this.#position, row.eligible);
      this.table.index(row);
      if (row.status === 'completed') completed.push(row);
    }
    completed.sort((a, b) => a.completedAt - b.completedAt || (a.id < b.id ? -1 : 1));
    for (const row of completed) this.table.completed.add(row);
    this.#deriveRates(limited);
    for (const { job, name } of this.annotationRecords.all())
      if (!this.table.has(job)) this.annotationRecords.put(job, name, null);
  }

  /** What began lately has used up rates: its last start tells, as far as it is remembered. */
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
   * Takes in a record of a store that others write to as well: no decision, so nothing to write or
   * to take back. What it belongs to comes first. One that is here already has no changes that are
   * not kept.
   */
  admit(record: JobRecord): void {
    this.#position = Math.max(this.#position, record.eligible);
    const there = this.table.get(record.id);
    if (there !== undefined) return this.table.become(there, record);
    const row = new JobRow(record);
    this.table.enter(row);
    if (row.status === 'completed') this.table.completed.addInOrder(row);
  }

  /**
   * The counterpart of `admit` for a record that is no more: its members are told by themselves.
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
    // What a quota held back may go on.
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
   * Gives a job an equal payload in the place of the one it has, which it shares with another, or
   * which lies elsewhere now: for a store that keeps payloads by job. No decision, so nothing to
   * write or to take back.
   */
  ownPayload(job: JobRecord, slot: PayloadSlot, payload: Payload): void {
    const row = job as JobRow;
    if (slot === 'args') row.args = payload;
    else row.result = payload;
  }
}
