/** Jobs to put, and the callables that make them. */
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

/** A job to put: a callable with its arguments. It can be a part of a composition, too. */
export class JobCall<Result = unknown> {
  /** `module#export`. */
  readonly callable: string;
  readonly args: readonly unknown[];
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Does not exist at run time. It carries the type of the result. */
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

  /** Returns this job with these options over those that it has. */
  with(options: JobOptions): JobCall<Result> {
    checkOptions('options', options, jobOptions);
    return new JobCall({ ...this, options: { ...this.options, ...options } });
  }

  /**
   * Returns this job with one more callback, for either outcome. The callback gets the result or
   * the failure after its own arguments.
   */
  onBoth(callback: CallbackLike<Result>): JobCall<Result> {
    return this.#hang({ both: callback as CallbackLike<never> });
  }

  /** Returns this job with one more pair of callbacks. Only the side of the outcome runs. */
  on(sides: { readonly success?: CallbackLike<Result>; readonly failure?: CallbackLike<Failure> }): JobCall<Result> {
    return this.#hang(checkSides(sides as CallbackSides));
  }

  #hang(sides: CallbackSides): JobCall<Result> {
    return new JobCall({ ...this, callbacks: [...this.callbacks, sides] });
  }
}

/** A job, or a callable without required arguments in place of one. */
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
  // Names each part instead of spreading, because it runs once a job.
  const make = (...args: unknown[]) => new JobCall({ callable, args: [...given, ...args], capture, options });
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

/** @internal Refuses options of its own: the options of the whole count for its postprocess. */
export function checkPostprocess(postprocess: unknown): void {
  if (postprocess === undefined) return;
  if (!isCallable(postprocess))
    throw invalidOption('postprocess', 'must be a function of a module from defineJobs(), uncalled', postprocess);
  if (postprocess.options !== undefined)
    throw invalidOption('postprocess', 'must have no options: give them to the whole, with(options)', postprocess);
}
