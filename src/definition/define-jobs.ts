/**
 * Typed callables for the functions of a module, which is not imported here.
 *
 * A stored callable is the registered name of its module and the name of its export. The running
 * build maps the name of the module to a file.
 */

import type { Failure } from '../codec/failure.js';
import { type LogThreshold, logThresholds } from '../core/records.js';
import { invalidOption } from '../errors.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import type { ModuleLog } from '../protocol/log-levels.js';
import { checkFunction, checkOneOf, checkText } from './arguments.js';
import type { Callable } from './callable.js';
import type { Composition } from './compose.js';
import { makeCallable, type Puttable } from './job-call.js';
import { checkOptions } from './known-options.js';

type Handler = (...args: never[]) => unknown;

/** The result of a callable's job: the awaited return value, or the result of a returned job. */
type ResultOf<F extends Handler> = OutcomeOf<Awaited<ReturnType<F>>>;
type OutcomeOf<Returned> = Returned extends Failure
  ? never
  : Returned extends Puttable<infer Result> | Composition<infer Result> | Held<infer Result>
    ? Result
    : Returned;
/** A job as another holds it: the value of `currentJob().put`. */
type Held<Result> = { readonly id: string; readonly annotations: unknown; result(): Promise<Result> };

/** The functions of a module, as callables. Other exports do not appear. */
export type Callables<Module> = {
  readonly [Name in keyof Module as Module[Name] extends Handler ? Name : never]: Module[Name] extends Handler
    ? Callable<Parameters<Module[Name]>, ResultOf<Module[Name]>>
    : never;
};

/**
 * The value of `defineJobs` without a type argument. The compiler's error at each use shows the
 * sentence. A build that only runs the jobs can give the value to `open` all the same.
 */
export interface UntypedJobs {
  readonly [name: string]: NoType<"defineJobs needs the module's type: defineJobs<typeof import('./module.js')>(…)">;
}

/** The type of a function of an untyped module. It shows `reason` in the compiler's errors. */
export interface NoType<Reason extends string> {
  readonly reason: Reason;
}

declare const missing: unique symbol;
/** The type argument of `defineJobs` if none is given. */
interface TypeMissing {
  readonly [missing]: never;
}
/** `any` extends everything, and counts as given. */
type IfMissing<Module, Then, Else> = 0 extends 1 & Module ? Else : Module extends TypeMissing ? Then : Else;

/** A module registered with `defineJobs`, for the option `jobs` of `open`. */
export type JobModule<Module = unknown> = IfMissing<Module, UntypedJobs, Callables<Module>> & {
  readonly [registration]: Registration;
};

interface Registration extends ModuleSetup {
  readonly name: string;
}

/** An export of the module, or any name for an untyped module. */
type HookName<Module> = IfMissing<Module, string, keyof Module & string>;

/** The functions around each job of a module, and the level of its log. */
export interface ModuleHooks<Module, Captured = unknown> {
  /**
   * The export that runs before each run of a job, with the captured data. If it fails, the job
   * fails.
   */
  readonly setUp?: HookName<Module>;
  /**
   * The export that runs after the outcome is stored, with the value of `setUp`. Its failure is
   * only logged.
   */
  readonly tearDown?: HookName<Module>;
  /**
   * The lowest level of logged lines about jobs of the module, and of lines that its jobs log:
   * `trace`, `debug` (each start and result), `info`, `warn`, `error`, `fatal` or `silent`; or an
   * object with a level for each function, where `*` stands for the others. By default the level of
   * the runtime's logger. A job's option `log` goes before it.
   *
   * @example log: { resize: 'debug', '*': 'warn' }
   */
  readonly log?: ModuleLog<HookName<Module>>;
  /**
   * Called at every put, in the putting thread. Its value (a tenant, a trace) is stored with the
   * job and given to `setUp`.
   */
  readonly capture?: () => Captured;
}

const registration = Symbol('callsheet.module');

/** A name is part of stored keys, so few characters are allowed. */
const nameForm = /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}$/;

/**
 * Registers a module of plain functions under a name and returns typed callables for them. Only
 * worker threads import the module.
 *
 * @param name The name of the module in stored jobs. It must stay the same when the file moves.
 * @param url The `file:` URL of the module, usually `new URL('./pi.js', import.meta.url)`.
 * @param hooks Functions around each of its jobs; none by default.
 * @example
 * const pi = defineJobs<typeof import('./pi.js')>('pi', new URL('./pi.js', import.meta.url));
 * @throws {TypeError} INVALID_OPTION: an argument has the wrong type.
 * @throws {RangeError} INVALID_OPTION: the name or the URL is not allowed.
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
  if (log !== undefined) checkLog(log);
  const around = { ...(setUp === undefined ? {} : { setUp }), ...(tearDown === undefined ? {} : { tearDown }) };
  const target = { [registration]: { name, url: file, ...around, ...(log === undefined ? {} : { log }) } };
  return new Proxy(target, {
    get(_, key) {
      if (key === registration) return target[registration];
      // A module awaited by mistake must not look like a promise.
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

function checkLog(log: ModuleLog): void {
  const isMap = typeof log === 'object' && log !== null;
  for (const [name, level] of isMap ? Object.entries(log) : [['', log]])
    checkOneOf(name === '' ? 'hooks.log' : `hooks.log.${name}`, level as LogThreshold, logThresholds);
}

/** @internal */
export function isJobModule(value: unknown): value is JobModule {
  return typeof value === 'object' && value !== null && registration in value;
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
