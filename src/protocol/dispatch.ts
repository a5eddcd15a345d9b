/**
 * What the coordinator and its worker threads say to each other, beside what stands on the board.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Id } from '../core/records.js';
import type { Outcome } from './board.js';

/** A claimed job, as a worker gets it. */
export type WireRun = [
  slot: number,
  /** The word to begin it with; see `Board.begin`. */
  word: number,
  id: Id,
  callable: string,
  attempt: number,
  queue: string,
  args: Uint8Array | null,
  /** A postprocess gets the completed parts after its own arguments. */
  completed: Uint8Array | null,
];

/** The task that a Piscina thread is given. */
export type WorkerTask =
  /** Import these modules, and say what they export. */
  | { readonly type: 'describe' }
  /** Run these jobs, one after another. The first batch of a thread brings its board and its port. */
  | { readonly type: 'run'; readonly batch: Uint8Array; readonly link?: ThreadLink };

export interface ThreadLink {
  readonly board: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What a pool thread is started with. */
export interface WorkerSetup {
  /** Where each registered module is. */
  readonly modules: Readonly<Record<string, string>>;
}

/** An outcome that has no room on the board goes over the thread's port, as it is. */
export type PostedOutcome = Outcome;

/** What a module exports, or, as an encoded failure, why it could not be imported. */
export type ModuleDescription =
  | { readonly name: string; readonly functions: string[]; readonly others: string[] }
  | { readonly name: string; readonly failure: Uint8Array };
