/**
 * A thing that runs trivial jobs: what callsheet, at each of its levels, and the thread pools have in common in these benches.
 */
export interface Pool {
  /** Runs `stamp` on a thread of its own; resolves with what it returned. */
  run(number: number): Promise<unknown>;
  close(): Promise<unknown>;
  /** Threads that are not to run jobs, beside the main thread. */
  readonly forbiddenThreads?: readonly number[];
  /** What was synced since it was opened, where that is something that it does. */
  figures?(): Promise<SyncFigures>;
}

export interface SyncFigures {
  readonly frames: number;
  readonly syncs: number;
  readonly bytesWritten: number;
}

/** The main thread is never to run a job, nor those that the pool itself names. */
export function forbiddenThreadsOf({ forbiddenThreads = [] }: Pool): ReadonlySet<number> {
  return new Set([0, ...forbiddenThreads]);
}
