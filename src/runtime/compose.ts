/**
 * Compositions: several jobs as one.
 */
import type { CompletedJobs } from '../protocol/completed-jobs.js';
import { type Callable, isCallable, JobCall, type Puttable } from './define-jobs.js';

/** What a whole does with its completed parts. */
export interface CompositionOptions<Part, Result> {
  /** Gets the completed parts, in order, after arguments of its own; what it returns is the whole's result. */
  readonly postprocess?: Callable<[CompletedJobs<Part>], Result>;
}

/** A serial or parallel that is to be put. */
export class Composition<Result = unknown> {
  readonly form: 'serial' | 'parallel';
  readonly parts: readonly (JobCall | Composition)[];
  readonly postprocess: Callable<[CompletedJobs<never>], unknown> | undefined;
  /** Never there; it carries the type of the result. */
  declare readonly result: Result;

  /** @internal */
  constructor(
    form: 'serial' | 'parallel',
    parts: readonly (JobCall | Composition)[],
    postprocess: Composition['postprocess'],
  ) {
    this.form = form;
    this.parts = parts;
    this.postprocess = postprocess;
    Object.freeze(this);
  }
}

/** What can be a part of a composition. */
export type Part<Result = unknown> = Puttable<Result> | Composition<Result>;

/**
 * Jobs that run one after another. A part that fails does not stop those behind it.
 *
 * @returns A job: its result is the postprocess's, or, without one, the completed parts.
 */
export function serial<P>(parts: readonly Part<P>[]): Composition<CompletedJobs<P>>;
export function serial<P, Result>(
  parts: readonly Part<P>[],
  options: { readonly postprocess: Callable<[CompletedJobs<P>], Result> },
): Composition<Result>;
export function serial<P>(parts: readonly Part<P>[], options: CompositionOptions<P, unknown> = {}): Composition {
  return compose('serial', parts, options);
}

/**
 * Jobs that run at the same time, as many as there are threads. A part that fails does not stop the others.
 *
 * @returns A job: its result is the postprocess's, or, without one, the completed parts.
 * @example parallel([pi.generateSample(1000), pi.generateSample(1000)], { postprocess: pi.processSamples })
 */
export function parallel<P>(parts: readonly Part<P>[]): Composition<CompletedJobs<P>>;
export function parallel<P, Result>(
  parts: readonly Part<P>[],
  options: { readonly postprocess: Callable<[CompletedJobs<P>], Result> },
): Composition<Result>;
export function parallel<P>(parts: readonly Part<P>[], options: CompositionOptions<P, unknown> = {}): Composition {
  return compose('parallel', parts, options);
}

function compose<P>(
  form: 'serial' | 'parallel',
  parts: readonly Part<P>[],
  { postprocess }: CompositionOptions<P, unknown>,
): Composition {
  if (!Array.isArray(parts)) throw new TypeError(`${form}: the parts are to be an array of jobs`);
  if (postprocess !== undefined && !isCallable(postprocess)) {
    throw new TypeError(`${form}: postprocess is to be a function of a module from defineJobs(), uncalled`);
  }
  return new Composition(
    form,
    parts.map((part, index) => asJob(part, `${form}: parts[${index}]`)),
    postprocess as Composition['postprocess'],
  );
}

/** @internal */
export function asJob(value: unknown, where: string): JobCall | Composition {
  if (value instanceof JobCall || value instanceof Composition) return value;
  if (isCallable(value)) return new JobCall(value.callable, value.given);
  throw new TypeError(`${where} is not a job: it takes a function of a module from defineJobs(), or a composition`);
}
