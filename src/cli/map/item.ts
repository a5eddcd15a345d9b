/**
 * The job module of `callsheet map`. Its jobs call the user's function, which the query of this
 * module's URL names, and return the result as JSON: so results become text in the worker threads,
 * and the main thread only writes them.
 */
import { isFailure } from '../../codec/failure.js';
import { importError } from '../../protocol/importing.js';
import { currentJob } from '../../worker/context.js';
import { resultAsJson } from './json.js';

type Handler = (...args: unknown[]) => unknown;

/** The result of a job; `json` is the value that the user's function returned. */
export type Ran = readonly [at: number, ms: number, attempt: number, json: string];

// Standard output has the results only.
process.stdout.write = process.stderr.write.bind(process.stderr);

const query = new URL(import.meta.url).searchParams;
const handler = await load(query.get('module')!, query.get('function')!);
const joiner = query.has('postprocess') ? await load(query.get('postprocess')!, query.get('joiner')!) : undefined;

/** Runs one item. A failure that the function returns on purpose fails the item. */
export async function item(...args: unknown[]): Promise<unknown> {
  return run(() => handler(...args));
}

/** Calls the postprocess with the completed items of a log. */
export async function postprocess(log: string, order: 'input' | 'done'): Promise<unknown> {
  const { readCompleted } = await import('./read-completed.js');
  const items = readCompleted(log, order);
  return run(() => joiner!(items));
}

async function run(call: () => unknown): Promise<unknown> {
  const at = Date.now();
  const from = performance.now();
  const value = await call();
  if (isFailure(value)) return value;
  const ms = Math.round((performance.now() - from) * 1000) / 1000;
  return [at, ms, currentJob().attempt, resultAsJson(value)] satisfies Ran;
}

async function load(url: string, name: string): Promise<Handler> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(url)) as Record<string, unknown>;
  } catch (error) {
    const { message, stack } = importError(error, url) as Error;
    throw new Error(`${url} cannot be imported: ${stack ?? message}`, { cause: error });
  }
  // A CommonJS module has its exports as `default`, too.
  const common = Object(exported.default) as Record<string, unknown>;
  const found = exported[name] ?? common[name];
  if (typeof found === 'function') return found as Handler;
  const names = [...new Set([...Object.entries(exported), ...Object.entries(common)])]
    .filter(([, value]) => typeof value === 'function')
    .map(([key]) => key);
  throw new Error(
    `${url} exports no function ${JSON.stringify(name)}; its functions: ${[...new Set(names)].join(', ') || 'none'}`,
  );
}
