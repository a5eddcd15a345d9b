/** The seam of `callsheet/otel`: its part in puts, and the runs that it gets. */
import { CoordinatorDiedError } from '../errors.js';
import type { SpanBatch } from '../protocol/messages.js';
import type { RunSpan } from '../protocol/run-span.js';
import type { StoredTrace } from '../protocol/stored-call.js';
import type { Link } from './link.js';

/** A put, before it is made. */
export interface PutAbout {
  readonly queue: string;
  /** `module#export` of the only job; empty for several, and for one without a function. */
  readonly callable: string;
  readonly jobs: number;
  /** `true` if the job begins at a date or after a delay. */
  readonly isDated: boolean;
  /** Of a retry: the id of the failed job. Its queue and callable are not known here. */
  readonly retryOf?: string;
}

/** Traces the puts of a runtime, and the runs of its jobs. */
export interface Tracing {
  /** Makes a put. The jobs that it encodes before it first waits have its trace. */
  put<Handle extends { readonly id: string }, Put extends Handle | readonly Handle[]>(
    about: PutAbout,
    put: () => Promise<Put>,
  ): Promise<Put>;
  /** The trace to store with jobs that are encoded now. */
  trace(): StoredTrace;
  /** A run of a job ended in a thread that has no tracer, or that ended with it. */
  ran(run: RunSpan): void;
  /** Runs are not shown, because this thread did not take them in time; 0: an unknown number. */
  missed(runs: number): void;
}

/** Describes a put, whose arguments may be wrong in any way: the put itself checks them. */
export function aboutPut(queue: string, jobs: readonly unknown[], options: unknown): PutAbout {
  const one = jobs.length === 1 ? (jobs[0] as Loose | undefined | null) : undefined;
  const callable = one?.callable ?? one?.postprocess?.callable;
  const isDated = [one?.options, options as Dated | undefined | null].some((given) => given?.beginAfter !== undefined);
  return { queue, callable: typeof callable === 'string' ? callable : '', jobs: jobs.length, isDated };
}

interface Dated {
  readonly beginAfter?: unknown;
}

interface Loose {
  readonly callable?: unknown;
  readonly postprocess?: { readonly callable?: unknown };
  readonly options?: Dated;
}

/** Runs that are kept while this thread is busy. */
const mostUnread = 10_000;
let lastReader = 0;

/** Passes the ended runs of the owner's threads to `tracing`. Returns the function that ends it. */
export function readRuns(link: Link, tracing: Tracing): () => Promise<void> {
  const reader = --lastReader;
  let isOver = false;
  const subscribe = () => link.request(['subscribe', reader, mostUnread, true]);
  const read = async () => {
    await subscribe();
    while (!isOver) {
      try {
        const [runs, missed] = (await link.request(['events', reader])) as SpanBatch;
        for (const run of runs) tracing.ran(run);
        if (missed > 0) tracing.missed(missed);
      } catch (error) {
        if (!(error instanceof CoordinatorDiedError)) throw error;
        tracing.missed(0);
        await subscribe();
      }
    }
  };
  // It ends with the runtime, which rejects its requests.
  const done = read().catch(() => {});
  return async () => {
    isOver = true;
    await link.request(['unsubscribe', reader]).catch(() => {});
    await done;
  };
}
