/**
 * A database as a store sees it: rows of bytes with versions, columns to find them by, and
 * transactions that wait and may fail.
 *
 * A transaction commits only if nothing that it read has changed since: rows, the absence of rows,
 * and the rows that an index has under a key. PostgreSQL calls this serializable. `faults` injects
 * the failures of a database: a conflict without a reason, a connection lost before, after or
 * during a commit, a lost notification.
 */

import type { AnnotationRecord, Id, JobRecord, SettingRecord } from '../../src/core/records.js';
import type { BucketRecord, Changes } from '../../src/core/state/change-log.js';
import { CompactJob } from '../../src/core/state/compact-job.js';
import type { Kept } from '../../src/core/state/completed.js';
import { placeKey, timerOf } from '../../src/core/state/indices.js';
import { goesBefore, type Place } from '../../src/core/state/lanes.js';
import { type AnyRecord, decodeRecord, encodeRecord } from '../../src/testing/record-bytes.js';
import { indexKey, indexKeysOf, type Want, wantKey } from './lacks.js';

/** The database could not serialize the transaction: it must be run again. */
export class ConflictError extends Error {
  /** The job whose id is taken, if that caused the conflict. */
  readonly taken: Id | undefined;

  constructor(taken?: Id) {
    super('could not serialize access');
    this.taken = taken;
  }
}

/** The connection is lost. A commit may have happened, may still happen, or may never. */
export class ConnectionError extends Error {}

/**
 * The fate of a commit: it keeps its connection, or loses it before, after or during the commit.
 */
export type LostCommit = 'never' | 'before' | 'after' | 'later';

export interface Faults {
  /** Turns of the event loop that a statement takes. */
  turns(): number;
  /** `true` if a statement loses its connection. */
  loses(): boolean;
  conflicts(): boolean;
  commit(): LostCommit;
  /** `true` if a notification is lost. */
  forgets(): boolean;
}

export const noFaults: Faults = {
  turns: () => 1,
  loses: () => false,
  conflicts: () => false,
  commit: () => 'never',
  forgets: () => false,
};

/** The columns beside the bytes, by which rows are found. */
interface Columns {
  readonly keys: readonly string[];
  readonly dueAt: number;
  readonly completedAt: number;
  /** `true` for a completed root that failed. */
  readonly failed: boolean;
  /** Of arguments and result; 0 until the job is completed. */
  readonly completedBytes: number;
  readonly parent: Id;
  readonly index: number;
  readonly isMemoryOf: Id;
  /** Its queue and its place there, while it is in line. */
  readonly line: { readonly queue: string; readonly place: Place } | undefined;
}

interface JobRow {
  readonly bytes: Uint8Array;
  /**
   * The first commit in which the job was as complete as now. Orders jobs due in one millisecond.
   */
  readonly since: number;
  readonly columns: Columns;
}

/** The last group that a session committed. A session finds a lost commit by it. */
export interface LastCommit {
  readonly group: number;
  readonly attempt: number;
}

/** Rows as they are now; undefined for a row that does not exist. A job comes after its parent. */
export interface Rows {
  readonly jobs: [Id, Uint8Array | undefined][];
  readonly settings: [string, Uint8Array | undefined][];
  readonly annotations: [string, Uint8Array | undefined][];
  readonly buckets: BucketRecord[];
  /** The number of jobs that an index has, by `indexKey`. */
  readonly counts: Map<string, number>;
  /** The counted roots that are kept together, and their bytes. */
  readonly kept: Record<Kept, { count: number; bytes: number }>;
  /** By `wantKey`: the last job that a want for a line has read, if there may be more. */
  readonly lines: Map<string, Place | undefined>;
}

const noRows = (): Rows => ({
  jobs: [],
  settings: [],
  annotations: [],
  buckets: [],
  counts: new Map(),
  kept: { succeeded: { count: 0, bytes: 0 }, failed: { count: 0, bytes: 0 } },
  lines: new Map(),
});

const noChanges: Changes = {
  jobs: [],
  forgotten: [],
  settings: new Map(),
  annotations: new Map(),
  dropped: [],
  droppedSeats: [],
};

/** Positions in line that a transaction draws at once. Gaps are harmless. */
export const positionsAtOnce = 1024;

export class Database {
  faults: Faults = noFaults;
  /** The number of commits. Each row and key carries that of the last commit that changed it. */
  commits = 0;
  /** How often each fault happened. */
  readonly struck = { conflict: 0, lost: 0, before: 0, after: 0, later: 0, forgotten: 0 };
  readonly #jobs = new Map<Id, JobRow>();
  readonly #settings = new Map<string, Uint8Array>();
  readonly #annotations = new Map<string, Uint8Array>();
  readonly #buckets = new Map<string, BucketRecord>();
  readonly #sessions = new Map<string, LastCommit>();
  readonly #found = new Map<string, Set<Id>>();
  readonly #versions = new Map<string, number>();
  /** The keys that each commit changed, in order of commits. */
  readonly #log: string[][] = [];
  readonly #watchers = new Set<() => void>();
  /** The jobs that transactions have locked, in order to claim them. */
  readonly #locks = new Map<Id, Transaction>();
  #position = 0;

  begin(): Transaction {
    return new Transaction(this);
  }

  /** Returns the rows that changed after `commit`; all rows for 0. */
  async changedSince(commit: number): Promise<{ commit: number; rows: Rows }> {
    await this.statement();
    const rows = noRows();
    const keys = new Set(this.#log.slice(commit).flat());
    for (const key of keys) {
      const [table, name] = split(key);
      if (table === 'job') rows.jobs.push([name, this.#jobs.get(name)?.bytes]);
      else if (table === 'setting') rows.settings.push([name, this.#settings.get(name)]);
      else if (table === 'annotation') rows.annotations.push([name, this.#annotations.get(name)]);
      else if (table === 'bucket') rows.buckets.push(this.#buckets.get(name)!);
    }
    return { commit: this.commits, rows };
  }

  /** All committed jobs, for checks. */
  *jobs(): IterableIterator<JobRecord> {
    for (const { bytes } of this.#jobs.values()) yield decodeRecord<JobRecord>(bytes);
  }

  /** Calls `wake` after each commit, unless the notification is lost. */
  watch(wake: () => void): () => void {
    this.#watchers.add(wake);
    return () => this.#watchers.delete(wake);
  }

  /** Deletes the jobs of level `memory` that `owner` put. */
  async forgetMemory(owner: Id): Promise<void> {
    await this.statement();
    const gone = [...this.#jobs].filter(([, { columns }]) => columns.isMemoryOf === owner).map(([id]) => id);
    if (gone.length === 0) return;
    this.write({ ...noChanges, forgotten: gone }, []);
  }

  /** Stands for one way to the database and back. */
  async statement(): Promise<void> {
    for (let left = this.faults.turns(); left > 0; left--) await undefined;
    if (!this.faults.loses()) return;
    this.struck.lost++;
    throw new ConnectionError('the connection was lost');
  }

  versionOf(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  drawPositions(): number {
    this.#position += positionsAtOnce;
    return this.#position;
  }

  session(id: string): LastCommit | undefined {
    return this.#sessions.get(id);
  }

  setSession(id: string, last: LastCommit): void {
    this.#sessions.set(id, last);
    this.#versions.set(`session ${id}`, this.commits + 1);
  }

  hasJob(id: Id): boolean {
    return this.#jobs.has(id);
  }

  /** Releases the locks of a transaction. */
  unlock(owner: Transaction): void {
    for (const [id, transaction] of this.#locks) if (transaction === owner) this.#locks.delete(id);
  }

  /** Locks the next jobs of a line. Those that others have locked are skipped. */
  #readLine(want: Extract<Want, { kind: 'line' }>, rows: Rows, owner: Transaction): string[] {
    const { queue, after, most } = want;
    const places: Place[] = [];
    for (const [id, { columns }] of this.#jobs) {
      if (columns.line?.queue !== queue || (this.#locks.get(id) ?? owner) !== owner) continue;
      if (after === undefined || goesBefore(after, columns.line.place)) places.push(columns.line.place);
    }
    const next = places.sort((a, b) => (goesBefore(a, b) ? -1 : 1)).slice(0, most);
    rows.lines.set(wantKey(want), next.length < most ? undefined : next.at(-1));
    for (const { id } of next) this.#locks.set(id, owner);
    return next.flatMap(({ id }) => this.#readJob(id, rows));
  }

  /** Reads `want` into `rows`, and returns the keys of everything that the result depends on. */
  read(want: Want, rows: Rows, owner: Transaction): readonly string[] {
    switch (want.kind) {
      case 'job':
        return this.#readJob(want.id, rows);
      case 'tree':
        return this.#readTree(want.id, rows);
      case 'found': {
        const key = indexKey(want.index, want.key);
        return [key, ...[...(this.#found.get(key) ?? [])].flatMap((id) => this.#readJob(id, rows))];
      }
      case 'next': {
        const found = this.#firstOf(indexKey(want.index, want.key), want.from);
        // None is added later but by a change of the job above, which the reader has read.
        return found === undefined ? [] : this.#readJob(found, rows);
      }
      case 'count': {
        const key = indexKey(want.index, want.key);
        rows.counts.set(key, this.#found.get(key)?.size ?? 0);
        return [key];
      }
      case 'line':
        return this.#readLine(want, rows, owner);
      case 'due': {
        const due = this.#ordered('dueAt', want.most).filter((id) => this.#jobs.get(id)!.columns.dueAt <= want.by);
        return due.flatMap((id) => this.#readJob(id, rows));
      }
      case 'oldest': {
        const isKept = ({ columns }: JobRow) => this.#rootOf(columns).failed === (want.kept === 'failed');
        const oldest = this.#ordered('completedAt', want.most, isKept);
        const counted = { count: 0, bytes: 0 };
        for (const row of this.#jobs.values()) {
          if (!isKept(row)) continue;
          if (row.columns.completedAt > 0) counted.count++;
          counted.bytes += row.columns.completedBytes;
        }
        rows.kept[want.kept] = counted;
        return oldest.flatMap((id) => this.#readTree(id, rows));
      }
      case 'setting':
        rows.settings.push([want.key, this.#settings.get(want.key)]);
        return [`setting ${want.key}`];
      case 'settings':
        rows.settings.push(...this.#settings);
        return ['settings', ...Array.from(this.#settings.keys(), (key) => `setting ${key}`)];
      case 'bucket': {
        const bucket = this.#buckets.get(want.key);
        if (bucket !== undefined) rows.buckets.push(bucket);
        return [`bucket ${want.key}`];
      }
    }
  }

  /** Applies one commit, and notifies the watchers. */
  write(
    { jobs, forgotten, settings, annotations }: Changes,
    buckets: readonly BucketRecord[],
    now: (record: AnyRecord) => Uint8Array = encodeRecord,
  ): void {
    const changed: string[] = [];
    this.commits++;
    for (const job of jobs) {
      const columns = columnsOf(job);
      const before = this.#jobs.get(job.id);
      const since = before?.columns.completedAt === columns.completedAt ? before.since : this.commits;
      this.#putJob(job.id, { bytes: now(job), columns, since }, changed);
    }
    for (const id of forgotten) this.#putJob(id, undefined, changed);
    for (const [key, setting] of settings) this.#put(this.#settings, 'setting', key, setting, changed);
    for (const [key, annotation] of annotations) this.#put(this.#annotations, 'annotation', key, annotation, changed);
    if (settings.size > 0) changed.push('settings');
    for (const bucket of buckets) {
      const key = placeKey(bucket.queue, bucket.quota);
      this.#buckets.set(key, bucket);
      changed.push(`bucket ${key}`);
    }
    for (const key of changed) this.#versions.set(key, this.commits);
    this.#log.push(changed);
    for (const wake of this.#watchers) {
      if (this.faults.forgets()) this.struck.forgotten++;
      else wake();
    }
  }

  #put<R extends SettingRecord | AnnotationRecord>(
    table: Map<string, Uint8Array>,
    name: string,
    key: string,
    record: R | undefined,
    changed: string[],
  ): void {
    if (record === undefined) table.delete(key);
    else table.set(key, encodeRecord(record));
    changed.push(`${name} ${key}`);
  }

  #putJob(id: Id, row: JobRow | undefined, changed: string[]): void {
    const before = this.#jobs.get(id);
    if (row === undefined) this.#jobs.delete(id);
    else this.#jobs.set(id, row);
    const [was, is] = [before?.columns.keys ?? [], row?.columns.keys ?? []];
    for (const key of was) {
      if (is.includes(key)) continue;
      this.#found.get(key)!.delete(id);
      if (this.#found.get(key)!.size === 0) this.#found.delete(key);
      changed.push(key);
    }
    for (const key of is) {
      if (was.includes(key)) continue;
      if (!this.#found.has(key)) this.#found.set(key, new Set());
      this.#found.get(key)!.add(id);
      changed.push(key);
    }
    changed.push(`job ${id}`);
  }

  /** Reads the row after the rows of its parents. */
  #readJob(id: Id, rows: Rows): string[] {
    const row = this.#jobs.get(id);
    const above = row === undefined || row.columns.parent === '' ? [] : this.#readJob(row.columns.parent, rows);
    rows.jobs.push([id, row?.bytes]);
    return [...above, `job ${id}`];
  }

  /** Returns the first job from `from` on, by its index in the job above. */
  #firstOf(key: string, from: number): Id | undefined {
    let first: Id | undefined;
    const at = (id: Id) => this.#jobs.get(id)!.columns.index;
    for (const id of this.#found.get(key) ?? [])
      if (at(id) >= from && (first === undefined || at(id) < at(first))) first = id;
    return first;
  }

  #readTree(id: Id, rows: Rows): string[] {
    const keys = this.#readJob(id, rows);
    for (const [key, bytes] of this.#annotations) if (key.startsWith(id)) rows.annotations.push([key, bytes]);
    const indices = [`part ${id}`, `callback ${id}`];
    const members = indices.flatMap((key) => [...(this.#found.get(key) ?? [])]);
    return [...keys, ...indices, ...members.flatMap((member) => this.#readTree(member, rows))];
  }

  #rootOf(columns: Columns): Columns {
    const above = columns.parent === '' ? undefined : this.#jobs.get(columns.parent);
    return above === undefined ? columns : this.#rootOf(above.columns);
  }

  /** Sorts by moment. Within one, due jobs are ordered by arrival, completed jobs by id. */
  #ordered(column: 'dueAt' | 'completedAt', most: number, isAsked: (row: JobRow) => boolean = () => true): Id[] {
    return [...this.#jobs]
      .filter(([, row]) => row.columns[column] > 0 && isAsked(row))
      .sort(([idA, a], [idB, b]) => {
        const moments = a.columns[column] - b.columns[column];
        return moments || (column === 'dueAt' ? a.since - b.since : idA < idB ? -1 : 1);
      })
      .slice(0, most)
      .map(([id]) => id);
  }
}

/** One attempt: reads, and at most one commit. */
export class Transaction {
  readonly #database: Database;
  readonly #seen = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
  }

  async load(wants: readonly Want[]): Promise<Rows> {
    await this.#database.statement();
    const rows = noRows();
    for (const want of wants) {
      const keys = this.#database.read(want, rows, this);
      // A job that becomes due or old after this read waits for the next transaction.
      for (const key of keys) this.#see(key);
    }
    return rows;
  }

  async lastCommit(session: string): Promise<LastCommit | undefined> {
    await this.#database.statement();
    this.#see(`session ${session}`);
    return this.#database.session(session);
  }

  drawPositions(): number {
    return this.#database.drawPositions();
  }

  /** Must be called after the last use, committed or not. */
  end(): void {
    this.#database.unlock(this);
  }

  /**
   * Commits everything or nothing. Rejects with a `ConflictError` if nothing was committed, and
   * with a `ConnectionError` if the fate of the commit is unknown.
   */
  async commit(
    session: string,
    last: LastCommit,
    changes: Changes,
    buckets: readonly BucketRecord[],
    inserted: readonly Id[],
  ): Promise<void> {
    const { faults, struck } = this.#database;
    // Encodes now: later changes of the records must not reach the database.
    const encoded = new Map<AnyRecord, Uint8Array>();
    const kept = { ...changes, jobs: changes.jobs.map(CompactJob.toRecord) };
    for (const [at, job] of kept.jobs.entries()) encoded.set(job, encodeRecord(changes.jobs[at]!));
    const apply = () => {
      for (const [key, version] of this.#seen) if (this.#database.versionOf(key) !== version) throw new ConflictError();
      for (const id of inserted) if (this.#database.hasJob(id)) throw new ConflictError(id);
      this.#database.setSession(session, last);
      this.#database.write(kept, buckets, (record) => encoded.get(record)!);
    };
    await this.#database.statement();
    if (faults.conflicts()) {
      struck.conflict++;
      throw new ConflictError();
    }
    const lost = faults.commit();
    if (lost === 'never') return apply();
    struck[lost]++;
    if (lost === 'after') apply();
    if (lost === 'later') void this.#applyLater(apply);
    throw new ConnectionError('the connection was lost during a commit');
  }

  /** The server commits by itself; the caller does not learn of it. */
  async #applyLater(apply: () => void): Promise<void> {
    for (let left = 3 * this.#database.faults.turns(); left > 0; left--) await undefined;
    try {
      apply();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  #see(key: string): void {
    const version = this.#database.versionOf(key);
    const before = this.#seen.get(key);
    if (before === undefined) this.#seen.set(key, version);
    else if (before !== version) throw new ConflictError();
  }
}

function columnsOf(job: JobRecord): Columns {
  return {
    keys: indexKeysOf(job),
    dueAt: timerOf(job),
    completedAt: job.role === 'root' ? job.completedAt : 0,
    failed: job.role === 'root' && job.status === 'completed' && job.outcome === 'failure',
    completedBytes: job.status === 'completed' ? (job.args?.byteLength ?? 0) + (job.result?.byteLength ?? 0) : 0,
    parent: job.parent,
    index: job.index,
    isMemoryOf: job.level === 'memory' ? job.owner : '',
    line: job.queued ? { queue: job.queue, place: placeOf(job) } : undefined,
  };
}

function placeOf({ priority, front, alone, eligible, id }: JobRecord): Place {
  return { priority, front, alone, eligible, id };
}

function split(key: string): [table: string, name: string] {
  const at = key.indexOf(' ');
  return [key.slice(0, at), key.slice(at + 1)];
}
