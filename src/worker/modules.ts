/**
 * The registered modules in this thread: imported once, looked up by `module#export`. Only
 * registered modules, only own exports.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { encodeFailure, failureFrom } from '../codec/failure.js';
import { CallsheetError } from '../errors.js';
import { defaultImportMs, type ModuleDescription, type ModuleSetup } from '../protocol/dispatch.js';
import { importError, withinTime } from '../protocol/importing.js';

export type Handler = (...args: unknown[]) => unknown;

/** Imports a job module; gives what it exports. */
export type ImportModule = (url: string) => Promise<unknown>;

/** A module as it is imported here: by `import`, or as the test kit was told. */
export interface ModuleSource extends ModuleSetup {
  readonly importModule?: ImportModule | undefined;
}

type Modules = Readonly<Record<string, ModuleSource>>;
type Exports = Readonly<Record<string, unknown>>;

/**
 * Where a function was found, and by which name. It is read at every call: who exports it may have
 * put another in its place, such as a test's mock.
 */
interface Place {
  readonly exports: Exports;
  readonly key: string;
}

/**
 * By the modules that a runtime registered: two runtimes may have different files under one name.
 */
const found = new WeakMap<Modules, Map<string, Place>>();

/** What a module exports, or how importing it failed. */
export async function describeModule(source: ModuleSource): Promise<ModuleDescription> {
  try {
    const [first, second] = await exportsOf(source);
    const exported = Object.entries({ ...second, ...first });
    const functions = exported.filter(([, value]) => typeof value === 'function').map(([key]) => key);
    const others = exported.filter(([, value]) => typeof value !== 'function').map(([key]) => key);
    return { functions, others };
  } catch (error) {
    return { failure: encodeFailure(failureFrom(importError(error, source.url))) };
  }
}

/**
 * What a module exports by name; where two have a name, the first counts. Of a CommonJS module,
 * `import` finds only the names that it can read from the source text; `module.exports` has them
 * all.
 */
async function exportsOf({
  url,
  importMs = defaultImportMs,
  importModule,
}: ModuleSource): Promise<readonly [Exports, Exports?]> {
  const imported = (await withinTime(importMs, (importModule ?? importHere)(url))) as Exports;
  const common = imported['module.exports'] ?? commonExports(url);
  return Object(common) === common && common === imported.default ? [common as Exports, imported] : [imported];
}

const importHere: ImportModule = (url) => import(url);

/** Node before 23 does not say what is a CommonJS module, but keeps those that it loaded. */
function commonExports(url: string): unknown {
  try {
    return loaded[realpathSync(fileURLToPath(url))]?.exports;
  } catch {
    return undefined;
  }
}

const { cache: loaded } = createRequire(import.meta.url);

/** The function; a promise of it while its module was not imported in this thread. */
export function findFunction(modules: Modules, callable: string): Handler | Promise<Handler> {
  const place = placesOf(modules).get(callable);
  return place === undefined ? importFunction(modules, callable) : functionAt(place, callable);
}

function functionAt({ exports, key }: Place, callable: string): Handler {
  const handler = exports[key];
  if (typeof handler === 'function') return handler as Handler;
  const module = callable.slice(0, -key.length - 1);
  throw new CallsheetError('UNKNOWN_EXPORT', `${module} exports no function named ${key}`);
}

/**
 * Resolves when its module is imported in this thread. If that fails, so does whoever looks the
 * function up.
 */
export async function imported(modules: Modules, callable: string): Promise<void> {
  try {
    await findFunction(modules, callable);
  } catch {}
}

function placesOf(modules: Modules): Map<string, Place> {
  let places = found.get(modules);
  if (places === undefined) {
    places = new Map();
    found.set(modules, places);
  }
  return places;
}

async function importFunction(modules: Modules, callable: string): Promise<Handler> {
  const separator = callable.indexOf('#');
  const name = callable.slice(0, separator);
  const key = callable.slice(separator + 1);
  const setup = Object.hasOwn(modules, name) ? modules[name] : undefined;
  if (setup === undefined)
    throw new CallsheetError('UNKNOWN_MODULE', `no module is registered as ${JSON.stringify(name)}`);
  const exported = await exportsOf(setup);
  const place = { exports: exported.find((some) => some !== undefined && Object.hasOwn(some, key)) ?? {}, key };
  const handler = functionAt(place, callable);
  placesOf(modules).set(callable, place);
  return handler;
}

/**
 * The functions that run around a callable's jobs, as callables; undefined where its module has
 * none.
 */
export function hooksOf(
  modules: Modules,
  callable: string,
): { readonly setUp?: string; readonly tearDown?: string } | undefined {
  const name = callable.slice(0, callable.indexOf('#'));
  const { setUp, tearDown } = modules[name] ?? {};
  if (setUp === undefined && tearDown === undefined) return undefined;
  return {
    ...(setUp === undefined ? {} : { setUp: `${name}#${setUp}` }),
    ...(tearDown === undefined ? {} : { tearDown: `${name}#${tearDown}` }),
  };
}
