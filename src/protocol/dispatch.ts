/**
 * What the coordinator and its worker threads say to each other, beside what stands on the board.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Id } from '../core/records.js';
import type { RunReport } from './board.js';
import type { EncodedOutcome } from './completed-list.js';
import type { LogThreshold, Query, WireError, WireInnerCommand, WireModule } from './messages.js';
import type { Answer, Question } from './questions.js';

/** A claimed job, as a worker gets it (`run-batch.ts`). */
export interface WireRun {
  readonly slot: number;
  /** The word to begin it with; see `Board.begin`. */
  readonly word: number;
  readonly id: Id;
  /** The whole that it is a part of; empty for none. */
  readonly parent: Id;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  readonly agent: string;
  readonly args: Uint8Array | null;
  /**
   * What comes after its own arguments: the completed parts for a postprocess, the outcome for a
   * callback.
   */
  readonly fed: EncodedOutcome | null;
  /** Its start is told, since it may not run longer than so long. */
  readonly timed: boolean;
}

/** The task that a Piscina thread is given. */
export type WorkerTask =
  /** Import the module, and say what it exports. */
  | { readonly type: 'describe'; readonly module: string }
  /**
   * Run these jobs, one after another. The first batch of a thread brings what it shares with the
   * coordinator.
   */
  | { readonly type: 'run'; readonly batch: Uint8Array; readonly link?: ThreadLink };

export interface ThreadLink {
  readonly board: SharedArrayBuffer;
  readonly port: MessagePort;
  /** What each registered module exports: a job may put others. */
  readonly modules: Readonly<Record<string, WireModule>>;
}

/** What a worker says over its port, in order. */
export type ThreadMessage =
  /**
   * An outcome that has no room on the board; or one whose job wants to know when it is stored, as
   * the answer to this request.
   */
  | ['report', RunReport, request: number]
  /** A timed job has begun. */
  | ['began', slot: number]
  /** `process.exit` was called here: the last that it says. */
  | ['exits', code: number, stack: string]
  /** A job of this callable wrote to its logger: a line of pino's. */
  | ['log', callable: string, line: string]
  | ['annotate', job: Id, name: string, value: Uint8Array | null]
  | ['ask', request: number, query: Query]
  /** Answered when the annotation is there, or with null after so long. */
  | ['annotation', request: number, job: Id, name: string, timeoutMs: number]
  /**
   * Put by this running job, at once. Answered when it is stored: with null, or with the ids that
   * unique keys made of its jobs.
   */
  | ['put', request: number, by: Id, put: WireInnerPut]
  /**
   * The buffers that this job is given as they are; answered with their list, which is the thread's
   * from then on.
   */
  | ['buffers', request: number, job: Id]
  /** Answered with an `EncodedOutcome` when the job's call is over. */
  | ['outcome of', request: number, job: Id];

/** What a running job puts. */
export type WireInnerPut = WireInnerCommand & { readonly type: 'put' };

/** What the coordinator says to a worker over its port. */
export type ToThread =
  | ['answer', request: number, value: unknown]
  | ['error', request: number, error: WireError]
  /** The job in this slot is to stop. */
  | ['stop', slot: number];

/** What the coordinator says to a thread of questions, which answers before it is asked again. */
export type ToQuestionThread = Question;

/** What such a thread says: its function is at hand, and is called now; what it answered. */
export type FromQuestionThread = ['began'] | ['answer', Answer];

/** What a thread is started with. */
export interface WorkerSetup {
  readonly modules: Readonly<Record<string, ModuleSetup>>;
  /** When it is replaced, between two jobs: not given, never. */
  readonly recycle?: Recycling;
  /** From which level on jobs' own loggers write; see `ModuleSetup`. */
  readonly log: LogThreshold;
  /** See `OpenOptions`. */
  readonly payloadLimitBytes: number;
}

/** After so many jobs, or with more on its heap than this, whichever comes first. */
export interface Recycling {
  readonly afterJobs?: number;
  readonly aboveHeapMb?: number;
}

/** How long the import of a module may take where no other limit is given. */
export const defaultImportMs = 30_000;

/** A registered module: where it is, and which of its functions run around each of its jobs. */
export interface ModuleSetup {
  readonly url: string;
  /** How long its import may take; `defaultImportMs` where it is not given. */
  readonly importMs?: number;
  readonly setUp?: string;
  readonly tearDown?: string;
  /** From which level on lines about its jobs are logged; as the runtime's logger by default. */
  readonly log?: LogThreshold;
}

/** What a module exports, or, as an encoded failure, why it could not be imported. */
export type ModuleDescription =
  | { readonly functions: string[]; readonly others: string[] }
  | { readonly failure: Uint8Array };
