/** Jobs for the tests of traces. */
import { trace } from '@opentelemetry/api';
import { currentJob, defineJobs } from 'callsheet';

export const add = (a: number, b: number) => a + b;
export const fail = (message: string) => {
  throw new RangeError(message);
};
export const hear = (_: string, outcome: unknown) => String(outcome);
export const unsteady = () => {
  if (currentJob().attempt < 3) throw new Error('not yet');
  return currentJob().attempt;
};
export const sum = (parts: Iterable<{ result: number }>) => Array.from(parts, ({ result }) => result).length;
export const count = async (items: AsyncIterable<{ result: number }>) => {
  let all = 0;
  for await (const { result } of items) all += result;
  return all;
};
/** Has a span of its own, and the id of the trace in which it ran. */
export const work = () =>
  trace.getTracer('the job').startActiveSpan('own work', (span) => {
    span.end();
    return span.spanContext().traceId;
  });
const own = defineJobs<{ add: typeof add }>('traced', new URL('./jobs.js', import.meta.url));
export const putsAnother = () => currentJob().put(own.add(20, 22));
export const loops = () => {
  for (;;);
};
export const exits = () => process.exit(3);
export const until = (name: string) => currentJob().annotations.waitFor(name, { timeoutMs: 60_000 });
