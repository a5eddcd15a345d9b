/**
 * Typed callables for the functions of a module, without importing it.
 *
 * What is stored of a callable is its module's registered name and its export's name; the running
 * build maps names to files.
 */

import { invalidOption } from '../errors.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import { type LogThreshold, logLevels } from '../protocol/messages.js';
import { checkFunction, checkOneOf, checkText } from './arguments.js';
import type { Callable } from './callable.js';
import type { Composition } from './compose.js';
import { makeCallable, type Puttable } from './job-call.js';
import { checkOptions } from './known-options.js';

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
 * @example
 * const url = new URL('./pi.js', import.meta.url);
 * const pi = defineJobs<typeof import('./pi.js')>('pi', url);
 * @throws TypeError where the name or the URL is of another form.
 */
export function defineJobs<Module = TypeMissing>(
  name: string,
  url: URL | string,
  hooks: ModuleHooks<NoInfer<Module>> = {},
): JobModule<Module> {
  checkText('name', name, 'must be a string of 1 to 100 letters, digits and _ . / -', (text) => nameForm.test(text));
  checkOptions('hooks', hooks, { setUp: true, tearDown: true, capture: true, log: true });
  const file = parseFileUrl(url);
  const made = new Map<string, Callable<unknown[], unknown>>();
  const { setUp, tearDown, capture, log } = hooks;
  for (const [hook, exported] of Object.entries({ setUp, tearDown }))
    if (exported !== undefined) checkText(`hooks.${hook}`, exported, 'must be the name of an export', () => true);
  if (capture !== undefined) checkFunction('hooks.capture', capture);
  if (log !== undefined) checkOneOf('hooks.log', log, [...logLevels, 'silent']);
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
export function registrationOf(module: unknown, path: string): Registration {
  const found = typeof module === 'object' && module !== null ? (module as JobModule)[registration] : undefined;
  if (found === undefined) throw invalidOption(path, 'must be a module from defineJobs()', module);
  return found;
}

function parseFileUrl(url: URL | string): string {
  const rule = "must be a file: URL, such as new URL('./module.js', import.meta.url)";
  if (typeof url !== 'string' && !(url instanceof URL)) throw invalidOption('url', rule, url);
  if (!URL.canParse(String(url))) throw invalidOption('url', rule, url, RangeError);
  const { protocol, href } = new URL(url);
  if (protocol !== 'file:') throw invalidOption('url', rule, href, RangeError);
  return href;
}
