/**
 * The port between the coordinator and the threads that run jobs. Behind it is Piscina's pool
 * (`pool.ts`) or, in tests, a pool without threads.
 *
 * Every run passed to the pool comes back exactly once: settled, timed out, not begun or
 * interrupted.
 */

import type { HandedBuffer } from '../../codec/transfer.js';
import type { Id, LogThreshold } from '../../core/records.js';
import type { RunReport } from '../../protocol/board.js';
import type { EncodedOutcome } from '../../protocol/completed-list.js';
import type { WireInnerPut } from '../../protocol/dispatch.js';
import type { Query, WireModule } from '../../protocol/messages.js';
import type { RunSpan } from '../../protocol/run-span.js';
import type { ThreadUsage } from '../../protocol/status.js';
import type { Tell } from '../../store/store.js';

/** A claimed job on its way through the pool. */
export interface Run {
  readonly job: Id;
  readonly fence: number;
  /** See `WireRun`. */
  readonly parent: Id;
  readonly isPart: boolean;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  /** The key of the agent that claimed the job. */
  readonly agent: string;
  /**
   * `true` for a callback: it runs in the place of its job, so the size of the agent does not limit
   * it.
   */
  readonly free: boolean;
  /** The expected time by the estimate of its callable; `Infinity` if unknown. */
  readonly expectedMs: number;
  /** The time limit of the run; 0 for none. */
  readonly timeoutMs: number;
  /** See `WireRun`. */
  readonly log: LogThreshold | '';
  readonly args: Uint8Array | null;
  /** The argument after its own ones; see `WireRun`. */
  readonly fed: EncodedOutcome | null;
  /** The thread that it was passed to last; 0 for none, -1 if it was withdrawn before. */
  thread: number;
}

export interface PoolOwner {
  /** The run ended. `stored` is called when the outcome is as durable as the job asks. */
  settled(run: Run, report: RunReport, stored?: () => void): void;
  /**
   * The run exceeded its time limit, which is its outcome however it ended. `isEnded`: it ended
   * with its thread.
   */
  timedOut(run: Run, isEnded?: boolean): void;
  notBegun(run: Run): void;
  /**
   * The run was begun, and its thread is gone. `error`: the cause, if the thread ended by itself.
   */
  interrupted(run: Run, error?: Error): void;
  /** The run has been going on for a while. */
  running(run: Run): void;
  /** One of the calls above was made, so threads may have room. */
  turn(): void;
  /** A thread ended by itself, with the run that it was at. */
  threadDied(error: Error, run?: Run): void;
  /** These runs have ended in a thread without a tracer. */
  traced(runs: readonly RunSpan[]): void;
  /** A job logged a line; `job` is empty for a line of its thread. */
  log(callable: string, line: string, job: Id): void;
  /** A running job sets or deletes an annotation of a job. */
  annotate(job: Id, name: string, value: Uint8Array | null): void;
  ask(query: Query, then: Tell<unknown>): void;
  /** A running job (`by`; empty for none) waits for an annotation. */
  waitForAnnotation(by: Id, job: Id, name: string, timeoutMs: number, then: (value: Uint8Array | null) => void): void;
  /** A running job puts another at once. `then` is called when the put is stored or refused. */
  putNow(by: Id, put: WireInnerPut, then: (error: Error | undefined, same: readonly Id[] | null) => void): void;
  /** Returns the uncopied buffers of a job that begins. They then belong to the caller. */
  handOver(job: Id): readonly HandedBuffer[];
  waitForOutcome(by: Id, job: Id, then: (error: Error | undefined, outcome?: EncodedOutcome) => void): void;
}

export interface RunningRun {
  readonly thread: number;
  readonly run: Run;
}

export interface ThreadLoad {
  readonly thread: number;
  /** 0: idle. 1: room for a batch ahead. 2: full. */
  readonly batches: number;
  /** The agents with jobs there, each once. */
  readonly agents: readonly string[];
}

export interface PoolPort {
  /** Threads while no job waits for another. */
  readonly size: number;
  /** The most threads, while jobs wait for others. */
  readonly mostThreads: number;
  /** Sets the exports of each registered module, for jobs that put others. */
  introduce(modules: Readonly<Record<string, WireModule>>): void;
  loads(): readonly ThreadLoad[];
  /** Passes a batch to a thread. Returns `false` and does nothing if the thread is gone. */
  start(thread: number, runs: readonly Run[]): boolean;
  /**
   * Settles the outcomes that wait for others, because a turn commits anyway. A pool without such
   * outcomes leaves it out.
   */
  settleWaiting?(): void;
  /**
   * Stops a job. It is taken back if it has not begun; otherwise it is asked to stop, and its
   * thread is ended after the grace.
   */
  stop(job: Id): void;
  stopAll(): void;
  /** Lets no run begin from this moment of the monotonic clock on. */
  beginUntil(moment: number): void;
  /**
   * Lets threads trace runs of jobs that carry no trace, too. A pool without threads leaves it out.
   */
  traceRuns?(isOn: boolean): void;
  /** The load of each thread. A pool without threads leaves it out. */
  usage?(): readonly ThreadUsage[];
  /**
   * Takes back a job that is on a thread and has not begun; it comes back as not begun. Returns
   * `true` if there was one.
   */
  takeBack(job: Id): boolean;
  /** The thread that runs the job; `undefined` if it has not begun or is over. */
  threadOf(job: Id): number | undefined;
  /** The runs that threads have begun. */
  running(): readonly RunningRun[];
  /** Runs that are on threads. */
  readonly out: number;
  /** Tells the owner of all runs that have begun or ended, without waiting for the next look. */
  tellRunning(): void;
  /**
   * Takes back runs that busy threads have not begun, for an idle thread, if that is worth it.
   * `canMove` decides about a run; `isLast` is `true` if the run's thread has nothing else of the
   * same agent. Returns `true` if it took any.
   */
  share(canMove: (run: Run, isLast: boolean) => boolean): boolean;
  clear(thread: number): void;
  /** Starts one more thread, unless one is starting or `mostThreads` is reached. */
  grow(): void;
  takeBackAll(): void;
  /**
   * Ends all threads, whatever they do. Resolves with the ids of threads that did not end in time
   * because they are stuck in a system call.
   */
  destroy(): Promise<number[]>;
}
