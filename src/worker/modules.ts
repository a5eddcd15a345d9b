/**
 * The registered job modules in this thread. A module is imported once; functions are looked up by
 * `module#export`. Only registered modules and own exports can be reached.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { encodeFailure, failureFrom } from '../codec/failure.js';
import { UnknownExportError, UnknownModuleError } from '../errors.js';
import { defaultImportMs, type ModuleDescription, type ModuleSetup } from '../protocol/dispatch.js';
import { importError, withinTime } from '../protocol/importing.js';

export type Handler = (...args: unknown[]) => unknown;

export type ImportModule = (url: string) => Promise<unknown>;

/** A registered module, with the test kit's importer if it has one; default: `import`. */
export interface ModuleSource extends ModuleSetup {
  readonly importModule?: ImportModule | undefined;
}

type Modules = Readonly<Record<string, ModuleSource>>;
type Exports = Readonly<Record<string, unknown>>;

/**
 * The place of a function. It is read again at each call, because the export may have been
 * replaced, for example by a test's mock.
 */
interface Place {
  readonly exports: Exports;
  readonly key: string;
}

/**
 * Places by the modules that a runtime registered. Two runtimes may register different files under
 * one name.
 */
const found = new WeakMap<Modules, Map<string, Place>>();

/** Returns the names that a module exports, or the failure of its import. */
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
 * Returns the exports of a module by name; the first object with a name wins. `import` of a
 * CommonJS module finds only the names that Node can read from the source text; `module.exports`
 * has all.
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

/**
 * The `module.exports` of a CommonJS module. Node before 23 does not mark CommonJS modules, but has
 * them in its `require` cache.
 */
function commonExports(url: string): unknown {
  try {
    return loaded[realpathSync(fileURLToPath(url))]?.exports;
  } catch {
    return undefined;
  }
}

const { cache: loaded } = createRequire(import.meta.url);

/** Returns the function, or a promise if its module is not yet imported in this thread. */
export function findFunction(modules: Modules, callable: string): Handler | Promise<Handler> {
  const place = placesOf(modules).get(callable);
  return place === undefined ? importFunction(modules, callable) : functionAt(place, callable);
}

function functionAt({ exports, key }: Place, callable: string): Handler {
  const handler = exports[key];
  if (typeof handler === 'function') return handler as Handler;
  const module = callable.slice(0, -key.length - 1);
  throw new UnknownExportError(`${module} exports no function named ${key}`);
}

/**
 * Resolves when the callable's module is imported in this thread. Ignores an error: looking the
 * function up reports it.
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
  if (setup === undefined) throw new UnknownModuleError(`no module is registered as ${JSON.stringify(name)}`);
  const exported = await exportsOf(setup);
  const place = { exports: exported.find((some) => some !== undefined && Object.hasOwn(some, key)) ?? {}, key };
  const handler = functionAt(place, callable);
  placesOf(modules).set(callable, place);
  return handler;
}

/** Returns the callables of a module's `setUp` and `tearDown`; `undefined` if it has neither. */
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
