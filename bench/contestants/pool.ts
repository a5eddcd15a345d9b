/**
 * A thing that runs trivial jobs: what callsheet, at each of its levels, thread pools and queues have in common in these benches.
 */
export interface Pool {
  /** Runs `stamp`; resolves with what it returned. */
  run(number: number): Promise<unknown>;
  /** Puts jobs as one transaction; resolves when they are kept. */
  putAll?(numbers: readonly number[]): Promise<unknown>;
  close(): Promise<unknown>;
  /** Threads that are not to run jobs: by default the main thread, 0. */
  readonly forbiddenThreads?: readonly number[];
  /** What was synced since it was opened, where that is something that it does. */
  figures?(): Promise<SyncFigures>;
  /** The microseconds that the thread which coordinates was on a processor, where there is one and the system tells. */
  coordinatorCpu?(): number | undefined;
  /** What only its server could tell, such as how that syncs. */
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
