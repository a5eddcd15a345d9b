/** Registers a tracer in a worker thread whose every span is an error. */
import { isMainThread } from 'node:worker_threads';
import { trace } from '@opentelemetry/api';

const fails = () => {
  throw new Error('the tracer is broken');
};
if (!isMainThread) trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: fails, startActiveSpan: fails }) });
