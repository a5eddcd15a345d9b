/** The spans that ended in this process, and those of threads with a tracer of their own. */
import { readFileSync } from 'node:fs';
import type { Attributes, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** A span as data, so that it can be read from the file of a thread, too. */
export interface Seen {
  readonly name: string;
  readonly kind: number;
  readonly trace: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly links: readonly string[];
  readonly attributes: Attributes;
  readonly status: { readonly code: number; readonly message?: string };
  readonly exceptions: readonly Attributes[];
  readonly ms: number;
}

const limitMs = 20_000;

const place = ({ traceId, spanId }: SpanContext) => `${traceId} ${spanId}`;

export function seenFrom(span: ReadableSpan): Seen {
  const { name, kind, attributes, status, duration } = span;
  const { traceId, spanId } = span.spanContext();
  return {
    ...{ name, kind, attributes, status },
    trace: traceId,
    id: place({ traceId, spanId, traceFlags: 1 }),
    parent: span.parentSpanContext && place(span.parentSpanContext),
    links: span.links.map(({ context }) => place(context)),
    exceptions: span.events.filter(({ name }) => name === 'exception').map((event) => event.attributes ?? {}),
    ms: duration[0] * 1000 + duration[1] / 1e6,
  };
}

export class Spans implements SpanProcessor {
  readonly ended: Seen[] = [];
  readonly #waiting = new Set<() => void>();

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.ended.push(seenFrom(span));
    for (const look of this.#waiting) look();
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** Resolves with the spans of this job when there are `count` of them. */
  of(job: string, count: number): Promise<readonly Seen[]> {
    return this.when(() => {
      const found = this.ended.filter(({ attributes }) => attributes['messaging.message.id'] === job);
      return found.length >= count ? found : undefined;
    });
  }

  when<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`no such span within ${limitMs} ms`));
      }, limitMs);
      const look = () => {
        const found = find();
        if (found === undefined) return;
        this.#waiting.delete(look);
        clearTimeout(limit);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** The spans that threads wrote into a file. */
export const spansIn = (file: string): Seen[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Seen);
