/**
 * Makes the spans of puts, and of runs that no thread has traced.
 *
 * An error of the tracer costs a span, never a job: each call of it is guarded.
 */
import type { Span } from '@opentelemetry/api';
import type { RunSpan } from '../protocol/run-span.js';
import { decodeCall, type StoredTrace, traceFlag, unknownTrace } from '../protocol/stored-call.js';
import type { PutAbout, Tracing } from '../runtime/tracing.js';
import { type Api, endRun, fail, messaging, scope, startRun, storedContext } from '../tracing/spans.js';

export const relations = ['link', 'parent', 'auto'] as const;
export const spanChoices = ['roots', 'all'] as const;

/** See `InstrumentOptions`. */
export interface SpanOptions {
  readonly relation: (typeof relations)[number];
  readonly spans: (typeof spanChoices)[number];
}

export class SpanMaker implements Tracing {
  readonly #api: Api;
  readonly #options: SpanOptions;
  readonly #log: (message: string) => void;
  /** The trace of the put that is being encoded. */
  #putting: StoredTrace | undefined;

  constructor(api: Api, options: SpanOptions, log: (message: string) => void) {
    this.#api = api;
    this.#options = options;
    this.#log = log;
  }

  put<Handle extends { readonly id: string }, Put extends Handle | readonly Handle[]>(
    about: PutAbout,
    put: () => Promise<Put>,
  ): Promise<Put> {
    const span = this.#begin(about);
    if (span === undefined) return put();
    const { context, trace } = this.#api;
    const isAlone = about.jobs === 1 && !about.isDated;
    const before = this.#putting;
    this.#putting = this.#stored(isAlone, storedContext(this.#api, span.spanContext()));
    try {
      return context.with(trace.setSpan(context.active(), span), put).then(
        (made) => {
          const [id, ...others] = Array.isArray(made) ? made : [made];
          const alone = id !== undefined && others.length === 0;
          this.#end(span, () => alone && span.setAttribute('messaging.message.id', (id as Handle).id));
          return made;
        },
        (error) => {
          this.#end(span, () => fail(this.#api, span, errorFrom(error)));
          throw error;
        },
      );
    } finally {
      this.#putting = before;
    }
  }

  #begin({ queue, callable, jobs, retryOf }: PutAbout): Span | undefined {
    try {
      const { trace, SpanKind } = this.#api;
      return trace.getTracer(scope).startSpan(retryOf === undefined ? `put ${queue}`.trimEnd() : 'retry', {
        kind: SpanKind.PRODUCER,
        attributes: {
          ...(retryOf === undefined
            ? messaging('put', queue)
            : { ...messaging('retry'), 'callsheet.retry_of': retryOf }),
          ...(callable === '' ? {} : { 'callsheet.callable': callable }),
          ...(jobs === 1 ? {} : { 'messaging.batch.message_count': jobs }),
        },
      });
    } catch {
      return undefined;
    }
  }

  #end(span: Span, last: () => void): void {
    try {
      last();
      span.end();
    } catch {
      // The put has its outcome.
    }
  }

  trace(): StoredTrace {
    if (this.#putting !== undefined) return this.#putting;
    try {
      return this.#stored(false, storedContext(this.#api, this.#api.trace.getActiveSpan()?.spanContext()));
    } catch {
      return unknownTrace;
    }
  }

  #stored(isAlone: boolean, context: readonly string[]): StoredTrace {
    const { relation, spans } = this.#options;
    const isChild = relation === 'parent' || (relation === 'auto' && isAlone);
    const flags =
      (isChild ? traceFlag.child : 0) |
      (relation === 'parent' ? traceFlag.childParts : 0) |
      (spans === 'all' ? traceFlag.parts : 0);
    return [flags, ...context] as unknown as StoredTrace;
  }

  ran(run: RunSpan): void {
    try {
      const trace = run.trace ?? traceIn(run.args ?? null);
      // A part has a span only if its put chose it.
      if (trace === undefined && run.role === 'part') return;
      const { span } = startRun(this.#api, { ...run, trace });
      endRun(this.#api, span, run, run.endedAt);
    } catch (error) {
      this.#log(`a run has no span: ${errorFrom(error).message}`);
    }
  }

  missed(runs: number): void {
    const what = runs === 0 || !Number.isFinite(runs) ? 'some runs have' : `${runs} runs have`;
    this.#log(`${what} no span: this thread did not take them in time, or callsheet's own thread died`);
  }
}

function traceIn(args: Uint8Array | null): StoredTrace | undefined {
  const none = () => undefined;
  return decodeCall(args, { reference: none, buffer: none as never }).trace;
}

function errorFrom(error: unknown): { name: string; message: string; stack?: string | undefined } {
  const { name = 'Error', message = String(error), stack } = Object(error) as Partial<Error>;
  return { name: String(name), message: String(message), stack };
}
