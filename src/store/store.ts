/**
 * The port between the coordinator, which chooses when to decide a command, and the store, which
 * keeps the outcome.
 *
 * A store takes commands, decides each with the pure core, keeps the changed records, and releases
 * replies and effects behind their gates, in order. It knows no threads, no clients, and no time
 * but the clock that it is given. All stores pass one conformance suite.
 *
 * A payload belongs to the store that made it. Only that store knows where the bytes are;
 * everything else passes a `Payload` on, or asks the store for its bytes.
 *
 * The store lives in the coordinator's thread, and a user's database connection cannot leave the
 * user's thread. So a put within a user's own SQL transaction goes through an outbox: the user's
 * thread writes the encoded put as a row within the transaction, and the store takes the row and
 * decides the command after the transaction has committed. A refusal therefore comes too late to
 * roll the transaction back: the jobs are stored as failed.
 */
import type { Command, Effect, Gate, Outside } from '../core/commands.js';
import type { Event } from '../core/events.js';
import type { AnnotationRecord, Id, JobRecord, Payload } from '../core/records.js';
import type { Puts } from '../core/state/tallies.js';
import type { SettingsView, View } from '../core/state/view.js';
import type { ClaimRequests } from './claims.js';

export type Put = Extract<Command, { type: 'put' }>;

/** A command, and where its reply goes. */
export interface Asked {
  readonly command: Command;
  /** The gate that holds the reply back. */
  readonly gate: Gate;
  /**
   * Called once, when the gate opens: with an error, or with the ids of the jobs that the put's
   * jobs turned out to be (see `Decided`).
   */
  readonly reply?: ((error: Error | undefined, same?: readonly Id[]) => void) | undefined;
  /** Called if the command is refused and has no `reply`. */
  readonly refused?: ((error: Error, command: Command) => void) | undefined;
}

/** The decisions of others for which clients, jobs and listeners wait here. */
export interface Awaited {
  /** The ids of jobs; some may come twice. */
  readonly outcomes: Iterable<Id>;
  readonly annotations: Iterable<Id>;
  /** `true` if someone listens to events. */
  readonly events: boolean;
}

/** The functions that a store calls. */
export interface StoreOwner {
  /** Receives effects as their gates open. */
  release(effects: readonly Effect[]): void;
  /** Whether a client or the coordinator waits. Other effects cause no sync of their own. */
  awaits(effect: Effect): boolean;
  /**
   * Called when there may be more to do: others may have decided something, answers have asked for
   * more, or a full disk has room again. `settings` is `true` if queues, quotas or agents may have
   * changed; `annotations` are the new ones.
   */
  changed(settings: boolean, annotations: readonly AnnotationRecord[]): void;
  /**
   * Returns the decisions for which anyone waits here. A store that processes share looks for them,
   * since others may have made them.
   */
  awaited(): Awaited;
  /** Called with those of the awaited jobs that others have forgotten. */
  gone(jobs: readonly Id[]): void;
  /**
   * Receives the events of all processes, while the store `hears` them. `isGap`: some before these
   * are lost.
   */
  heard(events: readonly Event[], isGap: boolean): void;
  /**
   * Returns the command of a put that a user has written within a transaction of their own, or
   * `undefined` if this build cannot read it, which is logged.
   */
  posted?(owner: Id, put: Uint8Array): Put | undefined;
  /** `false` for a callable whose jobs cannot run here. Missing: all can. */
  knows?(callable: string): boolean;
  /** Called while the store opens, if it had to repair what the last process left. */
  repaired(message: string, detail: string): void;
  /** Called when the store has failed, after all waiting replies have received the error. */
  fatal(error: Error): void;
}

/** The outside world of a store: a clock instead of a time, and bytes instead of payloads. */
export interface StoreOutside extends Omit<Outside, 'now' | 'failure'> {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Encodes an error of callsheet's own as a failure. */
  failure(error: Error): Uint8Array;
}

/**
 * The outside world of decisions, as it was at the last `look`. A store has one: an object for each
 * command would cost as much as a part of the decision.
 */
export class OutsideNow implements Outside {
  now = 0;
  listening = false;
  holding = false;
  readonly dispatcher: Id;
  readonly random: () => number;
  readonly failure: (error: Error) => Payload;
  readonly #outside: StoreOutside;

  constructor(outside: StoreOutside, payload: Store['payload']) {
    this.#outside = outside;
    this.dispatcher = outside.dispatcher;
    this.random = outside.random;
    this.failure = (error) => payload(outside.failure(error));
  }

  look(): this {
    this.now = this.#outside.now();
    this.listening = this.#outside.listening;
    this.holding = this.#outside.holding;
    return this;
  }
}

/** Records, and the bytes of their payloads. Both may be read during a look only. */
export interface Records {
  readonly view: View;
  /**
   * Returns the bytes of a payload that this store made or read. Throws `JournalCorruptError` if
   * they are damaged; after any other error the store has failed.
   */
  bytes(payload: Payload): Uint8Array;
}

/** Receives what a look returned, or the error that it threw. */
export type Tell<T> = (error: Error | undefined, seen?: T) => void;

/**
 * The records that every process has at hand: all settings, and the jobs that agents of this
 * dispatcher have claimed, or whose callbacks run in their places.
 */
export type Local = SettingsView & Pick<View, 'jobOfAgent' | 'running' | 'calledBack' | 'restingCallbacks'>;

export interface StoreFigures {
  /** Number of group commits written. */
  readonly frames: number;
  readonly syncs: number;
  readonly bytesWritten: number;
  /** Number of snapshots published. */
  readonly snapshots: number;
  /** The size of the journal on the disk. */
  readonly diskBytes: number;
  /** The bytes that are free on its file system; `undefined` for no disk, or if it does not say. */
  readonly freeBytes: number | undefined;
  /** Milliseconds of the last sync, and of the longest one since open. */
  readonly lastSyncMs: number;
  readonly longestSyncMs: number;
  /** Milliseconds of the last snapshot, beside other work, and of the longest one since open. */
  readonly lastSnapshotMs: number;
  readonly longestSnapshotMs: number;
}

/** The figures of a store that does not write to a disk. */
export const noFigures: StoreFigures = {
  ...{ frames: 0, syncs: 0, bytesWritten: 0, snapshots: 0, diskBytes: 0, lastSyncMs: 0, longestSyncMs: 0 },
  ...{ lastSnapshotMs: 0, longestSnapshotMs: 0 },
  freeBytes: undefined,
};

export interface Store {
  /** `true` if no other process can have the store open. */
  readonly isExclusive: boolean;
  /** `true` if other processes decide on the same records. */
  readonly isShared: boolean;
  readonly figures: StoreFigures;
  /** `true` while a commit is on its way to the disk: what takes time now delays its replies. */
  readonly isSyncing: boolean;
  /**
   * `false` on a full disk while little of its reserve is left. No job may begin then, because
   * running jobs need that room to settle.
   */
  readonly takesWork: boolean;
  open(owner: StoreOwner): Promise<void>;
  /** Decides a command. The next `commit` keeps and releases it. */
  transact(asked: Asked): void;
  /**
   * Claims the jobs that the requests ask for, in the order of the contract; see `claimAll`. Each
   * claim is a decision like any other: the next `commit` keeps it, and an effect `run` releases
   * it. An exclusive store has decided the claims when `claim` returns. Others decide them with the
   * next commit, on records as they are then; a later call takes the place of this one. `most` jobs
   * in line may have room on threads; undefined if that is not known.
   */
  claim(requests: ClaimRequests, most?: number): void;
  /** Ends the turn: keeps everything decided since the last commit as one group. */
  commit(): void;
  /**
   * `true` while it tells the events of all processes by `heard`, those of its own decisions among
   * them. Those effects are not for listeners then.
   */
  readonly hears: boolean;
  readonly local: Local;
  /** The time at which the next `tick` has something to do; `undefined` for none that is known. */
  readonly nextTimer: number | undefined;
  /** Returns the jobs that were put here since the last call; see `Tallies`. */
  takePuts(): readonly Puts[];
  /**
   * Calls `look` on records, which then hold all that was decided here before the call. Calls
   * `tell` with its result or error: behind the gate `synced` once that is as durable as level
   * `full` demands, behind `decided` as soon as it is known.
   *
   * A look must be pure in the records that it is given: a store that has only some of them at hand
   * calls it again with those that it lacked. An exclusive store calls `look`, and `tell` behind
   * `decided`, before `read` returns.
   */
  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate?: 'decided' | 'synced'): void;
  /**
   * Passes all records, for a question that by nature walks over many jobs: a list, a count by a
   * filter, an explanation. In an exclusive store they go on changing during the walk. Other stores
   * pass a copy of that moment, which costs as much as it holds: nothing that belongs to the work
   * itself may use it.
   */
  survey(tell: Tell<Records>): void;
  /**
   * Notes the verdicts of filter functions on a job in line that a look returned, until it leaves
   * its line. They are no decision, so they are neither stored nor undone; see `Lane.verdicts`.
   */
  judge(job: JobRecord, verdicts: string): void;
  /**
   * The SQL that writes a put within a user's own transaction; `undefined` if that is not possible.
   * Its values are the ids of the jobs as UUIDs with commas between them, the UUID of their owner,
   * and the bytes of the put.
   */
  readonly outbox?: string | undefined;
  /** A put is being written with `outbox`. For a minute, its commit is looked for each second. */
  posting?(): void;
  /** Makes a payload for this store's commands. Needs no `this`, so it can be passed on. */
  readonly payload: (bytes: Uint8Array) => Payload;
  /** Rejects with the error of the store if it has failed. */
  close(): Promise<void>;
  /**
   * Fails at once: what waits for the database is rejected, and may be committed all the same. Only
   * a store whose database may be away has it.
   */
  giveUp?(afterMs: number): void;
}
