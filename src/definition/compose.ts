/** Compositions: several jobs as one. */

import type { Failure } from '../codec/failure.js';
import { invalidOption } from '../errors.js';
import type { CompletedJobs } from '../protocol/completed-jobs.js';
import { checkArray } from './arguments.js';
import { type Callable, isCallable } from './callable.js';
import { type CallbackLike, type CallbackSides, checkSides } from './callbacks.js';
import { checkPostprocess, JobCall, type Puttable } from './job-call.js';
import { checkOptions } from './known-options.js';
import { Mapping } from './map.js';
import { type JobOptions, jobOptions } from './options.js';

/** Options of `serial` and `parallel`. */
export interface CompositionOptions<PartResult, Result> {
  /**
   * Gets the completed parts, in order, after its given arguments. Its outcome is that of the
   * whole.
   */
  readonly postprocess?: Callable<[CompletedJobs<PartResult>], Result>;
}

/** A serial or parallel to put. */
export class Composition<Result = unknown> {
  readonly form: 'serial' | 'parallel';
  readonly parts: readonly (JobCall | Composition)[];
  readonly postprocess: Callable<[CompletedJobs<never>], unknown> | undefined;
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Does not exist at run time. It carries the type of the result. */
  declare readonly result: Result;

  /** @internal */
  constructor({
    form,
    parts,
    postprocess,
    options,
    callbacks,
  }: Omit<Composition, 'result' | 'with' | 'on' | 'onBoth'>) {
    this.form = form;
    this.parts = parts;
    this.postprocess = postprocess;
    this.options = options;
    this.callbacks = callbacks;
    Object.freeze(this);
  }

  /**
   * Returns this composition with these options over those that it has. `timeoutMs` counts for the
   * postprocess only.
   */
  with(options: JobOptions): Composition<Result> {
    checkOptions('options', options, jobOptions);
    return new Composition({ ...this, options: { ...this.options, ...options } });
  }

  /** Returns this composition with one more callback, for either outcome. */
  onBoth(callback: CallbackLike<Result>): Composition<Result> {
    return new Composition({ ...this, callbacks: [...this.callbacks, { both: callback as CallbackLike<never> }] });
  }

  /**
   * Returns this composition with one more pair of callbacks. Only the side of the outcome runs.
   */
  on(sides: {
    readonly success?: CallbackLike<Result>;
    readonly failure?: CallbackLike<Failure>;
  }): Composition<Result> {
    return new Composition({ ...this, callbacks: [...this.callbacks, checkSides(sides as CallbackSides)] });
  }
}

/**
 * A job or a composition, as a part of another. `put` refuses compositions nested more than 100
 * deep.
 */
export type Part<Result = unknown> = Puttable<Result> | Composition<Result>;

/** The result of a part; for several, the union of their results. */
export type PartResult<P> = P extends Composition<infer Result> | JobCall<infer Result> | (() => JobCall<infer Result>)
  ? Result
  : never;

/**
 * Makes one job of several that run one after another. A failed part does not stop those behind it.
 *
 * @returns A job. Its result is that of the postprocess, or without one the completed parts.
 */
export function serial<P extends Part>(parts: readonly P[]): Composition<CompletedJobs<PartResult<P>>>;
export function serial<P extends Part, Result>(
  parts: readonly P[],
  options: { readonly postprocess: Callable<[CompletedJobs<PartResult<P>>], Result> },
): Composition<Result>;
export function serial(parts: readonly Part[], options: CompositionOptions<never, unknown> = {}): Composition {
  return compose('serial', parts, options);
}

/**
 * Makes one job of several that run at the same time, as threads are free. A failed part does not
 * stop the others.
 *
 * @returns A job. Its result is that of the postprocess, or without one the completed parts.
 * @example
 * const samples = [pi.generateSample(1000), pi.generateSample(1000)];
 * parallel(samples, { postprocess: pi.processSamples })
 */
export function parallel<P extends Part>(parts: readonly P[]): Composition<CompletedJobs<PartResult<P>>>;
export function parallel<P extends Part, Result>(
  parts: readonly P[],
  options: { readonly postprocess: Callable<[CompletedJobs<PartResult<P>>], Result> },
): Composition<Result>;
export function parallel(parts: readonly Part[], options: CompositionOptions<never, unknown> = {}): Composition {
  return compose('parallel', parts, options);
}

function compose(
  form: 'serial' | 'parallel',
  parts: readonly Part[],
  options: CompositionOptions<never, unknown>,
): Composition {
  checkOptions('options', options, { postprocess: true });
  const { postprocess } = options;
  checkArray('parts', parts, 'jobs');
  checkPostprocess(postprocess);
  return new Composition({
    form,
    // `Array.from` shows holes to the check. A frozen list cannot come to contain its own whole.
    parts: Object.freeze(Array.from(parts, (part, index) => asJob(part, `parts[${index}]`))),
    postprocess: postprocess as Composition['postprocess'],
    options: {},
    callbacks: [],
  });
}

/** @internal */
export function asJob(value: unknown, where: string): JobCall | Composition {
  if (value instanceof JobCall || value instanceof Composition) return value;
  if (isCallable(value)) return new JobCall({ ...value, args: value.given });
  const rule =
    value instanceof Mapping
      ? 'must not be a map: put it by itself, with queue.put()'
      : 'must be a job: a function of a module from defineJobs(), or a composition';
  throw invalidOption(where, rule, value);
}
