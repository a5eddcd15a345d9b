/**
 * The spans of runs, made in the thread of a run while it goes on, or afterwards in the owner's
 * process. The names of attributes are those of OpenTelemetry where it has them.
 *
 * The package of the API is handed in: it is an optional peer, which few processes load.
 */
import type * as Otel from '@opentelemetry/api';
import { idToText } from '../codec/id.js';
import type { RunEnd, TracedRun } from '../protocol/run-span.js';
import { type StoredTrace, traceFlag } from '../protocol/stored-call.js';

export type Api = typeof Otel;

/** The name of the tracer. */
export const scope = 'callsheet';

export interface RunDetails extends TracedRun {
  readonly whole?: { readonly form: string; readonly parts: number } | undefined;
  readonly trace?: StoredTrace | undefined;
  /** Milliseconds since the epoch; now by default. */
  readonly startedAt?: number;
}

/** Starts the span of a run. In the returned context, the job's own spans are its children. */
export function startRun(api: Api, run: RunDetails): { readonly span: Otel.Span; readonly context: Otel.Context } {
  const { trace, whole, callable, role, startedAt } = run;
  const put = trace === undefined ? undefined : spanContextOf(api, trace);
  const isChild = put !== undefined && (trace![0] & traceFlag.child) !== 0;
  const from = isChild ? api.trace.setSpanContext(api.ROOT_CONTEXT, put) : api.ROOT_CONTEXT;
  const what = role === 'callback' ? 'callback' : 'process';
  const span = api.trace.getTracer(scope).startSpan(
    [what, whole?.form, callable].filter(Boolean).join(' '),
    {
      kind: api.SpanKind.CONSUMER,
      ...(startedAt === undefined ? {} : { startTime: startedAt }),
      ...(put === undefined || isChild ? {} : { links: [{ context: put }] }),
      attributes: attributesOf(run),
    },
    from,
  );
  return { span, context: api.trace.setSpan(from, span) };
}

function attributesOf({ job, parent, role, callable, queue, agent, attempt, thread, whole }: RunDetails) {
  return {
    ...messaging('process', queue),
    'messaging.message.id': idToText(job),
    'callsheet.role': role,
    'callsheet.attempt': attempt,
    ...(callable === '' ? {} : { 'callsheet.callable': callable }),
    ...(parent === '' ? {} : { 'callsheet.parent': idToText(parent) }),
    ...(agent === '' ? {} : { 'callsheet.agent': agent }),
    ...(thread === 0 ? {} : { 'thread.id': thread }),
    ...(whole === undefined ? {} : { 'callsheet.form': whole.form, 'callsheet.parts': whole.parts }),
  };
}

/** The attributes that puts, retries and runs share. */
export function messaging(name: 'put' | 'retry' | 'process', queue?: string) {
  return {
    'messaging.system': 'callsheet',
    'messaging.operation.type': name === 'process' ? 'process' : 'send',
    'messaging.operation.name': name,
    ...(queue === undefined ? {} : { 'messaging.destination.name': queue }),
  };
}

/** Ends the span of a run, by default now. An error is recorded as an exception. */
export function endRun(api: Api, span: Otel.Span, { outcome, error }: RunEnd, endedAt?: number): void {
  span.setAttribute('callsheet.outcome', outcome);
  if (error !== undefined) fail(api, span, error, endedAt);
  span.end(endedAt);
}

/** Records an error, with the status. */
export function fail(api: Api, span: Otel.Span, error: NonNullable<RunEnd['error']>, at?: number): void {
  const { name, message, stack } = error;
  span.recordException({ name, message, ...(stack === undefined ? {} : { stack }) }, at);
  span.setAttribute('error.type', name);
  span.setStatus({ code: api.SpanStatusCode.ERROR, message });
}

/** Returns the context of a span as it is stored, without the flags; empty for none. */
export function storedContext(api: Api, context: Otel.SpanContext | undefined): readonly string[] {
  if (context === undefined || !api.isSpanContextValid(context)) return [];
  const { traceId, spanId, traceFlags, traceState } = context;
  const state = traceState?.serialize() ?? '';
  const parent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  return state === '' || state.length > longestState ? [parent] : [parent, state];
}

/** As the W3C's text on trace contexts recommends. */
const longestState = 512;
const parentForm = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;

function spanContextOf(api: Api, [, parent, state]: StoredTrace): Otel.SpanContext | undefined {
  const found = parentForm.exec(parent ?? '');
  if (found === null) return undefined;
  const context: Otel.SpanContext = {
    traceId: found[1]!,
    spanId: found[2]!,
    traceFlags: Number.parseInt(found[3]!, 16),
    isRemote: true,
    ...(state === undefined ? {} : { traceState: api.createTraceState(state) }),
  };
  return api.isSpanContextValid(context) ? context : undefined;
}
