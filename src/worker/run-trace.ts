/**
 * The trace of one run. If a tracer is registered in this thread, the run has a span here, and the
 * spans of the job's own code are its children. Otherwise the end of the run is sent to the owner's
 * process, which may have a tracer. Never both.
 *
 * Nothing here may fail a job: an error of a tracer costs only the span.
 */
import { threadId } from 'node:worker_threads';
import type * as Otel from '@opentelemetry/api';
import { decodeFailure } from '../codec/failure.js';
import type { RunReport } from '../protocol/board.js';
import { longestStack, type RunEnd, type TracedRun } from '../protocol/run-span.js';
import { linkedTrace, type StoredTrace } from '../protocol/stored-call.js';
import { loadApi } from '../tracing/load.js';
import { type Api, endRun, startRun, storedContext } from '../tracing/spans.js';
import type { ThreadContext } from './thread-context.js';

/** Where each copy of the API finds the tracer that was registered. */
const registered = Symbol.for('opentelemetry.js.api.1');

let api: Api | undefined;

/** Returns the API if a tracer is registered in this thread. */
function tracerHere(): Api | undefined {
  const { trace } = (globalThis as { [registered]?: { readonly trace?: unknown } })[registered] ?? {};
  if (trace === undefined) return undefined;
  api ??= loadApi();
  return api;
}

type Ended = Pick<RunReport, 'kind' | 'payload'>;

interface Live {
  readonly api: Api;
  readonly span: Otel.Span;
  readonly context: Otel.Context;
}

export class RunTrace {
  readonly #thread: ThreadContext;
  readonly #run: TracedRun;
  readonly #trace: StoredTrace;
  readonly #live: Live | undefined;

  constructor(thread: ThreadContext, run: Omit<TracedRun, 'thread'>, trace: StoredTrace) {
    this.#thread = thread;
    this.#run = { ...run, thread: threadId };
    this.#trace = trace;
    try {
      const here = tracerHere();
      if (here !== undefined) this.#live = { api: here, ...startRun(here, { ...this.#run, trace }) };
    } catch {
      // The run is then sent to the owner.
    }
  }

  /** The trace of jobs that the running job puts. */
  get inner(): StoredTrace {
    if (this.#live === undefined) return linkedTrace(this.#trace);
    const { api, span } = this.#live;
    return linkedTrace(this.#trace, storedContext(api, span.spanContext()));
  }

  /** Calls the job's function, with the span as the active one. */
  around<T>(call: () => T): T {
    return this.#live === undefined ? call() : this.#live.api.context.with(this.#live.context, call);
  }

  end(ended: Ended, isStopped: boolean, startedAt: number, ranMs: number): void {
    try {
      const end = runEnd(ended, isStopped);
      if (this.#live !== undefined) return endRun(this.#live.api, this.#live.span, end);
      this.#thread.traced({ ...this.#run, ...end, trace: this.#trace, startedAt, endedAt: startedAt + ranMs });
    } catch {
      // The job has its outcome.
    }
  }
}

function runEnd({ kind, payload }: Ended, isStopped: boolean): RunEnd {
  if (isStopped) return { outcome: 'stopped', error: stopped };
  if (kind !== 'thrown' && kind !== 'failure') return { outcome: kind };
  const { name, message, stack } = decodeFailure(payload);
  return { outcome: 'failure', error: { name, message, stack: stack?.slice(0, longestStack) } };
}

const stopped = { name: 'JobCancelledError', message: 'the job was cancelled or ran out of time' };
