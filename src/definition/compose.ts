/**
 * Compositions: several jobs as one.
 */

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

/** What a whole does with its completed parts. */
export interface CompositionOptions<PartResult, Result> {
  /**
   * Gets the completed parts, in order, after arguments of its own; what it returns is the whole's
   * result.
   */
  readonly postprocess?: Callable<[CompletedJobs<PartResult>], Result>;
}

/** A serial or parallel that is to be put. */
export class Composition<Result = unknown> {
  readonly form: 'serial' | 'parallel';
  readonly parts: readonly (JobCall | Composition)[];
  readonly postprocess: Callable<[CompletedJobs<never>], unknown> | undefined;
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Never there; it carries the type of the result. */
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
   * The same composition with these options; those it had stay where they are not given anew.
   * `timeoutMs` is the postprocess's alone.
   */
  with(options: JobOptions): Composition<Result> {
    checkOptions('options', options, jobOptions);
    return new Composition({ ...this, options: { ...this.options, ...options } });
  }

  /** The same composition with one more callback, for either outcome. */
  onBoth(callback: CallbackLike<Result>): Composition<Result> {
    return new Composition({ ...this, callbacks: [...this.callbacks, { both: callback as CallbackLike<never> }] });
  }

  /** The same composition with one more pair of callbacks, of which the one that applies is run. */
  on(sides: {
    readonly success?: CallbackLike<Result>;
    readonly failure?: CallbackLike<Failure>;
  }): Composition<Result> {
    return new Composition({ ...this, callbacks: [...this.callbacks, checkSides(sides as CallbackSides)] });
  }
}

/**
 * What can be a part of a composition. Compositions stand in each other 100 deep at most; `put`
 * refuses what is deeper.
 */
export type Part<Result = unknown> = Puttable<Result> | Composition<Result>;

/** What a part gives, or any of several: parts of one whole may differ. */
export type PartResult<P> = P extends Composition<infer Result> | JobCall<infer Result> | (() => JobCall<infer Result>)
  ? Result
  : never;

/**
 * Jobs that run one after another. A part that fails does not stop those behind it.
 *
 * @returns A job: its result is the postprocess's, or, without one, the completed parts.
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
 * Jobs that run at the same time, as many as there are threads. A part that fails does not stop the
 * others.
 *
 * @returns A job: its result is the postprocess's, or, without one, the completed parts.
 * @example
 * const samples = [pi.generateSample(1000), pi.generateSample(1000)];
 * parallel(samples, { postprocess: pi.processSamples });
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
    // Holes are no jobs either. Frozen, so that no composition can come to stand in itself.
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
