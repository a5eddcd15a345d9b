/**
 * Typed callables for the functions of a module, without importing it.
 *
 * What is stored of a callable is its module's registered name and its export's name; the running
 * build maps names to files.
 */

import type { Failure } from '../codec/failure.js';
import { CallsheetError } from '../errors.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import { type LogThreshold, logLevels } from '../protocol/messages.js';
import type { CallbackLike, CallbackSides } from './callbacks.js';
import type { Composition } from './compose.js';
import { checkOptions, checkSides, jobOptions, refused } from './known-options.js';
import type { JobOptions } from './options.js';

type Handler = (...args: never[]) => unknown;

/**
 * What a callable's job resolves to: the function's return value, awaited; where that is a job,
 * what that resolves to.
 */
type ResultOf<F extends Handler> = OutcomeOf<Awaited<ReturnType<F>>>;
type OutcomeOf<Returned> = Returned extends Puttable<infer Result> | Composition<infer Result> | Held<infer Result>
  ? Result
  : Returned;
/** A job as another holds it: what `currentJob().put` gives. */
type Held<Result> = { readonly id: string; readonly annotations: unknown; result(): Promise<Result> };

/** Called at every put; undefined where nothing is captured. */
type Capture = (() => unknown) | undefined;

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
   * @example job.addCallback(report.send.with('March').withOptions({ retry: retryErrors({ limit: 3
   * }) }))
   */
  withOptions(options: JobOptions): Callable<Args, Result>;
}

/** The functions of a module, as callables. Exports that are no functions do not appear. */
export type Callables<Module> = {
  readonly [Name in keyof Module as Module[Name] extends Handler ? Name : never]: Module[Name] extends Handler
    ? Callable<Parameters<Module[Name]>, ResultOf<Module[Name]>>
    : never;
};

/**
 * What `defineJobs` gives without a type argument. The compiler's error for each use shows the name
 * of its functions' type, and so the sentence. A build that only runs the jobs can give it to
 * `open` all the same.
 */
export interface UntypedJobs {
  readonly [name: string]: NoType<"defineJobs needs the module's type: defineJobs<typeof import('./module.js')>(…)">;
}

/** The type of a function of which the compiler knows nothing. */
export interface NoType<Reason extends string> {
  readonly reason: Reason;
}

declare const missing: unique symbol;
/** Stands for the type argument of `defineJobs` where there is none. */
interface TypeMissing {
  readonly [missing]: never;
}
/** `any` extends everything, but is given. */
type IfMissing<Module, Then, Else> = 0 extends 1 & Module ? Else : Module extends TypeMissing ? Then : Else;

/** A module that was registered with `defineJobs`, to be given to `open`. */
export type JobModule<Module = unknown> = IfMissing<Module, UntypedJobs, Callables<Module>> & {
  readonly [registration]: Registration;
};

interface Registration extends ModuleSetup {
  readonly name: string;
}

/** An export of the module; any name where its type is missing. */
type HookName<Module> = IfMissing<Module, string, keyof Module & string>;

/** What runs around each job of a module. */
export interface ModuleHooks<Module, Captured = unknown> {
  /**
   * The export that runs before each run of a job, given what was captured; if it fails, the job
   * fails.
   */
  readonly setUp?: HookName<Module>;
  /**
   * The export that runs after the outcome was stored, given what `setUp` returned; its own failure
   * is only logged.
   */
  readonly tearDown?: HookName<Module>;
  /**
   * From which level on lines about jobs of the module are logged, and lines that they log
   * themselves: `trace`, `debug` (each start and result), `info`, `warn`, `error`, `fatal` or
   * `silent`. As the runtime's logger by default.
   */
  readonly log?: LogThreshold;
  /**
   * Called at every put, here: what it returns (a tenant, a trace) is stored with the job and
   * handed to `setUp`.
   */
  readonly capture?: () => Captured;
}

const registration = Symbol('callsheet.module');

/** Letters, digits and a few signs: a name is part of what is stored. */
const nameForm = /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}$/;

/**
 * Registers a module of plain functions under a name, and gives typed callables for them. The
 * module is not imported here: only worker threads run it.
 *
 * @param name What stored jobs call the module by. It stays the same when the file moves.
 * @param url Where the module is: a `file:` URL, usually `new URL('./pi.js', import.meta.url)`.
 * @param hooks What runs around each of its jobs; nothing by default.
 * @example const pi = defineJobs<typeof import('./pi.js')>('pi', new URL('./pi.js',
 * import.meta.url));
 * @throws TypeError where the name or the URL is of another form.
 */
export function defineJobs<Module = TypeMissing>(
  name: string,
  url: URL | string,
  hooks: ModuleHooks<NoInfer<Module>> = {},
): JobModule<Module> {
  if (typeof name !== 'string' || !nameForm.test(name)) {
    throw new TypeError(
      `name: ${JSON.stringify(name)} is no module name; it takes letters, digits and _ . / -, 100 at most`,
    );
  }
  checkOptions('hooks', hooks, { setUp: true, tearDown: true, capture: true, log: true });
  const file = parseFileUrl(url);
  const made = new Map<string, Callable<unknown[], unknown>>();
  const { setUp, tearDown, capture, log } = hooks;
  if (log !== undefined && log !== 'silent' && !logLevels.includes(log))
    throw refused('hooks.log', `${JSON.stringify(log)} is not one of ${logLevels.join(', ')}, silent`);
  const around = { ...(setUp === undefined ? {} : { setUp }), ...(tearDown === undefined ? {} : { tearDown }) };
  const target = { [registration]: { name, url: file, ...around, ...(log === undefined ? {} : { log }) } };
  return new Proxy(target, {
    get(_, key) {
      if (key === registration) return target[registration];
      // A module that is awaited by mistake is not to look like a promise.
      if (typeof key === 'symbol' || key === 'then') return undefined;
      let callable = made.get(key);
      if (callable === undefined) {
        callable = makeCallable({ callable: `${name}#${key}`, given: [], capture });
        made.set(key, callable);
      }
      return callable;
    },
    set: () => false,
  }) as unknown as JobModule<Module>;
}

/** @internal */
export function registrationOf(module: unknown): Registration {
  const found = typeof module === 'object' && module !== null ? (module as JobModule)[registration] : undefined;
  if (found === undefined) throw new TypeError('jobs: every element is to come from defineJobs()');
  return found;
}

/** A job for what can stand for one: a callable that needs no arguments is a job without any. */
export type Puttable<Result = unknown> = JobCall<Result> | (() => JobCall<Result>);

/** @internal */
export function isCallable(value: unknown): value is Callable<unknown[], unknown> {
  return typeof value === 'function' && callables.has(value);
}

/** @internal A function as its module exports it, with nothing given. */
export function isExport(value: unknown): value is Callable<unknown[], unknown> {
  return isCallable(value) && value.given.length === 0 && value.options === undefined;
}

/** @internal Options are those of the whole: its postprocess has none of its own. */
export function checkPostprocess(form: string, postprocess: unknown): void {
  if (postprocess === undefined) return;
  if (!isCallable(postprocess))
    throw new TypeError(`${form}: postprocess is to be a function of a module from defineJobs(), uncalled`);
  if (postprocess.options !== undefined)
    throw new TypeError(`${form}: postprocess takes no options of its own; give them to the whole, with(options)`);
}

const callables = new WeakSet<object>();

interface CallableParts {
  readonly callable: string;
  readonly given: readonly unknown[];
  readonly capture: Capture;
  readonly options?: JobOptions;
}

function makeCallable(parts: CallableParts): Callable<unknown[], unknown> {
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

function parseFileUrl(url: URL | string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TypeError(`url: ${JSON.stringify(url)} is no URL; use new URL('./module.js', import.meta.url)`, {
      cause,
    });
  }
  if (parsed.protocol !== 'file:') {
    throw new CallsheetError('INVALID_OPTION', `url: a module of jobs is a file; ${parsed.protocol} URLs are not run`);
  }
  return parsed.href;
}
