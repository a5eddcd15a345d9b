/**
 * The undo log of one group of commands, and the changes that a store must write for the group.
 *
 * The state notes the old value here before it changes anything, each row once per command. So a
 * refused command, or a refused write of the group, leaves nothing behind. A command that cannot
 * fail after its first change notes a row once per group, which saves most copies. The state
 * itself knows how to undo a change.
 */

import type { AnnotationRecord, Id, JobRecord, Payload, SettingRecord } from '../records.js';
import { type Annotations, annotationKey } from './annotations.js';
import { CompactJob } from './compact-job.js';
import { placeKey } from './indices.js';
import type { JobRow } from './job-row.js';
import type { Bucket, Rates } from './rates.js';
import type { Seats } from './seats.js';
import type { Settings } from './settings.js';

export interface JobChange {
  readonly row: JobRow;
  /** `undefined` if the row was new; the row itself if it was forgotten. */
  readonly before: JobRecord | undefined;
  /**
   * Of the first change of the row in its group: the last command that noted the row, or 1 if its
   * change was undone, so that the next is noted again. 0 for later changes.
   */
  notedBy: number;
}

/** Packed jobs that were forgotten, in order. */
interface PackedChange {
  readonly seats: number[];
}

interface SettingChange {
  readonly key: string;
  readonly setting: SettingRecord | undefined;
}

interface AnnotationChange {
  readonly job: Id;
  readonly name: string;
  readonly annotation: AnnotationRecord | undefined;
}

/** The bucket of a quota's rate; `undefined` if it is full. */
export interface BucketRecord {
  readonly queue: string;
  readonly quota: string;
  readonly bucket: Bucket | undefined;
}

/** An old value. */
export type Change = JobChange | PackedChange | SettingChange | AnnotationChange | BucketRecord;

/** The changes of one group of decisions: the last state of each record that it touched. */
export interface Changes {
  readonly jobs: readonly JobRecord[];
  readonly forgotten: readonly Id[];
  /** By key; `undefined` if removed. */
  readonly settings: ReadonlyMap<string, SettingRecord | undefined>;
  readonly annotations: ReadonlyMap<string, AnnotationRecord | undefined>;
  /**
   * Payloads that no record refers to any more: of forgotten jobs, replaced arguments, failures
   * that were retried.
   */
  readonly dropped: readonly Payload[];
  /** The seats of forgotten packed jobs. Their payloads are in the store's own columns. */
  readonly droppedSeats: readonly number[];
}

export class ChangeLog {
  /** All changes of this group, in order. `JobRow.logged` is the index of a row's first one. */
  #undo: Change[] = [];
  /** The number of rows that were changed. */
  #rows = 0;
  readonly #settings = new Set<string>();
  readonly #annotations = new Map<string, AnnotationChange>();
  #command = undone;
  /** The last command that forgot packed jobs. */
  #packedBy = 0;
  #fallible = true;

  /** Begins a command. Returns its mark for `takeBack`. */
  begin(fallible: boolean): number {
    this.#command++;
    this.#fallible = fallible;
    return this.#undo.length;
  }

  noteInsert(row: JobRow): void {
    this.#note(row, undefined);
  }

  /** Must be called before every change of the row. */
  noteChange(row: JobRow): void {
    const notedBy = this.#firstOf(row)?.notedBy ?? undone;
    if (notedBy === this.#command || (notedBy !== undone && !this.#fallible)) return;
    this.#note(row, new CompactJob(row));
  }

  noteForget(row: JobRow): void {
    this.#note(row, row);
  }

  /** Jobs that one command forgets without others between them are one change. */
  noteForgetPacked(seat: number): void {
    const last = this.#undo.at(-1);
    if (last !== undefined && 'seats' in last && this.#packedBy === this.#command) last.seats.push(seat);
    else this.#undo.push({ seats: [seat] });
    this.#packedBy = this.#command;
  }

  noteSetting(key: string, setting: SettingRecord | undefined): void {
    this.#undo.push({ key, setting });
    this.#settings.add(key);
  }

  noteAnnotation(job: Id, name: string, annotation: AnnotationRecord | undefined): void {
    const change = { job, name, annotation };
    this.#undo.push(change);
    this.#annotations.set(annotationKey(job, name), change);
  }

  noteBucket(queue: string, quota: string, bucket: Bucket | undefined): void {
    this.#undo.push({ queue, quota, bucket });
  }

  /** Yields the changes since `mark`, last first. The caller must undo each before the next. */
  *takeBack(mark: number): IterableIterator<Change> {
    this.#command++;
    while (this.#undo.length > mark) {
      const change = this.#undo.pop()!;
      if ('row' in change) {
        const first = this.#firstOf(change.row);
        // A later change of the row must be noted again.
        if (first === undefined) this.#rows--;
        else first.notedBy = undone;
      }
      yield change;
    }
  }

  /** Returns the changes since `keep`. */
  changes(settings: Settings, annotations: Annotations, seats: Seats): Changes {
    const jobs = new Array<JobRecord>(this.#rows);
    let count = 0;
    const forgotten: Id[] = [];
    const dropped: Payload[] = [];
    const droppedSeats: number[] = [];
    // Several changes of one row may hold the same old payload.
    const replaced = new Set<Payload>();
    for (const change of this.#undo) {
      if (isFirst(change)) {
        const { row, before } = change;
        if (row.isThere) jobs[count++] = row;
        else if (before !== undefined) {
          forgotten.push(row.id);
          if (row.args !== null) dropped.push(row.args);
          if (row.result !== null) dropped.push(row.result);
        }
      }
      if ('seats' in change) {
        for (const seat of change.seats) {
          forgotten.push(seats.id(seat));
          droppedSeats.push(seat);
        }
        continue;
      }
      if (!('row' in change) || change.before === undefined) continue;
      const { args, result } = change.before;
      if (args !== null && args !== change.row.args) replaced.add(args);
      if (result !== null && result !== change.row.result) replaced.add(result);
    }
    for (const payload of replaced) dropped.push(payload);
    jobs.length = count;
    return {
      jobs,
      forgotten,
      settings: this.#settings.size === 0 ? noChanges : this.#changedSettings(settings),
      annotations: this.#annotations.size === 0 ? noChanges : this.#changedAnnotations(annotations),
      dropped,
      droppedSeats,
    };
  }

  #changedSettings(settings: Settings): Changes['settings'] {
    return new Map(Array.from(this.#settings, (key) => [key, settings.get(key)]));
  }

  #changedAnnotations(annotations: Annotations): Changes['annotations'] {
    return new Map(Array.from(this.#annotations, ([key, { job, name }]) => [key, annotations.get(job, name)]));
  }

  /** Returns the buckets of the rates that were spent since `keep`. */
  changedBuckets(rates: Rates): readonly BucketRecord[] {
    const changed = new Map<string, BucketRecord>();
    for (const change of this.#undo) {
      if (!('bucket' in change)) continue;
      const { queue, quota } = change;
      const key = placeKey(queue, quota);
      changed.set(key, { queue, quota, bucket: rates.bucket(key) });
    }
    return [...changed.values()];
  }

  /** `true` if the row was changed since `keep`. */
  has(row: JobRow): boolean {
    return this.#firstOf(row) !== undefined;
  }

  /** Makes the changes final: a new group begins. */
  keep(): void {
    this.#undo = [];
    this.#rows = 0;
    this.#settings.clear();
    this.#annotations.clear();
    this.#command++;
  }

  #note(row: JobRow, before: JobRecord | undefined): void {
    const first = this.#firstOf(row);
    const notedBy = first === undefined ? this.#command : 0;
    const place = this.#undo.push({ row, before, notedBy } satisfies JobChange) - 1;
    if (first !== undefined) {
      first.notedBy = this.#command;
      return;
    }
    row.logged = place;
    this.#rows++;
  }

  #firstOf(row: JobRow): JobChange | undefined {
    const change = this.#undo[row.logged];
    return change !== undefined && isFirst(change) && change.row === row ? change : undefined;
  }
}

/** Comes before the number of any command. */
const undone = 1;

const isFirst = (change: Change): change is JobChange => 'row' in change && change.notedBy !== 0;

const noChanges: ReadonlyMap<string, undefined> = new Map();
