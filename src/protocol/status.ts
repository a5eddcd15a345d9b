/** The state of a runtime, its queues and its running jobs, as plain data. Times are ISO texts. */
import type { AgentFilter, JobStatus } from '../core/records.js';
import type { Progress } from './progress.js';

/** A job whose function runs now. */
export interface RunningJob {
  /** A UUID. */
  readonly id: string;
  readonly callable: string;
  readonly queue: string;
  readonly agent: string;
  /** The id of the dispatcher that runs it. */
  readonly dispatcher: string;
  /** Its thread; `undefined` if another process runs it. */
  readonly thread: number | undefined;
  readonly attempt: number;
  /** The start of this run; `undefined` for a few milliseconds, until it is recorded. */
  readonly started: string | undefined;
  readonly ranMs: number | undefined;
  /** The usual time of its callable in this process; `undefined` if none has run. */
  readonly expectedMs: number | undefined;
  /** The longest time that it may run; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** `true` if it was asked to stop. */
  readonly cancelled: boolean;
  /** The jobs that it waits for inside. */
  readonly awaits: readonly string[];
  /** The last progress that it reported. */
  readonly progress: Progress | undefined;
}

export interface WireRunningJob extends Omit<RunningJob, 'progress'> {
  /** The annotation, encoded. */
  readonly progress: Uint8Array | undefined;
}

/** An agent of a queue, and the jobs in its places. */
export interface AgentStatus {
  readonly name: string;
  readonly dispatcher: string;
  readonly size: number;
  /** Its jobs: claimed, running, or in their callbacks. */
  readonly used: number;
  readonly filter: AgentFilter | null;
  /** The problem with its functions; `undefined` for none. */
  readonly problem: string | undefined;
}

/** A quota of a queue. */
export interface QuotaStatus {
  readonly name: string;
  /** The limit of each key. */
  readonly size: number;
  /** The most starts in a period; `undefined` for no limit. */
  readonly rate: { readonly count: number; readonly periodMs: number } | undefined;
  /** The number of keys with a place taken; a job without a key counts as one. */
  readonly keys: number;
  /** The places that are taken, of all keys. */
  readonly places: number;
}

/** A queue at one moment. */
export interface QueueStatus {
  readonly name: string;
  /** Jobs in line, also those that a quota holds back. */
  readonly length: number;
  /** Roots that wait for a date. */
  readonly later: number;
  /** Running jobs, and callbacks that are not done. */
  readonly running: number;
  /** Roots that are not completed. */
  readonly unfinished: number;
  readonly paused: boolean;
  readonly pausedSince: string | undefined;
  /** The length at which puts wait; `undefined` for none. */
  readonly bound: number | undefined;
  readonly putsWaiting: number;
  /** How long the job in line that could begin first has waited; `undefined` if none is in line. */
  readonly oldestMs: number | undefined;
  readonly agents: readonly AgentStatus[];
  readonly quotas: readonly QuotaStatus[];
}

/** Queues at about one moment. */
export interface QueuesPage {
  readonly items: readonly QueueStatus[];
  /** The number of queues that fit, beyond those of the answer. */
  readonly others: number;
  readonly asOf: string;
  /** `false` if jobs changed meanwhile. */
  readonly exact: boolean;
}

/** Runs of a thread that followed one another with gaps of at most 50 ms. */
export interface ThreadSpan {
  readonly from: string;
  readonly to: string;
  /** The time within it in which a job ran. */
  readonly busyMs: number;
  /** The callable of its runs; `*` for several that took less than 100 ms together. */
  readonly callable: string;
  /** The number of runs, and the id of the job of the last one. */
  readonly count: number;
  readonly job: string;
}

/** The work of a thread in the last minutes. */
export interface ThreadWork {
  readonly thread: number;
  /** Oldest first; at most the last 600. Without the job that runs now. */
  readonly spans: readonly ThreadSpan[];
}

/** A thread that ended on its own and was replaced, with the job at which it was. */
export interface EndedThread {
  readonly thread: number | undefined;
  readonly at: string;
  /** The name and the message of the error. */
  readonly error: string;
  readonly message: string;
  readonly job: string | undefined;
  readonly callable: string | undefined;
  readonly attempt: number | undefined;
}

/** The load of a thread, as far as Node knows it. Cumulative times count from its start. */
export interface ThreadUsage {
  readonly thread: number;
  /** Milliseconds in which its event loop worked, and waited. A job that waits leaves it idle. */
  readonly activeMs: number;
  readonly idleMs: number;
  /**
   * Bytes of its JavaScript heap with garbage, and of memory outside of it (Buffers, typed arrays),
   * at the end of a job, once a second at most. `undefined` before the end of its first job.
   */
  readonly heapBytes: number | undefined;
  readonly externalBytes: number | undefined;
  /** CPU time in milliseconds, as of then; `undefined` before Node 23.9, which does not say. */
  readonly cpuMs: number | undefined;
}

/** The threads of the process that runs the jobs. */
export interface ThreadsReport {
  readonly threads: readonly ThreadWork[];
  /** Of the threads that exist now. */
  readonly usage: readonly ThreadUsage[];
  /**
   * The time that a run of each callable is expected to take, from its last runs in this process,
   * in milliseconds; at most 1,000 callables.
   */
  readonly expected: readonly { readonly callable: string; readonly ms: number }[];
  /** The last 50, oldest first. */
  readonly ended: readonly EndedThread[];
  readonly asOf: string;
}

/** A runtime at one moment. */
export interface RuntimeStatus {
  readonly id: string;
  /** `inactive`: it runs no jobs now, as a client never does. */
  readonly state: 'running' | 'inactive' | 'closing';
  readonly opened: string;
  readonly asOf: string;
  readonly pid: number;
  readonly host: string;
  /** The versions of callsheet and of Node. */
  readonly versions: { readonly callsheet: string; readonly node: string };
  /** The number of clients in other processes. */
  readonly clients: number;
  readonly queues: number;
  readonly dispatchers: { readonly active: number; readonly inactive: number };
  /** Remembered jobs by status. */
  readonly jobs: Readonly<Record<JobStatus, number>>;
  readonly threads: {
    /** Threads while no job waits for another, and the most. */
    readonly size: number;
    readonly most: number;
    /** Jobs that threads run now. */
    readonly running: number;
    /** Jobs that are claimed for threads, running ones included. */
    readonly claimed: number;
  };
  /** The coordinator's turns of the last minute or two. Other clients wait for the longest one. */
  readonly turns: { readonly count: number; readonly meanMs: number; readonly longestMs: number };
  readonly store: {
    /** `false` while the disk is full: no job begins. */
    readonly takesWork: boolean;
    /** Since open: group commits, syncs, bytes, snapshots. */
    readonly frames: number;
    readonly syncs: number;
    readonly bytesWritten: number;
    readonly snapshots: number;
    /** The size of the journal on the disk. */
    readonly diskBytes: number;
    /** Bytes that are free on its file system; `undefined` without a disk. */
    readonly freeBytes: number | undefined;
    /** The last sync, and the longest since open. */
    readonly lastSyncMs: number;
    readonly longestSyncMs: number;
    /** The last snapshot, which is taken beside other work, and the longest since open. */
    readonly lastSnapshotMs: number;
    readonly longestSnapshotMs: number;
  };
  /** The time that this answer took, both ways. */
  readonly answerMs: number;
}

export type StatusQuery =
  | { readonly type: 'active' }
  | { readonly type: 'queueStatus'; readonly queue: string | readonly string[] | undefined; readonly limit: number }
  /** The work of threads since this time, in milliseconds since the epoch. */
  | { readonly type: 'threads'; readonly since: number }
  | { readonly type: 'status' };
