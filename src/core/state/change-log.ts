/**
 * What the commands of one group have changed, and the way back.
 *
 * Before anything changes, what was there is noted here, each row once in a command: so a refused
 * command, or a refused write of the group, leaves nothing behind. A command that cannot fail once
 * it has changed something notes a row once in its group, which saves most copies. How a change is
 * taken back is for the state to know; what the store has to write is told here.
 */

import type { AnnotationRecord, Id, JobRecord, Payload, SettingRecord } from '../records.js';
import { type Annotations, annotationKey } from './annotations.js';
import { CompactJob } from './compact-job.js';
import { placeKey } from './indices.js';
import type { JobRow } from './job-row.js';
import type { Bucket, Rates } from './rates.js';
import type { Settings } from './settings.js';

export interface JobChange {
  readonly row: JobRow;
  /** Undefined: the row was new. The row itself: it was forgotten. */
  readonly before: JobRecord | undefined;
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

/** How far a quota's rate is used up; undefined: not at all. */
export interface BucketRecord {
  readonly queue: string;
  readonly quota: string;
  readonly bucket: Bucket | undefined;
}

interface Touched {
  readonly row: JobRow;
  /** It came with this group. */
  readonly isNew: boolean;
  /** The last command that noted it; 0: there is no way back for it. */
  notedBy: number;
}

/** What was there before. */
export type Change = JobChange | SettingChange | AnnotationChange | BucketRecord;

/**
 * What one group of decisions changed: the last state of each record it touched, and what is no
 * more.
 */
export interface Changes {
  readonly jobs: readonly JobRecord[];
  readonly forgotten: readonly Id[];
  /** By key; undefined: removed. */
  readonly settings: ReadonlyMap<string, SettingRecord | undefined>;
  readonly annotations: ReadonlyMap<string, AnnotationRecord | undefined>;
  /**
   * Payloads that no record refers to any more: those of forgotten jobs, arguments that were
   * changed, failures that were retried.
   */
  readonly dropped: readonly Payload[];
}

export class ChangeLog {
  /** All changes of this group, in order. */
  #undo: Change[] = [];
  /**
   * What the group has touched, also if that was taken back. Each row says where it is here, so
   * that it need not know more of this.
   */
  #touched: Touched[] = [];
  readonly #settings = new Set<string>();
  readonly #annotations = new Map<string, AnnotationChange>();
  #command = 1;
  #fallible = true;

  /** A command begins; where, is what `takeBack` wants to know. */
  begin(fallible: boolean): number {
    this.#command++;
    this.#fallible = fallible;
    return this.#undo.length;
  }

  noteInsert(row: JobRow): void {
    this.#note(row, undefined);
  }

  /** Called before the row changes, each time. */
  noteChange(row: JobRow): void {
    const notedBy = this.#touchedOf(row)?.notedBy ?? 0;
    if (notedBy === this.#command || (notedBy !== 0 && !this.#fallible)) return;
    this.#note(row, new CompactJob(row));
  }

  noteForget(row: JobRow): void {
    this.#note(row, row);
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

  /**
   * Hands out the changes since this mark, the last one first, for each to be taken back at once.
   */
  *takeBack(mark: number): IterableIterator<Change> {
    this.#command++;
    while (this.#undo.length > mark) {
      const change = this.#undo.pop()!;
      // What is changed after this is to be noted again.
      if ('row' in change) this.#touchedOf(change.row)!.notedBy = 0;
      yield change;
    }
  }

  /** What has changed since `keep`. */
  changes(settings: Settings, annotations: Annotations): Changes {
    const jobs: JobRecord[] = [];
    const forgotten: Id[] = [];
    const dropped: Payload[] = [];
    for (const { row, isNew } of this.#touched) {
      if (row.isThere) jobs.push(row);
      else if (!isNew) {
        forgotten.push(row.id);
        if (row.args !== null) dropped.push(row.args);
        if (row.result !== null) dropped.push(row.result);
      }
    }
    // What a row had before, several changes of it may know.
    const replaced = new Set<Payload>();
    for (const change of this.#undo) {
      if (!('row' in change) || change.before === undefined) continue;
      const { args, result } = change.before;
      if (args !== null && args !== change.row.args) replaced.add(args);
      if (result !== null && result !== change.row.result) replaced.add(result);
    }
    for (const payload of replaced) dropped.push(payload);
    return {
      jobs,
      forgotten,
      settings: new Map(Array.from(this.#settings, (key) => [key, settings.get(key)])),
      annotations: new Map(Array.from(this.#annotations, ([key, { job, name }]) => [key, annotations.get(job, name)])),
      dropped,
    };
  }

  /** The rates of which some was used up since `keep`. */
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

  /** There is no way back any more: a group begins. */
  keep(): void {
    this.#undo = [];
    this.#touched = [];
    this.#settings.clear();
    this.#annotations.clear();
    this.#command++;
  }

  #note(row: JobRow, before: JobRecord | undefined): void {
    this.#undo.push({ row, before });
    const touched = this.#touchedOf(row);
    if (touched !== undefined) touched.notedBy = this.#command;
    else row.logged = this.#touched.push({ row, isNew: before === undefined, notedBy: this.#command }) - 1;
  }

  #touchedOf(row: JobRow): Touched | undefined {
    const touched = this.#touched[row.logged];
    return touched?.row === row ? touched : undefined;
  }
}
