/**
 * The port between what decides when to do something (the coordinator) and what remembers it.
 *
 * A store takes commands, decides each with the pure core, keeps what changed, and releases replies
 * and effects behind their gates, in order. It knows nothing of threads, clients or time beyond the
 * clock it is given. All stores pass one conformance suite.
 */
import type { Command, Effect, Gate, Outside } from '../core/commands.js';
import type { AnnotationRecord, Id } from '../core/records.js';
import type { State } from '../core/state/state.js';
import type { StoredPayload } from './journal/stored-payload.js';

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

/** What decisions are handed from outside; the time is the store's clock. */
export type StoreOutside = Omit<Outside, 'now'> & { now(): number };

/** What a decision is handed that is made now. Written out: it is made for every command. */
export function outsideNow(outside: StoreOutside): Outside {
  const { listening, dispatcher, random, failure } = outside;
  return { now: outside.now(), listening, dispatcher, random, failure };
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
   * The bytes of a payload, wherever they are. Throws `JournalCorruptError` if they are damaged;
   * any other error is the store's end.
   */
  bytes(payload: StoredPayload): Uint8Array;
  close(): Promise<void>;
}
