/** Planted bugs against section 18 of the contract. */
import type { Mutant } from './mutant.js';

const tests = ['otel/otel.test.ts'];

export const traces: readonly Mutant[] = [
  {
    bug: 'a put has no trace that its jobs carry',
    tags: ['18.1'],
    tests,
    in: 'definition/encode.ts#traced',
    find: 'trace === undefined ?',
    replace: 'trace !== undefined ?',
  },
  {
    bug: 'the run of a retry is linked to the put of the failed job',
    tags: ['18.1'],
    tests,
    in: 'coordinator/clients/retries.ts#retryFromWire',
    find: '{ args, trace }) }),',
    replace: '{ args }) }),',
  },
  {
    bug: 'a run that ended with its thread has no span',
    tags: ['18.2'],
    tests,
    in: 'coordinator/claiming/ended-runs.ts#lost',
    find: 'if (!this.#feed.isHeard) return;',
    replace: 'return;',
  },
  {
    bug: 'a run has a span of its thread and another of the owner',
    tags: ['18.2'],
    tests,
    in: 'worker/run-trace.ts#end',
    find: 'return endRun(this.#live.api, this.#live.span, end);',
    replace: 'endRun(this.#live.api, this.#live.span, end);',
  },
  {
    bug: 'a tracer that fails fails the job',
    tags: ['18.2'],
    tests,
    in: 'worker/run-trace.ts#constructor',
    find: '// The run is then sent to the owner.',
    replace: "throw new Error('no span');",
  },
  {
    bug: 'every run is a child of its put',
    tags: ['18.3'],
    tests,
    in: 'tracing/spans.ts#startRun',
    find: '(trace![0] & traceFlag.child) !== 0',
    replace: 'true',
  },
  {
    bug: 'the jobs of a schedule belong to the trace in which it was set',
    tags: ['18.3'],
    tests,
    in: 'runtime/schedules.ts#setSchedule',
    find: '{ ...client.encoding(), trace: undefined }',
    replace: 'client.encoding()',
  },
  {
    bug: 'each item of a map has a span',
    tags: ['18.4'],
    tests,
    in: 'protocol/stored-call.ts#traceOfPart',
    find: 'index % step !== 0',
    replace: 'false',
  },
];
