/**
 * The port between what decides when to do something (the coordinator) and what remembers it.
 *
 * A store takes commands, decides each with the pure core, keeps what changed, and releases replies
 * and effects behind their gates, in order. It knows nothing of threads, clients or time beyond the
 * clock it is given. All stores pass one conformance suite.
 *
 * A payload belongs to the store that made it. Only that store knows where the bytes are; everything
 * else passes a `Payload` on, or asks the store for its bytes.
 *
 * A put within a user's own SQL transaction is no part of this port. The store lives in the
 * coordinator's thread, and a user's database connection cannot leave the user's thread. Such a put
 * must be an outbox: the user's thread writes the encoded command as a row within the transaction,
 * and the store takes the row and decides the command after the transaction has committed. A refusal
 * therefore comes too late to roll the transaction back.
 */
import type { Command, Effect, Gate, Outside } from '../core/commands.js';
import type { AnnotationRecord, Id, Payload } from '../core/records.js';
import type { State } from '../core/state/state.js';

/** A command and who waits for it. */
export interface Asked {
  readonly command: Command;
  /** Behind which gate the reply is released. */
  readonly gate: Gate;
  /**
   * Called once, when the gate is open: with an error, or with what a put's jobs turned out to be
   * (see `Decided`).
   */
  readonly reply?: (error: Error | undefined, same?: readonly Id[]) => void;
  /** Called where there is no reply, if the command is refused. */
  readonly refused?: (error: Error, command: Command) => void;
}

/** What a store calls. */
export interface StoreOwner {
  /** These effects' gates are open. */
  release(effects: readonly Effect[]): void;
  /** Whether anybody waits for it. What nobody waits for need not be synced for its own sake. */
  awaits(effect: Effect): boolean;
  /**
   * There may be more to claim: what other processes decided is in the state now, these are not as
   * they were, or there is room again.
   */
  changed(settings: boolean, annotations: readonly AnnotationRecord[]): void;
  /** The store can go on no longer; whatever waited has been told. */
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
 * The outside world of a decision that is made now. Lists each member, since it runs once a command
 * and spreading is slower.
 */
export function outsideNow(outside: StoreOutside, payload: Store['payload']): Outside {
  const { listening, dispatcher, random } = outside;
  return { now: outside.now(), listening, dispatcher, random, failure: (error) => payload(outside.failure(error)) };
}

export interface StoreFigures {
  /** Group commits written. */
  readonly frames: number;
  readonly syncs: number;
  readonly bytesWritten: number;
  /** Snapshots published. */
  readonly snapshots: number;
}

export interface Store {
  /** No other process can have it open. */
  readonly isExclusive: boolean;
  /**
   * What is decided so far, for reading. A reader who tells others of it does so through `read`.
   * Where other processes decide too, it is what they were last heard to have decided, and what was
   * decided here is a forecast until it is committed.
   */
  readonly state: State;
  readonly figures: StoreFigures;
  /**
   * False on a full disk with little room kept for it: nothing more is to begin, since that room is
   * for what runs already.
   */
  readonly takesWork: boolean;
  open(owner: StoreOwner): Promise<void>;
  /**
   * Decides these commands, each atomic on its own. They are kept, and released, with the next
   * `commit`.
   */
  transact(asked: readonly Asked[]): void;
  /** The turn is over: keeps what was decided since the last commit as one group. */
  commit(): void;
  /**
   * Looks at the state, and tells what was seen, or thrown, when that is as safe as `full` asks.
   * Seen is all that was decided by now, here or by others.
   */
  read<T>(look: () => T, tell: (error: Error | undefined, seen?: T) => void): void;
  /**
   * Makes bytes into a payload that commands for this store may carry. Needs no `this`, so that it
   * can be passed on.
   */
  readonly payload: (bytes: Uint8Array) => Payload;
  /**
   * Returns the bytes of a payload that this store made or read. Throws `JournalCorruptError` if
   * they are damaged; after any other error the store has failed.
   *
   * Synchronous, because the coordinator reads arguments and outcomes within a turn. The journal
   * reads them from a local file. A store over a network has no such file: it must hold in memory
   * the bytes of every payload in its `state`, so its memory grows with these payloads.
   */
  bytes(payload: Payload): Uint8Array;
  close(): Promise<void>;
}
