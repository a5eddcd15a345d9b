/** Registers a tracer in a worker thread. `CALLSHEET_SPANS` names the file for its spans. */
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { seenFrom } from './spans.js';

const write = (span: ReadableSpan) =>
  appendFileSync(process.env.CALLSHEET_SPANS!, `${JSON.stringify(seenFrom(span))}\n`);

if (!isMainThread)
  new NodeTracerProvider({
    spanProcessors: [{ onStart: () => {}, onEnd: write, forceFlush: async () => {}, shutdown: async () => {} }],
  }).register();
