/**
 * A database in memory for shared stores: rows of bytes with versions, and transactions that wait
 * and may fail.
 *
 * A transaction commits only if nothing that it read has changed since: rows, the absence of rows,
 * and the rows that an index has under a key. PostgreSQL calls this serializable. `faults` injects
 * the failures of a database: a conflict without a reason, a connection lost before, after or
 * during a commit, a lost notification.
 */

import type { Event } from '../../src/core/events.js';
import type { AnnotationRecord, Id, JobRecord, Payload } from '../../src/core/records.js';
import type { BucketRecord } from '../../src/core/state/change-log.js';
import type { Kept } from '../../src/core/state/completed.js';
import { placeKey } from '../../src/core/state/indices.js';
import { goesBefore, type Place } from '../../src/core/state/lanes.js';
import { State } from '../../src/core/state/state.js';
import { headerOf, jobFrom } from '../../src/store/job-bytes.js';
import { settingFrom, settingText } from '../../src/store/setting-json.js';
import { type Columns, columnsOf } from '../../src/store/shared/columns.js';
import {
  type Committed,
  ConflictError,
  ConnectionError,
  type Database,
  isPing,
  type KnownJob,
  type LastCommit,
  listenerMs,
  noRows,
  type Purpose,
  positionsAtOnce,
  type Rows,
  type Transaction,
  type Writes,
} from '../../src/store/shared/database.js';
import { FarPayload } from '../../src/store/shared/far-payload.js';
import { type LaneWrites, type StoredLane, shareOf } from '../../src/store/shared/lanes.js';
import { indexKey, type Want, wantKey } from '../../src/store/shared/wants.js';
import { KeptTotals } from './kept-totals.js';
import { Ordered } from './ordered.js';

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

interface JobBytes {
  readonly header: Uint8Array;
  readonly args: Payload | null;
  readonly result: Payload | null;
  readonly columns: Columns;
}

interface JobRow extends JobBytes {
  /**
   * The first commit in which the job was as complete as now. Orders jobs due in one millisecond.
   */
  readonly since: number;
}

/** The rows of a commit, as they were when it was called. */
interface Written {
  readonly jobs: readonly (readonly [Id, JobBytes | undefined])[];
  readonly settings: readonly (readonly [string, string | undefined])[];
  readonly annotations: readonly (readonly [string, AnnotationRecord | undefined])[];
  readonly buckets: readonly BucketRecord[];
  readonly lanes: LaneWrites;
  readonly events: readonly Event[];
}

interface StoredPayload {
  readonly bytes: Uint8Array;
  readonly at: number;
  wasUsed: boolean;
}

const dayMs = 24 * 3600 * 1000;

const farIn = ({ args, result }: JobBytes): FarPayload[] =>
  [args, result].filter((payload) => payload instanceof FarPayload);

interface Completed {
  readonly id: Id;
  readonly at: number;
}

const endsBefore = (a: Completed, b: Completed) => a.at < b.at || (a.at === b.at && a.id < b.id);

/** A listener to events: it has read those of all commits up to this one. */
interface Listener {
  readonly seenAt: number;
  readonly commit: number;
}

export class MemoryDatabase {
  faults: Faults = noFaults;
  /** The number of commits. Each row and key carries that of the last commit that changed it. */
  commits = 0;
  /** See `Database.nearBytes`. */
  nearBytes = 1 << 20;
  readonly #payloads = new Map<Id, StoredPayload>();
  /** Its own clock, in milliseconds. Undefined: it has none. */
  now: (() => number) | undefined;
  /** How often each fault happened. */
  readonly struck = { conflict: 0, lost: 0, before: 0, after: 0, later: 0, forgotten: 0 };
  readonly #jobs = new Map<Id, JobRow>();
  readonly #settings = new Map<string, string>();
  readonly #annotations = new Map<string, AnnotationRecord>();
  readonly #buckets = new Map<string, BucketRecord>();
  readonly #sessions = new Map<string, LastCommit>();
  readonly #found = new Map<string, Set<Id>>();
  readonly #versions = new Map<string, number>();
  readonly #watchers = new Map<() => void, Way>();
  /** The jobs that transactions have locked, in order to claim them. */
  readonly #locks = new Map<Id, Attempt>();
  readonly #totals = new KeptTotals();
  /** The jobs with a timer. */
  readonly #due = new Set<Id>();
  /** The jobs in line of each lane. */
  readonly #lines = new Map<Id, Ordered<Place>>();
  readonly #lanes = new Map<Id, StoredLane>();
  readonly #completed = new Ordered<Completed>(endsBefore);
  readonly #listeners = new Map<string, Listener>();
  /** The events of each commit that a listener has to read. */
  readonly #events = new Map<number, readonly Event[]>();
  #position = 0;

  get #now(): number {
    return this.now?.() ?? 0;
  }

  begin(purpose: Purpose, way?: Way): Transaction {
    return new Attempt(this, purpose === 'look', way);
  }

  /** All committed records, for checks. */
  state(): State {
    const state = new State();
    for (const id of this.#jobs.keys()) state.load(this.#job(id)!);
    for (const key of this.#settings.keys()) state.loadSetting(...this.#setting(key));
    for (const { job, name, value } of this.#annotations.values()) state.loadAnnotation(job, name, value);
    state.loaded(false);
    return state;
  }

  /** All committed jobs, for checks. */
  *jobs(): IterableIterator<JobRecord> {
    for (const id of this.#jobs.keys()) yield this.#job(id)!;
  }

  /** Calls `wake` after commits that came another way, unless the notification is lost. */
  watch(wake: () => void, way: Way): () => void {
    this.#watchers.set(wake, way);
    return () => this.#watchers.delete(wake);
  }

  /** Returns the way of one more process. */
  connect(): Database {
    return new Way(this);
  }

  async addListener(listener: string): Promise<void> {
    await this.statement();
    if (!this.#listeners.has(listener)) this.#listeners.set(listener, { seenAt: this.#now, commit: this.commits });
  }

  async removeListener(listener: string): Promise<void> {
    await this.statement();
    this.#listeners.delete(listener);
    await this.sweepEvents();
  }

  async sweepEvents(reader?: { readonly listener: string; readonly position: string }): Promise<void> {
    await this.statement();
    if (reader !== undefined && this.#listeners.has(reader.listener))
      this.#listeners.set(reader.listener, { seenAt: this.#now, commit: Number(reader.position) });
    for (const [id, { seenAt }] of this.#listeners) if (seenAt < this.#now - listenerMs) this.#listeners.delete(id);
    const read = Math.min(Number.POSITIVE_INFINITY, ...Array.from(this.#listeners.values(), ({ commit }) => commit));
    for (const commit of this.#events.keys()) if (commit <= read) this.#events.delete(commit);
  }

  async upload({ id }: FarPayload, bytes: Uint8Array): Promise<void> {
    await this.statement();
    this.#payloads.set(id, { bytes: bytes.slice(), at: this.now?.() ?? 0, wasUsed: false });
    await this.statement();
  }

  async sweepPayloads(): Promise<void> {
    await this.statement();
    const used = new Set([...this.#jobs.values()].flatMap(farIn).map(({ id }) => id));
    for (const [id, { at, wasUsed }] of this.#payloads)
      if (!used.has(id) && (wasUsed || at < (this.now?.() ?? 0) - dayMs)) this.#payloads.delete(id);
  }

  /** The number of large payloads that are kept. */
  get payloadsKept(): number {
    return this.#payloads.size;
  }

  /** Returns the bytes of a payload. */
  readonly bytes = (payload: Payload): Uint8Array =>
    payload instanceof FarPayload ? this.#payloads.get(payload.id)!.bytes : (payload as Uint8Array);

  /** The number of commits whose events are kept. */
  get eventsKept(): number {
    return this.#events.size;
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
  unlock(owner: Attempt): void {
    for (const [id, transaction] of this.#locks) if (transaction === owner) this.#locks.delete(id);
  }

  /** Locks a row, if no other transaction has. A look locks nothing. */
  #lock(id: Id, owner: Attempt): boolean {
    if (owner.isLook) return true;
    const holder = this.#locks.get(id);
    if (holder === undefined) this.#locks.set(id, owner);
    return holder === undefined || holder === owner;
  }

  /** Returns the first `most` of these lanes that others have not locked. */
  #firstLanes(lanes: readonly StoredLane[], most: number, owner: Attempt): StoredLane[] {
    const first: StoredLane[] = [];
    for (const lane of lanes.toSorted((a, b) => (goesBefore(a.head, b.head) ? -1 : 1))) {
      if (first.length === most) break;
      if (this.#lock(lane.id, owner)) first.push(lane);
    }
    return first;
  }

  #readLanes(want: Extract<Want, { kind: 'lanes' }>, rows: Rows, owner: Attempt): string[] {
    const { queue, except, now, after, most } = want;
    const all = [...this.#lanes.values()].filter((lane) => lane.queue === queue && !except.includes(lane.callable));
    const gated = all.filter(({ gates }) => gates.length > 0);
    const open = gated.filter(({ parkedAt, head }) => parkedAt === undefined && (!after || goesBefore(after, head)));
    const first = this.#firstLanes(open, most, owner);
    rows.lines.set(wantKey(want), first.length < most ? undefined : first.at(-1)!.head);
    const woken = gated.filter(({ opensAt }) => opensAt !== undefined && opensAt <= now);
    const others = after !== undefined ? [] : this.#firstLanes(woken, most, owner);
    const free = after !== undefined ? [] : all.filter(({ gates }) => gates.length === 0);
    return this.#readLines([...first, ...others, ...free], most, rows, owner);
  }

  /** Reads lanes, and the first jobs of each. */
  #readLines(lanes: readonly StoredLane[], most: number, rows: Rows, owner: Attempt): string[] {
    rows.lanes.push(...lanes);
    return lanes.flatMap(({ id, gates }) => {
      for (const key of gates) {
        rows.counts.set(indexKey('place', key), this.#found.get(indexKey('place', key))?.size ?? 0);
        const bucket = this.#buckets.get(key);
        if (bucket !== undefined) rows.buckets.push(bucket);
      }
      const seen = gates.flatMap((key) => [indexKey('place', key), `bucket ${key}`]);
      return [...seen, ...this.#readLine(id, undefined, shareOf(most, lanes.length), rows, owner)];
    });
  }

  /** Reads the next jobs of a lane. Without gates, those that others have locked are left out. */
  #readLine(lane: Id, after: Place | undefined, most: number, rows: Rows, owner: Attempt): string[] {
    const isGated = this.#lanes.get(lane)!.gates.length > 0;
    const next: Place[] = [];
    for (const place of this.#lines.get(lane)?.behind(after) ?? []) {
      if (next.length === most) break;
      if (isGated || this.#lock(place.id, owner)) next.push(place);
    }
    rows.reached.set(lane, next.length < most ? undefined : next.at(-1));
    // A job that joins a lane with gates changes the lane.
    return [...(isGated ? [`lane ${lane}`] : []), ...next.flatMap(({ id }) => this.#readJob(id, rows))];
  }

  #writeLanes({ opened, redefined, changed, emptied, joined }: LaneWrites, keys: string[]): void {
    const isOpened = (key: string) => opened.includes(key) || redefined.some((quota) => key.startsWith(quota));
    for (const lane of this.#lanes.values())
      if (lane.parkedAt !== undefined && isOpened(lane.parkedAt))
        this.#lanes.set(lane.id, { ...lane, parkedAt: undefined, opensAt: undefined });
    for (const lane of changed) this.#lanes.set(lane.id, { ...lane, head: { ...lane.head, id: lane.id } });
    for (const id of emptied) this.#lanes.delete(id);
    for (const { head, ...kind } of joined) {
      const { id } = kind;
      const lane = this.#lanes.get(id);
      const isFirst = lane === undefined || goesBefore(head, lane.head);
      const opened = { ...kind, parkedAt: undefined, opensAt: undefined };
      this.#lanes.set(id, { ...(lane ?? opened), head: isFirst ? { ...head, id } : lane.head });
    }
    for (const { id } of [...changed, ...joined]) keys.push(`lane ${id}`);
    for (const id of emptied) keys.push(`lane ${id}`);
  }

  /** Reads `want` into `rows`, and returns the keys of everything that the result depends on. */
  read(want: Want, rows: Rows, owner: Attempt): readonly string[] {
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
        const found = this.#firstOf(indexKey(want.index, want.key), want.from, want.most);
        // None is added later but by a change of the job above, which the reader has read.
        return found.flatMap((id) => this.#readJob(id, rows));
      }
      case 'count': {
        const key = indexKey(want.index, want.key);
        rows.counts.set(key, this.#found.get(key)?.size ?? 0);
        return [key];
      }
      case 'length': {
        const length = this.#found.get(indexKey('queued', want.queue))?.size ?? 0;
        rows.lengths.set(want.queue, Math.min(length, want.most));
        return [];
      }
      case 'lanes':
        return this.#readLanes(want, rows, owner);
      case 'parked': {
        const parked = [...this.#lanes.values()].filter(({ parkedAt }) => parkedAt === want.key);
        return this.#readLines(this.#firstLanes(parked, want.most, owner), want.most, rows, owner);
      }
      case 'rest': {
        const share = shareOf(want.most, want.lanes.length);
        return want.lanes.flatMap(({ lane, after }) => this.#readLine(lane, after, share, rows, owner));
      }
      case 'due': {
        const due = this.#dueFirst(want.most).filter((id) => this.#jobs.get(id)!.columns.dueAt <= want.by);
        return due.flatMap((id) => this.#readJob(id, rows));
      }
      case 'oldest': {
        rows.kept[want.kept] = this.#totals.of(want.kept);
        return this.#oldest(want.kept, want.most).flatMap((id) => this.#readJob(id, rows));
      }
      case 'memory': {
        const isAsked = ({ columns }: JobRow) => columns.memoryOf === want.owner && !columns.awaited;
        const ids = [...this.#jobs].filter(([, row]) => isAsked(row)).map(([id]) => id);
        return ids
          .sort()
          .slice(0, want.most)
          .flatMap((id) => this.#readTree(id, rows));
      }
      case 'kept':
        rows.kept[want.kept] = this.#totals.of(want.kept);
        return [];
      case 'held': {
        const ids = [...(this.#found.get(indexKey('dispatcher', want.dispatcher)) ?? [])];
        rows.held.push(...ids);
        const isChanged = (id: Id) => `${this.versionOf(`job ${id}`)}` !== want.seen.get(id);
        return ids.filter(isChanged).flatMap((id) => this.#readJob(id, rows));
      }
      case 'ended': {
        rows.missing.push(...want.jobs.filter((id) => !this.#jobs.has(id)));
        const hasEnded = (id: Id) => this.#job(id)?.outcome !== 'none';
        return want.jobs.filter((id) => this.#jobs.has(id) && hasEnded(id)).flatMap((id) => this.#readJob(id, rows));
      }
      case 'annotations':
        this.#readAnnotations(want.job, rows);
        return this.#readJob(want.job, rows);
      case 'timer': {
        const [first] = this.#dueFirst(1);
        const opens = [...this.#lanes.values()].flatMap(({ opensAt = 0 }) => (opensAt > want.now ? [opensAt] : []));
        rows.timer = this.#jobs.get(first ?? '')?.columns.dueAt ?? undefined;
        rows.opensAt = opens.length === 0 ? undefined : Math.min(...opens);
        rows.now = this.now?.();
        return [];
      }
      case 'tallies':
        rows.tallies.push(...this.state().tallies());
        return [];
      case 'payload': {
        const stored = this.#payloads.get(want.payload.id);
        if (stored !== undefined) rows.payloads.push([want.payload.id, stored.bytes]);
        return [];
      }
      case 'posted':
        return [];
      case 'heard':
        rows.heard = this.#listeners.size > 0;
        return [];
      case 'events': {
        const listener = this.#listeners.get(want.listener);
        if (listener === undefined) return [];
        const after = Number(want.after ?? listener.commit);
        const list = [...this.#events].flatMap(([commit, events]) => (commit > after ? events : []));
        rows.events = { list, position: `${this.commits}` };
        return [];
      }
      case 'all':
        for (const id of this.#jobs.keys()) this.#readJob(id, rows);
        for (const [id, { bytes }] of this.#payloads) rows.payloads.push([id, bytes]);
        rows.settings.push(...Array.from(this.#settings.keys(), (key) => this.#setting(key)));
        rows.annotations.push(...this.#annotations);
        rows.buckets.push(...this.#buckets.values());
        return [];
      case 'setting':
        rows.settings.push(this.#setting(want.key));
        return [`setting ${want.key}`];
      case 'settings':
        rows.settings.push(...Array.from(this.#settings.keys(), (key) => this.#setting(key)));
        return ['settings', ...Array.from(this.#settings.keys(), (key) => `setting ${key}`)];
      case 'bucket': {
        const bucket = this.#buckets.get(want.key);
        if (bucket !== undefined) rows.buckets.push(bucket);
        return [`bucket ${want.key}`];
      }
      case 'positions':
        for (let block = 0; block < want.blocks; block++) rows.positions.push(this.#nextPositions());
        return [];
    }
  }

  /** Applies one commit, and notifies the watchers of all but proofs of life. */
  write({ jobs, settings, annotations, buckets, lanes, events }: Written, by?: Way, isPing = false): void {
    const changed: string[] = [];
    this.commits++;
    if (events.length > 0) this.#events.set(this.commits, structuredClone(events));
    for (const [id, job] of jobs) {
      const before = this.#jobs.get(id);
      const since = before?.columns.completedAt === job?.columns.completedAt ? before?.since : this.commits;
      this.#putJob(id, job === undefined ? undefined : { ...job, since: since ?? this.commits }, changed);
    }
    const put = <R>(table: Map<string, R>, name: string, key: string, row: R | undefined) => {
      if (row === undefined) table.delete(key);
      else table.set(key, row);
      changed.push(`${name} ${key}`);
    };
    for (const [key, setting] of settings) put(this.#settings, 'setting', key, setting);
    for (const [key, annotation] of annotations) put(this.#annotations, 'annotation', key, annotation);
    if (settings.length > 0) changed.push('settings');
    this.#writeLanes(lanes, changed);
    for (const bucket of buckets) put(this.#buckets, 'bucket', placeKey(bucket.queue, bucket.quota), bucket);
    for (const key of changed) this.#versions.set(key, this.commits);
    for (const [wake, way] of this.#watchers) {
      if (isPing || way === by) continue;
      if (this.faults.forgets()) this.struck.forgotten++;
      else wake();
    }
  }

  #nextPositions(): number {
    this.#position += positionsAtOnce;
    return this.#position;
  }

  #job(id: Id): JobRecord | undefined {
    const row = this.#jobs.get(id);
    return row && jobFrom(row.header, row.args, row.result);
  }

  #setting(key: string): Rows['settings'][number] {
    const text = this.#settings.get(key);
    return [key, text === undefined ? undefined : settingFrom(key, text)];
  }

  #putJob(id: Id, row: JobRow | undefined, changed: string[]): void {
    const before = this.#jobs.get(id);
    const isRoot = (row ?? before)?.columns.parent === '';
    this.#totals.move(isRoot ? id : this.#rootIdOf((row ?? before)!.columns), isRoot, before?.columns, row?.columns);
    if ((row?.columns.dueAt ?? 0) > 0) this.#due.add(id);
    else this.#due.delete(id);
    if (before !== undefined) this.#order(id, before.columns, 'remove');
    if (row !== undefined) this.#order(id, row.columns, 'add');
    if (row === undefined) this.#jobs.delete(id);
    else {
      this.#jobs.set(id, row);
      for (const payload of farIn(row)) this.#payloads.get(payload.id)!.wasUsed = true;
    }
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

  /** Adds a row to the orders in which it is read, or removes it from them. */
  #order(id: Id, { line, completedAt }: Columns, change: 'add' | 'remove'): void {
    if (completedAt > 0) this.#completed[change]({ id, at: completedAt });
    if (line === undefined) return;
    if (!this.#lines.has(line.lane)) this.#lines.set(line.lane, new Ordered(goesBefore));
    this.#lines.get(line.lane)![change](line.place);
  }

  /** Reads the row after the rows of its parents. */
  #readJob(id: Id, rows: Rows): string[] {
    const row = this.#jobs.get(id);
    const above = row === undefined || row.columns.parent === '' ? [] : this.#readJob(row.columns.parent, rows);
    rows.jobs.push([id, this.#job(id)]);
    return [...above, `job ${id}`];
  }

  /** Returns the first `most` jobs from `from` on, by their index in the job above. */
  #firstOf(key: string, from: number, most: number): Id[] {
    const at = (id: Id) => this.#jobs.get(id)!.columns.index;
    const found = [...(this.#found.get(key) ?? [])].filter((id) => at(id) >= from);
    return found.sort((a, b) => at(a) - at(b)).slice(0, most);
  }

  #readTree(id: Id, rows: Rows): string[] {
    const keys = this.#readJob(id, rows);
    this.#readAnnotations(id, rows);
    const indices = [`part ${id}`, `callback ${id}`];
    const members = indices.flatMap((key) => [...(this.#found.get(key) ?? [])]);
    return [...keys, ...indices, ...members.flatMap((member) => this.#readTree(member, rows))];
  }

  #readAnnotations(job: Id, rows: Rows): void {
    for (const entry of this.#annotations) if (entry[0].startsWith(job)) rows.annotations.push(entry);
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  get kept(): Rows['kept'] {
    return { succeeded: this.#totals.of('succeeded'), failed: this.#totals.of('failed') };
  }

  #isKept({ columns }: JobRow, kept: Kept): boolean {
    return this.#rootOf(columns).failed === (kept === 'failed');
  }

  #rootIdOf({ parent }: Columns): Id {
    const above = this.#jobs.get(parent);
    return above === undefined || above.columns.parent === '' ? parent : this.#rootIdOf(above.columns);
  }

  #rootOf(columns: Columns): Columns {
    const above = columns.parent === '' ? undefined : this.#jobs.get(columns.parent);
    return above === undefined ? columns : this.#rootOf(above.columns);
  }

  /** Jobs due in one millisecond are ordered by arrival. */
  #dueFirst(most: number): Id[] {
    return Array.from(this.#due, (id) => [id, this.#jobs.get(id)!] as const)
      .sort(([, a], [, b]) => a.columns.dueAt - b.columns.dueAt || a.since - b.since)
      .slice(0, most)
      .map(([id]) => id);
  }

  #oldest(kept: Kept, most: number): Id[] {
    const oldest: Id[] = [];
    for (const { id } of this.#completed.behind(undefined)) {
      if (oldest.length === most) break;
      const row = this.#jobs.get(id)!;
      if (!row.columns.awaited && this.#isKept(row, kept)) oldest.push(id);
    }
    return oldest;
  }
}

/** The way of a process to the database. It hears nothing of its own commits. */
export class Way implements Database {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  /** Returns the bytes of a payload, without a wait. */
  get bytes(): (payload: Payload) => Uint8Array {
    return this.#database.bytes;
  }

  /** All committed records, without a wait. */
  state(): State {
    return this.#database.state();
  }

  begin(purpose: Purpose): Transaction {
    return this.#database.begin(purpose, this);
  }

  watch(wake: () => void): () => void {
    return this.#database.watch(wake, this);
  }

  addListener(listener: string): Promise<void> {
    return this.#database.addListener(listener);
  }

  removeListener(listener: string): Promise<void> {
    return this.#database.removeListener(listener);
  }

  sweepEvents(reader?: { readonly listener: string; readonly position: string }): Promise<void> {
    return this.#database.sweepEvents(reader);
  }

  get nearBytes(): number {
    return this.#database.nearBytes;
  }

  upload(payload: FarPayload, bytes: Uint8Array): Promise<void> {
    return this.#database.upload(payload, bytes);
  }

  sweepPayloads(): Promise<void> {
    return this.#database.sweepPayloads();
  }

  async close(): Promise<void> {}
}

class Attempt implements Transaction {
  readonly #database: MemoryDatabase;
  readonly #way: Way | undefined;
  readonly #seen = new Map<string, number>();
  #isUnheard = false;
  readonly isLook: boolean;

  constructor(database: MemoryDatabase, isLook: boolean, way?: Way) {
    this.#database = database;
    this.#way = way;
    this.isLook = isLook;
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

  end(): void {
    this.#database.unlock(this);
  }

  assume(jobs: readonly KnownJob[], unheard: boolean): void {
    for (const { job, version } of jobs) this.#seen.set(`job ${job.id}`, Number(version));
    this.#isUnheard = unheard;
  }

  async commit(session: string, last: LastCommit, writes: Writes): Promise<Committed> {
    const { faults, struck } = this.#database;
    const written = writtenBy(writes);
    const apply = () => {
      for (const [key, version] of this.#seen) if (this.#database.versionOf(key) !== version) throw new ConflictError();
      if (this.#isUnheard && this.#database.isHeard) throw new ConflictError();
      for (const id of writes.inserted) if (this.#database.hasJob(id)) throw new ConflictError(id);
      this.#database.setSession(session, last);
      this.#database.write(written, this.#way, isPing(writes));
      const changesJobs = writes.jobs.length + writes.forgotten.length > 0;
      return { version: `${this.#database.commits}`, kept: changesJobs ? this.#database.kept : undefined };
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

export function writtenBy({
  jobs,
  forgotten,
  settings,
  annotations,
  buckets,
  lanes,
  events,
}: Omit<Writes, 'inserted'>): Written {
  return {
    jobs: [...jobs.map((job) => [job.id, bytesOf(job)] as const), ...forgotten.map((id) => [id, undefined] as const)],
    settings: Array.from(settings, ([key, setting]) => [key, setting && settingText(setting)]),
    annotations: [...annotations],
    buckets,
    lanes,
    events,
  };
}

const bytesOf = (job: JobRecord): JobBytes => ({
  header: headerOf(job),
  args: job.args,
  result: job.result,
  columns: columnsOf(job),
});
