/**
 * The port between the coordinator and what runs jobs. Behind it is Piscina's pool (`pool.ts`), or,
 * in tests, none.
 *
 * Every run that is handed over comes back exactly once: settled, not begun, or interrupted.
 */

import type { HandedBuffer } from '../../codec/transfer.js';
import type { Id } from '../../core/records.js';
import type { RunReport } from '../../protocol/board.js';
import type { EncodedOutcome } from '../../protocol/completed-list.js';
import type { WireInnerPut } from '../../protocol/dispatch.js';
import type { Query, WireModule } from '../../protocol/messages.js';

/** A claimed job on its way through the pool. */
export interface Run {
  readonly job: Id;
  readonly fence: number;
  /** The whole that it is a part of; empty for none. */
  readonly parent: Id;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  /** The key of the agent that claimed it. */
  readonly agent: string;
  /** A callback runs in the place that its job has: no agent's size keeps it back. */
  readonly free: boolean;
  /** How long it will take by what its callable took before; Infinity where that is not known. */
  readonly expectedMs: number;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly args: Uint8Array | null;
  /** What comes after its own arguments. */
  readonly fed: EncodedOutcome | null;
}

/** What the pool tells the coordinator. */
export interface PoolOwner {
  /** `stored` is called when the outcome is as safe as the job asks. */
  settled(run: Run, report: RunReport, stored?: () => void): void;
  /** It ran too long; whatever became of it, that is its outcome. */
  timedOut(run: Run): void;
  /** It was never begun, and will not be. */
  notBegun(run: Run): void;
  /** It was begun, and its thread is gone; by this error, where the thread ended by itself. */
  interrupted(run: Run, error?: Error): void;
  /** It has been running for a while. */
  running(run: Run): void;
  /** Something of the above was said; there may be room now. */
  turn(): void;
  /** A thread ended that had not been asked to, and with it the job that it was at. */
  threadDied(error: Error, run?: Run): void;
  /** A job wrote a line to its logger. */
  log(callable: string, line: string): void;
  /** A running job says something about a job. */
  annotate(job: Id, name: string, value: Uint8Array | null): void;
  /** A running job asks. */
  ask(query: Query): unknown;
  /** A running job (`by`; empty for none) waits for an annotation. */
  waitForAnnotation(by: Id, job: Id, name: string, timeoutMs: number, then: (value: Uint8Array | null) => void): void;
  /** A running job puts another at once. Calls back when it is stored, or refused. */
  putNow(by: Id, put: WireInnerPut, then: (error: Error | undefined, same: readonly Id[] | null) => void): void;
  /** A job begins that is given buffers as they are: they are its own from here on. */
  handOver(job: Id): readonly HandedBuffer[];
  /** A running job (`by`; empty for none) waits for another. */
  waitForOutcome(by: Id, job: Id, then: (error: Error | undefined, outcome?: EncodedOutcome) => void): void;
}

/** What one thread has at this moment. */
export interface ThreadLoad {
  readonly thread: number;
  /** 0 is idle, 1 has room for a batch ahead. */
  readonly batches: number;
  /** The agents whose jobs it has. */
  readonly agents: ReadonlySet<string>;
}

export interface PoolPort {
  /** How many threads run jobs, where none waits for another. */
  readonly size: number;
  /** How many threads there can be while jobs wait for others. */
  readonly mostThreads: number;
  /** What each registered module exports; jobs may put others. */
  introduce(modules: Readonly<Record<string, WireModule>>): void;
  loads(): readonly ThreadLoad[];
  /** Hands a batch to a thread. False: the thread is gone, and nothing has happened. */
  start(thread: number, runs: readonly Run[]): boolean;
  /**
   * The job is to stop: taken back if it has not begun, told if it has, ended with its thread after
   * the grace.
   */
  stop(job: Id): void;
  /** All that it has is to stop. */
  stopAll(): void;
  /** True if the job was with a thread and had not begun; it has come back as not begun. */
  takeBack(job: Id): boolean;
  /** The thread that runs the job; undefined: it has not begun, or is over. */
  threadOf(job: Id): number | undefined;
  /** How many runs are out. */
  readonly out: number;
  /**
   * A thread has nothing to do: takes back what others have not begun, if that can move there and
   * is worth it. Told of a run is whether its thread has nothing else of its agent's.
   */
  share(canMove: (run: Run, isLast: boolean) => boolean): void;
  /** Takes back all that this thread has not begun. */
  clear(thread: number): void;
  /** Starts one more thread, unless one is being started or there are as many as there can be. */
  grow(): void;
  /** Takes back all that was not begun. */
  takeBackAll(): void;
  /**
   * Ends all threads, whatever they do. Gives the ids of those that did not end in time, stuck in a
   * system call.
   */
  destroy(): Promise<number[]>;
}
