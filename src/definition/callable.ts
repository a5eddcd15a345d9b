/**
 * Callables: functions of registered modules, as the definition of jobs takes and gives them.
 */
import type { JobCall } from './job-call.js';
import type { JobOptions } from './options.js';

/** Called at every put; undefined where nothing is captured. */
export type Capture = (() => unknown) | undefined;

/**
 * A function of a registered module. Called, it makes a job; uncalled, it stands for a job without
 * arguments.
 */
export interface Callable<Args extends readonly unknown[], Result> {
  (...args: Args): JobCall<Result>;
  /** `module#export`. */
  readonly callable: string;
  /** Arguments that it was given beforehand; see `with`. */
  readonly given: readonly unknown[];
  /** What its jobs ask for; see `withOptions`. */
  readonly options: JobOptions | undefined;
  /** @internal */
  readonly capture: Capture;
  /**
   * The same function with its first arguments given: for a postprocess, which gets its jobs after
   * arguments of its own.
   *
   * @example parallel(parts, { postprocess: report.summarize.with('March') })
   */
  with<Given extends readonly unknown[], Rest extends readonly unknown[]>(
    this: Callable<readonly [...Given, ...Rest], Result>,
    ...given: Given
  ): Callable<Rest, Result>;
  /**
   * The same function, whose jobs have these options: for a callback, and for what makes the items
   * of a map.
   *
   * @example
   * const retry = retryErrors({ limit: 3 });
   * await job.addCallback(report.send.with('March').withOptions({ retry }));
   */
  withOptions(options: JobOptions): Callable<Args, Result>;
}

/** @internal All callables that were made, so that no other function passes for one. */
export const callables = new WeakSet<object>();

/** @internal */
export function isCallable(value: unknown): value is Callable<unknown[], unknown> {
  return typeof value === 'function' && callables.has(value);
}

/** @internal A function as its module exports it, with nothing given. */
export function isExport(value: unknown): value is Callable<unknown[], unknown> {
  return isCallable(value) && value.given.length === 0 && value.options === undefined;
}
