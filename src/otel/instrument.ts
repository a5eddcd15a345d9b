/** Traces a runtime with the tracer that is registered in its process. */
import { checkOneOf } from '../definition/arguments.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { invalidOption, PeerMissingError } from '../errors.js';
import type { Runtime } from '../runtime/runtime.js';
import { loadApi } from '../tracing/load.js';
import type { Api } from '../tracing/spans.js';
import { relations, SpanMaker, type SpanOptions, spanChoices } from './span-maker.js';

/** The options of `instrument`. */
export interface InstrumentOptions {
  /**
   * How the span of a run refers to that of its put.
   *
   * - `link` (the default): each run begins a trace, with a link to the put. A sampler decides
   *   about each run, and a trace ends with its run, whenever that is.
   * - `parent`: the run is a child of the put. Traces of jobs that wait long, fail often or are
   *   many become long.
   * - `auto`: `parent` for a job that is put alone and without a date, and for its callbacks;
   *   `link` for all others.
   *
   * A job of a schedule, and one that another job puts, is never a child.
   */
  readonly relation?: SpanOptions['relation'];
  /**
   * The jobs whose runs have spans. `roots` (the default): those that are put, and callbacks; a
   * serial, parallel or map has one span as a whole. `all`: parts and items, too: the first 64 of
   * each whole, and from there on fewer and fewer, about 500 of a million.
   */
  readonly spans?: SpanOptions['spans'];
}

/** The tracing of a runtime. */
export interface Instrumentation extends AsyncDisposable {
  /** Ends it. Jobs that were put with a trace keep it. */
  stop(): Promise<void>;
}

const options: OptionNames<InstrumentOptions> = { relation: true, spans: true };

/**
 * Traces the puts of a runtime, and the runs of jobs in its own process, with the tracer that is
 * registered there: `put <queue>`, `retry`, `process <module#function>`, `callback
 * <module#function>`. The trace of a put or a retry is stored with its jobs, and goes with them
 * through threads, processes and restarts.
 *
 * If a tracer is registered in the worker threads (with the option `execArgv` of `open`: `--import`
 * and a module that registers one), they make the spans of runs themselves, and the spans of the
 * jobs' own code are children of these. Otherwise they are made here when the run has ended. A
 * client of another process traces its puts only: call `instrument` in the owner, too.
 *
 * @throws {PeerMissingError} the package `@opentelemetry/api` is not installed.
 * @throws {TypeError | RangeError} an option is wrong, or the runtime is traced already.
 * @example
 * new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }).register();
 * const callsheet = await open({ directory: './jobs', jobs: [work] });
 * instrument(callsheet);
 */
export function instrument(callsheet: Runtime, given: InstrumentOptions = {}): Instrumentation {
  if (typeof (callsheet as Partial<Runtime> | undefined)?.trace !== 'function')
    throw invalidOption('callsheet', 'must be a runtime from open()', callsheet);
  checkOptions('options', given, options);
  const { relation = 'link', spans = 'roots' } = given;
  checkOneOf('relation', relation, relations);
  checkOneOf('spans', spans, spanChoices);
  const log = (message: string) => callsheet.log('warn', message, {});
  const end = callsheet.trace(new SpanMaker(apiHere(), { relation, spans }, log));
  if (end === undefined) throw invalidOption('callsheet', 'must not be traced already: stop() that first', callsheet);
  return { stop: end, [Symbol.asyncDispose]: end };
}

function apiHere(): Api {
  try {
    return loadApi();
  } catch (cause) {
    throw new PeerMissingError(
      'callsheet/otel needs the package @opentelemetry/api, which cannot be loaded: npm install @opentelemetry/api',
      { cause },
    );
  }
}
