/** The messages between the coordinator and its worker threads, beside the board. */
import type { MessagePort } from 'node:worker_threads';
import type { Id, LogThreshold } from '../core/records.js';
import type { RunReport } from './board.js';
import type { EncodedOutcome } from './completed-list.js';
import type { ModuleLog } from './log-levels.js';
import type { Query, WireError, WireInnerCommand, WireModule } from './messages.js';
import type { Answer, Question } from './questions.js';
import type { RunSpan } from './run-span.js';

/** A claimed job, as a worker receives it (`run-batch.ts`). */
export interface WireRun {
  readonly slot: number;
  /** The word with which the worker begins it; see `Board.begin`. */
  readonly word: number;
  readonly id: Id;
  /** The whole of a part, the map of an item, or the job of a callback; empty for a root. */
  readonly parent: Id;
  /** `true` for a part, or an item of a map. */
  readonly isPart: boolean;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  readonly agent: string;
  readonly args: Uint8Array | null;
  /**
   * The argument after its own ones: the completed parts for a postprocess, the outcome for a
   * callback.
   */
  readonly fed: EncodedOutcome | null;
  /** `true` if the job has a time limit, so that its start must be reported. */
  readonly timed: boolean;
  /** The job's own level of logged lines; empty if it has none. */
  readonly log: LogThreshold | '';
}

export type WorkerTask =
  /** Import the module and return its description. */
  | { readonly type: 'describe'; readonly module: string }
  /** Run these jobs, one after another. The first batch of a thread brings its link. */
  | { readonly type: 'run'; readonly batch: Uint8Array; readonly link?: ThreadLink };

export interface ThreadLink {
  readonly board: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly modules: Readonly<Record<string, WireModule>>;
}

/** The messages of a worker over its port, in order. */
export type ThreadMessage =
  /**
   * A report that has no room on the board, or one with a `request`, answered when the outcome is
   * stored.
   */
  | ['report', RunReport, request: number]
  | ['began', slot: number]
  /** The job called `process.exit`. The last message of its thread. */
  | ['exits', code: number, stack: string]
  /** Runs that ended here. Sent only if they are traced, and this thread has no tracer. */
  | ['traced', readonly RunSpan[]]
  /** A line that a job of this callable logged, as pino writes it. The thread's own have no job. */
  | ['log', callable: string, line: string, job: Id]
  /** The memory and the CPU time of the thread, between two jobs. */
  | ['load', ThreadLoad]
  | ['annotate', job: Id, name: string, value: Uint8Array | null]
  | ['ask', request: number, query: Query]
  /** Answered with the annotation once it exists, or with null after `timeoutMs`. */
  | ['annotation', request: number, job: Id, name: string, timeoutMs: number]
  /**
   * A put that the running job `by` makes at once. Answered when it is stored: with null, or with
   * the ids of the live jobs that `unique` keys found.
   */
  | ['put', request: number, by: Id, put: WireInnerPut]
  /** The uncopied buffers of this job. Answered with their list, which is then the thread's. */
  | ['buffers', request: number, job: Id]
  /** Answered with the job's `EncodedOutcome` when its call is over. */
  | ['outcome of', request: number, job: Id];

export type WireInnerPut = WireInnerCommand & { readonly type: 'put' };

/** The messages of the coordinator to a worker over its port. */
export type ToThread =
  | ['answer', request: number, value: unknown]
  | ['error', request: number, error: WireError]
  | ['stop', slot: number];

/** A message to a question thread, which answers each before it gets the next. */
export type ToQuestionThread = Question;

/** The messages of a question thread: its function is imported and now called; its answer. */
export type FromQuestionThread = ['began'] | ['answer', Answer];

export interface WorkerSetup {
  readonly modules: Readonly<Record<string, ModuleSetup>>;
  /** The limits after which the thread is replaced, between two jobs. Default: none. */
  readonly recycle?: Recycling;
  /** The lowest level that jobs log; see `ModuleSetup`. */
  readonly log: LogThreshold;
  readonly payloadLimitBytes: number;
  /** The dispatcher whose jobs the thread runs. */
  readonly dispatcher: Id;
}

/** The load of a thread, as it sees itself. */
export interface ThreadLoad {
  /** Bytes of its JavaScript heap, with garbage. */
  readonly heapBytes: number;
  /** Bytes outside of that heap: Buffers, typed arrays. */
  readonly externalBytes: number;
  /** CPU time since its start in milliseconds; `undefined` where Node does not say. */
  readonly cpuMs: number | undefined;
}

/** The thread is replaced after this many jobs, or above this heap size, whichever comes first. */
export interface Recycling {
  readonly afterJobs?: number;
  readonly aboveHeapMb?: number;
}

/** The default limit for importing a module. */
export const defaultImportMs = 30_000;

/** A registered module: its place, and its functions that run around each job. */
export interface ModuleSetup {
  readonly url: string;
  /** Milliseconds that its import may take; `defaultImportMs` by default. */
  readonly importMs?: number;
  readonly setUp?: string;
  readonly tearDown?: string;
  /**
   * The lowest level of logged lines about its jobs; default: the level of the runtime's logger.
   */
  readonly log?: ModuleLog;
}

/** The names that a module exports, or the encoded failure of its import. */
export type ModuleDescription =
  | { readonly functions: string[]; readonly others: string[] }
  | { readonly failure: Uint8Array };
