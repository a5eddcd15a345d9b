/** Callables: the functions of registered modules. */
import type { JobCall } from './job-call.js';
import type { JobOptions } from './options.js';

/** Returns data to store with a job. Called at every put. */
export type Capture = (() => unknown) | undefined;

/**
 * A function of a registered module. A call of it makes a job. Uncalled, it stands for a job
 * without arguments.
 */
export interface Callable<Args extends readonly unknown[], Result> {
  (...args: Args): JobCall<Result>;
  /** `module#export`. */
  readonly callable: string;
  /** The leading arguments that `with` gave. */
  readonly given: readonly unknown[];
  /** The options of its jobs, given by `withOptions`. */
  readonly options: JobOptions | undefined;
  /** @internal */
  readonly capture: Capture;
  /**
   * Returns this function with its first arguments given. A postprocess or a callback gets its jobs
   * or its outcome after them.
   *
   * @example
   * parallel(parts, { postprocess: report.summarize.with('March') })
   */
  with<Given extends readonly unknown[], Rest extends readonly unknown[]>(
    this: Callable<readonly [...Given, ...Rest], Result>,
    ...given: Given
  ): Callable<Rest, Result>;
  /**
   * Returns this function with options for its jobs: for a callback, or for the `toJob` of a map.
   *
   * @example
   * const retry = retryErrors({ limit: 3 });
   * job.addCallback(report.send.with('March').withOptions({ retry }))
   */
  withOptions(options: JobOptions): Callable<Args, Result>;
}

/** @internal All callables ever made, so that no other function passes for one. */
export const callables = new WeakSet<object>();

/** @internal */
export function isCallable(value: unknown): value is Callable<unknown[], unknown> {
  return typeof value === 'function' && callables.has(value);
}

/** @internal `true` for a callable without given arguments and options. */
export function isExport(value: unknown): value is Callable<unknown[], unknown> {
  return isCallable(value) && value.given.length === 0 && value.options === undefined;
}
