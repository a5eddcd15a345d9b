/**
 * A database as a shared store sees it: rows, ways to find them, and transactions that wait and may
 * fail. Everything that is decided is decided above this interface.
 *
 * A job, a setting, an annotation and a bucket are a row each. `job-bytes.ts` and `setting-json.ts`
 * make bytes of them, `columns.ts` the values to find jobs by. Payloads of jobs and values of
 * annotations are plain bytes here.
 *
 * A transaction is serializable in what it has read by the wants `job`, `tree`, `found`, `count`,
 * `setting`, `settings` and `bucket`: it commits only if, since the read, no row of the answer has
 * changed, none has gone, and none has come. Locks may keep others from changing them, or the
 * commit may fail. Of the wants `next`, `lanes`, `parked`, `rest`, `due`, `oldest` and `memory`
 * this holds for the rows read only, and for the places and rates of lanes; of `length` not at all:
 * a row that comes later waits for another transaction.
 */
import type { Event } from '../../core/events.js';
import type { AnnotationRecord, Id, JobRecord, SettingRecord } from '../../core/records.js';
import type { BucketRecord, Changes } from '../../core/state/change-log.js';
import type { Kept } from '../../core/state/completed.js';
import type { Place } from '../../core/state/lanes.js';
import type { Tally } from '../../core/state/tallies.js';
import type { FarPayload } from './far-payload.js';
import type { LaneWrites, StoredLane } from './lanes.js';
import type { Want } from './wants.js';

/**
 * The database could not serialize the transaction. Nothing of it is committed, and it must be run
 * again.
 */
export class ConflictError extends Error {
  /** The job whose id is taken, if that caused the conflict. */
  readonly taken: Id | undefined;

  constructor(taken?: Id, options?: ErrorOptions) {
    super('could not serialize access', options);
    this.taken = taken;
  }
}

/**
 * The connection is lost. If that happened in `commit`, the commit may have happened, may still
 * happen, or may never: `lastCommit` in a later transaction has the answer.
 */
export class ConnectionError extends Error {}

/** The last group that a session committed. A session finds the fate of a lost commit by it. */
export interface LastCommit {
  readonly group: number;
  /** The attempt at this group that succeeded, from 0. */
  readonly attempt: number;
}

/**
 * Rows as they are now. A row that was asked for by its id or key and does not exist is there as
 * undefined; those found otherwise exist. No order is asked for but that a job comes after its
 * parent. A row may be there twice.
 */
export interface Rows {
  /** With each job come all jobs above it: its parent, the parent's parent, up to the root. */
  readonly jobs: [Id, JobRecord | undefined][];
  readonly settings: [string, SettingRecord | undefined][];
  /** By `annotationKey`. */
  readonly annotations: [string, AnnotationRecord | undefined][];
  readonly buckets: BucketRecord[];
  /** The number of jobs that an index has, by `indexKey`. */
  readonly counts: Map<string, number>;
  /** For a want `held`: the ids of all jobs. */
  readonly held: Id[];
  /** For a want `ended`: the ids of the jobs that are not there. */
  readonly missing: Id[];
  /** For a want `length`, by queue. */
  readonly lengths: Map<string, number>;
  /** For wants `oldest` and `kept`: the completed roots of that kind. */
  readonly kept: Record<Kept, KeptCount>;
  /**
   * For wants `lanes` and `parked`, in no order; a head has the id of its lane. With them come the
   * counts of places of their gates, and the rates.
   */
  readonly lanes: StoredLane[];
  /** The last job that was read of each lane; undefined at its end. */
  readonly reached: Map<Id, Place | undefined>;
  /**
   * By `wantKey`: the head of the last lane that a want `lanes` has read, with the id of the lane;
   * undefined at the end.
   */
  readonly lines: Map<string, Place | undefined>;
  /** For a want `positions`: the first position of each block. */
  readonly positions: number[];
  /** For a want `timer`: the least `dueAt` that is not 0; undefined for none. */
  timer: number | undefined;
  /** For a want `timer`: the least `opensAt` after its `now`; undefined for none. */
  opensAt: number | undefined;
  /** For a want `timer`: the database's own clock. Undefined: that of each process will do. */
  now: number | undefined;
  /** For a want `tallies`. */
  readonly tallies: Tally[];
  /** By the id of the `FarPayload`; those of jobs that are gone are missing. */
  readonly payloads: [Id, Uint8Array][];
  /** For a want `posted`. */
  posted: boolean;
  /** For a want `heard`: whether any listener is registered. */
  heard: boolean;
  /** For a want `events`; undefined if the listener is not registered. */
  events: Heard | undefined;
}

/** The events that a listener has not read yet. */
export interface Heard {
  /** In an order in which each event follows those on which its decision was based. */
  readonly list: readonly Event[];
  /** How far this reading went. Only its database understands it. */
  readonly position: string;
}

export interface KeptCount {
  readonly count: number;
  /** The bytes of all members of these roots. */
  readonly bytes: number;
  /** The time at which the oldest completed, of those that are not `awaited`. */
  readonly oldestAt: number | undefined;
}

export const noRows = (): Rows => ({
  jobs: [],
  settings: [],
  annotations: [],
  buckets: [],
  counts: new Map(),
  lengths: new Map(),
  held: [],
  missing: [],
  kept: { succeeded: noneKept, failed: noneKept },
  lanes: [],
  reached: new Map(),
  lines: new Map(),
  positions: [],
  timer: undefined,
  opensAt: undefined,
  now: undefined,
  tallies: [],
  payloads: [],
  posted: false,
  heard: false,
  events: undefined,
});

const noneKept: KeptCount = { count: 0, bytes: 0, oldestAt: undefined };

/**
 * Milliseconds after which a listener that does not read is taken to be gone, by the database's own
 * clock. Events are kept for it until then.
 */
export const listenerMs = 60_000;

/** Positions in line of one block. Gaps between used positions are harmless. */
export const positionsAtOnce = 1024;

/** The changes of one commit. */
export interface Writes extends Pick<Changes, 'jobs' | 'forgotten' | 'settings' | 'annotations'> {
  /** Those of `jobs` that are new. An id that is taken is a conflict, which names it. */
  readonly inserted: readonly Id[];
  readonly buckets: readonly BucketRecord[];
  readonly lanes: LaneWrites;
  /** The events of this commit, for the listeners of all processes. */
  readonly events: readonly Event[];
}

export interface Committed {
  /** The version of the jobs that it wrote. */
  readonly version: string;
  /**
   * The totals of the kept roots, as they were after it; undefined if it changed no job. Commits of
   * others may be missing: see `Database.readAll`.
   */
  readonly kept: Rows['kept'] | undefined;
}

/** `true` if a commit has nothing but proofs of life. */
export const isPing = ({ settings, jobs, forgotten, annotations, buckets, lanes, events }: Writes): boolean =>
  [...settings.values()].every((setting) => setting?.kind === 'ping') &&
  [jobs, forgotten, buckets, lanes.changed, lanes.emptied, events].every(({ length }) => length === 0) &&
  annotations.size === 0;

export interface KnownJob {
  readonly job: JobRecord;
  /** See `Committed`. */
  readonly version: string;
}

/** A put that a user has written within a transaction of their own. */
export interface Posted {
  readonly seq: number;
  /** The runtime that owns the jobs. */
  readonly owner: Id;
  /** As `StoreOwner.posted` reads it. */
  readonly put: Uint8Array;
}

/**
 * A job that a transaction asked for is in a posted put: the store must take the put first, and run
 * the transaction again.
 */
export class PostedError extends Error {}

/** One attempt: reads, and at most one commit. Each call may reject with a `ConnectionError`. */
export interface Transaction {
  /**
   * Reads what the wants name. Rejects with a `ConflictError` if the transaction can no longer
   * succeed. Lanes with gates, and the jobs of others, are locked for this transaction, and those
   * that others have locked are left out (SKIP LOCKED).
   */
  load(wants: readonly Want[]): Promise<Rows>;
  /**
   * Takes jobs as they are known from a commit that wrote them, in place of `load`; all of them are
   * in the `writes`. The commit is a conflict if any of them has changed since or, with `unheard`,
   * if there is a listener.
   */
  assume(jobs: readonly KnownJob[], unheard: boolean): void;
  /**
   * Returns the last commit of a session; undefined before the first. If a lost commit of the
   * session is still under way, it must wait for its end, or keep it from succeeding later.
   */
  lastCommit(session: string): Promise<LastCommit | undefined>;
  /**
   * Takes some of the puts of users' own transactions, in order: its commit removes them. `load`
   * then finds none of them; without this call, it throws a `PostedError` for a job in one of them.
   */
  takePosted?(): Promise<readonly Posted[]>;
  /**
   * Commits everything or nothing, together with `last` as the session's last commit. The records
   * may change as soon as the call has returned its promise: take their bytes before any wait.
   * Rejects with a `ConflictError` if nothing is committed, and with a `ConnectionError` if that is
   * unknown.
   */
  commit(session: string, last: LastCommit, writes: Writes): Promise<Committed>;
  /** Must be called after the last use. Takes back all that is not committed. */
  end(): void;
}

/**
 * The commits of others: nothing but jobs put in line, or the dispatchers that have jobs at hand
 * which were changed.
 */
export type News = 'puts' | ReadonlySet<Id>;

export type Purpose = 'change' | 'proof' | 'look';

export interface Database {
  /**
   * Begins a transaction. It may take its connection at the first use. One for a `look` locks
   * nothing, and is never committed. A `proof` of life waits for no process whose changes were
   * refused too often.
   */
  begin(purpose: Purpose): Transaction;
  /**
   * Calls `wake` when others may have committed anything but proofs of life. A hint: it may come
   * too often, too late or never. Returns the way to end it.
   */
  watch(wake: (news?: News) => void): () => void;
  /** `true` while such hints come, as far as it is known. */
  readonly hears?: boolean;
  /**
   * Reads may pass over rows that came among the first ones of an index, until a hint of their
   * commit comes. From now on they pass over none. Missing: they never do.
   */
  readAll?(): void;
  /** Whether puts of users' own transactions wait. Missing: the database takes none. */
  arePosted?(): Promise<boolean>;
  /** Payloads of more bytes are uploaded before the commands that have them are decided. */
  readonly nearBytes: number;
  /**
   * Keeps a payload for a commit, in which a job has it. It is dropped when no job has it any more,
   * or after a day without one. A second call goes on where the first one failed. Rejects as a
   * transaction does.
   */
  upload(payload: FarPayload, bytes: Uint8Array): Promise<void>;
  /** Drops payloads that no job has. */
  sweepPayloads(): Promise<void>;
  /**
   * Registers a listener to events. A transaction that begins after this finds it by the want
   * `heard`. Does nothing if it is registered.
   */
  addListener(listener: string): Promise<void>;
  /** Takes a listener off, and drops the events that no other listener has to read. */
  removeListener(listener: string): Promise<void>;
  /**
   * Drops the events that all listeners have read, and the listeners that were silent for
   * `listenerMs`. `reader` is not silent, and has read up to `position`.
   */
  sweepEvents(reader?: { readonly listener: string; readonly position: string }): Promise<void>;
  /** The statement of a posted put; see `Store.outbox`. Missing: the database takes none. */
  readonly outbox?: string;
  /** Leaves a posted put alone from now on, because this build cannot read it. */
  leavePosted?(seq: number): void;
  /** Ends the connections of this process. */
  close(): Promise<void>;
}
