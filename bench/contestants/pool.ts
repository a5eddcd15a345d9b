/**
 * A contestant that runs trivial jobs: callsheet at each level, thread pools, and queues.
 */
export interface Pool {
  /** Runs `stamp` and resolves with its result. */
  run(number: number): Promise<unknown>;
  /** Puts jobs as one transaction; resolves when they are stored. */
  putAll?(numbers: readonly number[]): Promise<unknown>;
  /**
   * Puts jobs that cannot begin yet. Resolves with the function that lets them begin, and resolves
   * with their results.
   */
  prepare?(numbers: readonly number[]): Promise<() => Promise<readonly unknown[]>>;
  close(): Promise<unknown>;
  /** Threads that must not run jobs. Default: the main thread, 0. */
  readonly forbiddenThreads?: readonly number[];
  /** Returns the syncs since opening, if the pool syncs. */
  figures?(): Promise<SyncFigures>;
  /** CPU time of the coordinating thread in microseconds, if the system measures it. */
  coordinatorCpu?(): number | undefined;
  /** A fact that only its server knows, such as its setting for syncs. */
  readonly detail?: string;
}

export interface SyncFigures {
  readonly frames: number;
  readonly syncs: number;
  readonly bytesWritten: number;
  readonly snapshots: number;
}

export function forbiddenThreadsOf({ forbiddenThreads = [0] }: Pool): ReadonlySet<number> {
  return new Set(forbiddenThreads);
}
