/**
 * A job to be made, and the callables that make it.
 */
import type { Failure } from '../codec/failure.js';
import { invalidOption } from '../errors.js';
import { type Callable, type Capture, callables, isCallable } from './callable.js';
import { type CallbackLike, type CallbackSides, checkSides } from './callbacks.js';
import { checkOptions } from './known-options.js';
import { type JobOptions, jobOptions } from './options.js';

interface CallParts {
  readonly callable: string;
  readonly args: readonly unknown[];
  readonly capture: Capture;
  readonly options?: JobOptions | undefined;
  readonly callbacks?: readonly CallbackSides[];
}

/** A job to be made: a callable with its arguments. Put it into a queue, or into a composition. */
export class JobCall<Result = unknown> {
  /** `module#export`. */
  readonly callable: string;
  readonly args: readonly unknown[];
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Never there; it carries the type of the result. */
  declare readonly result: Result;

  /** @internal */
  readonly capture: Capture;

  /** @internal */
  constructor({ callable, args, capture, options = {}, callbacks = [] }: CallParts) {
    this.callable = callable;
    this.args = args;
    this.capture = capture;
    this.options = options;
    this.callbacks = callbacks;
    Object.freeze(this);
  }

  /** The same job with these options; those it had stay where they are not given anew. */
  with(options: JobOptions): JobCall<Result> {
    checkOptions('options', options, jobOptions);
    return new JobCall({ ...this, options: { ...this.options, ...options } });
  }

  /**
   * The same job with one more callback, for either outcome: called with the result, or the
   * failure, after its own arguments.
   */
  onBoth(callback: CallbackLike<Result>): JobCall<Result> {
    return this.#hang({ both: callback as CallbackLike<never> });
  }

  /** The same job with one more pair of callbacks, of which the one that applies is run. */
  on(sides: { readonly success?: CallbackLike<Result>; readonly failure?: CallbackLike<Failure> }): JobCall<Result> {
    return this.#hang(checkSides(sides as CallbackSides));
  }

  #hang(sides: CallbackSides): JobCall<Result> {
    return new JobCall({ ...this, callbacks: [...this.callbacks, sides] });
  }
}

/** A job for what can stand for one: a callable that needs no arguments is a job without any. */
export type Puttable<Result = unknown> = JobCall<Result> | (() => JobCall<Result>);

interface CallableParts {
  readonly callable: string;
  readonly given: readonly unknown[];
  readonly capture: Capture;
  readonly options?: JobOptions;
}

/** @internal */
export function makeCallable(parts: CallableParts): Callable<unknown[], unknown> {
  const { callable, given, capture, options } = parts;
  const make = (...args: unknown[]) => new JobCall({ ...parts, args: [...given, ...args] });
  const extras = {
    callable,
    given,
    capture,
    options,
    with: (...more: unknown[]) => makeCallable({ ...parts, given: [...given, ...more] }),
    withOptions: (more: JobOptions) => {
      checkOptions('options', more, jobOptions);
      return makeCallable({ ...parts, options: { ...options, ...more } });
    },
  };
  callables.add(make);
  return Object.freeze(Object.assign(make, extras)) as Callable<unknown[], unknown>;
}

/** @internal Options are those of the whole: its postprocess has none of its own. */
export function checkPostprocess(postprocess: unknown): void {
  if (postprocess === undefined) return;
  if (!isCallable(postprocess))
    throw invalidOption('postprocess', 'must be a function of a module from defineJobs(), uncalled', postprocess);
  if (postprocess.options !== undefined)
    throw invalidOption('postprocess', 'must have no options: give them to the whole, with(options)', postprocess);
}
