/**
 * The registered modules in this thread: imported once, looked up by `module#export`. Only registered modules, only own exports.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CallsheetError } from '../errors.js';
import type { ModuleDescription, ModuleSetup } from '../protocol/dispatch.js';
import { encodeFailure, failureFrom } from '../protocol/failure.js';

export type Handler = (...args: unknown[]) => unknown;
const { cache: loaded } = createRequire(import.meta.url);

type Modules = Readonly<Record<string, ModuleSetup>>;

/** By the modules that a runtime registered: two runtimes may have different files under one name. */
const found = new WeakMap<Modules, Map<string, Handler>>();

/** What a module exports, or how importing it failed. */
export async function describeModule({ url }: ModuleSetup): Promise<ModuleDescription> {
  try {
    const exported = Object.entries(await exportsOf(url));
    const functions = exported.filter(([, value]) => typeof value === 'function').map(([key]) => key);
    const others = exported.filter(([, value]) => typeof value !== 'function').map(([key]) => key);
    return { functions, others };
  } catch (error) {
    return { failure: encodeFailure(failureFrom(error)) };
  }
}

/**
 * What a module exports by name. Of a CommonJS module, `import` finds only the names that it can read from the source
 * text; `module.exports` has them all.
 */
async function exportsOf(url: string): Promise<Readonly<Record<string, unknown>>> {
  const found = (await import(url)) as Record<string, unknown>;
  const common = found['module.exports'] ?? commonExports(url);
  return Object(common) === common && common === found.default ? { ...found, ...(common as object) } : found;
}

/** Node before 23 does not say what is a CommonJS module, but keeps those that it loaded. */
function commonExports(url: string): unknown {
  try {
    return loaded[realpathSync(fileURLToPath(url))]?.exports;
  } catch {
    return undefined;
  }
}

/** The function; a promise of it while its module was not imported in this thread. */
export function findFunction(modules: Modules, callable: string): Handler | Promise<Handler> {
  return handlersOf(modules).get(callable) ?? importFunction(modules, callable);
}

/** Resolves when its module is imported in this thread. If that fails, so does whoever looks the function up. */
export async function imported(modules: Modules, callable: string): Promise<void> {
  try {
    await findFunction(modules, callable);
  } catch {}
}

function handlersOf(modules: Modules): Map<string, Handler> {
  let handlers = found.get(modules);
  if (handlers === undefined) {
    handlers = new Map();
    found.set(modules, handlers);
  }
  return handlers;
}

async function importFunction(modules: Modules, callable: string): Promise<Handler> {
  const separator = callable.indexOf('#');
  const name = callable.slice(0, separator);
  const key = callable.slice(separator + 1);
  const setup = Object.hasOwn(modules, name) ? modules[name] : undefined;
  if (setup === undefined)
    throw new CallsheetError('UNKNOWN_MODULE', `no module is registered as ${JSON.stringify(name)}`);
  const exported = await exportsOf(setup.url);
  const handler = Object.hasOwn(exported, key) ? exported[key] : undefined;
  if (typeof handler !== 'function')
    throw new CallsheetError('UNKNOWN_EXPORT', `${name} exports no function named ${key}`);
  handlersOf(modules).set(callable, handler as Handler);
  return handler as Handler;
}

/** The functions that run around a callable's jobs, as callables; undefined where its module has none. */
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
