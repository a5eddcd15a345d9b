/** The runtime that runs the items. It keeps nothing: the run's log does. */
import { defineJobs, type JobModule } from '../../definition/define-jobs.js';
import { retryNever } from '../../definition/retry-policies.js';
import { ModuleNotLoadableError } from '../../errors.js';
import type { Job } from '../../runtime/job.js';
import { open } from '../../runtime/open.js';
import type { Runtime } from '../../runtime/runtime.js';
import { CommandError, exitCodes } from '../exit.js';
import { makeLogger } from '../logger.js';
import type { Item } from './slices.js';

/** A function of a file. */
export interface FunctionName {
  readonly file: string;
  readonly url: string;
  readonly name: string;
  /** As messages show it. */
  readonly shown: string;
}

export interface RunnerOptions {
  readonly threads?: number;
  readonly retries: number;
  readonly backoff: number;
  readonly args?: readonly unknown[];
}

type Items = JobModule<typeof import('./item.js')>;
type Policies = JobModule<typeof import('./again.js')>;

/**
 * Opens the runtime.
 *
 * @throws {CommandError} a module cannot be imported, or has no such function.
 */
export async function openRunner(
  handler: FunctionName,
  joiner: FunctionName | undefined,
  options: RunnerOptions,
): Promise<Runner> {
  const item = new URL('./item.js', import.meta.url);
  item.searchParams.set('module', handler.url);
  item.searchParams.set('function', handler.name);
  if (joiner !== undefined) {
    item.searchParams.set('postprocess', joiner.url);
    item.searchParams.set('joiner', joiner.name);
  }
  const items: Items = defineJobs<typeof import('./item.js')>('map', item);
  const policies = options.retries === 0 ? undefined : policiesOf(options);
  try {
    const runtime = await open({
      jobs: policies === undefined ? [items] : [items, policies],
      durability: 'memory',
      retention: { count: 0 },
      logger: makeLogger({ logLevel: 'fatal', logFormat: 'auto' }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
    });
    return new Runner(runtime, items, policies?.again ?? retryNever, options.args);
  } catch (error) {
    if (!(error instanceof ModuleNotLoadableError)) throw error;
    const { message } = (error.cause as Error | undefined) ?? error;
    throw new CommandError(exitCodes.configuration, message);
  }
}

function policiesOf({ retries, backoff }: RunnerOptions): Policies {
  const again = new URL('./again.js', import.meta.url);
  again.searchParams.set('limit', String(retries));
  again.searchParams.set('delay', String(backoff));
  return defineJobs<typeof import('./again.js')>('retries', again);
}

/** Returns a template with the item for each text `{}`, and its number for `{n}`. */
export function filledIn(template: unknown, item: unknown, n: number): unknown {
  if (template === '{}') return item;
  if (template === '{n}') return n;
  if (Array.isArray(template)) return template.map((one) => filledIn(one, item, n));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, one]) => [key, filledIn(one, item, n)]));
}

export class Runner {
  readonly #runtime: Runtime;
  readonly #items: Items;
  readonly #retry: typeof retryNever | Policies['again'];
  readonly #args: readonly unknown[] | undefined;
  #closed: Promise<number> | undefined;

  constructor(
    runtime: Runtime,
    items: Items,
    retry: typeof retryNever | Policies['again'],
    args: readonly unknown[] | undefined,
  ) {
    this.#runtime = runtime;
    this.#items = items;
    this.#retry = retry;
    this.#args = args;
  }

  /** Puts a call for an item. */
  put({ n, value }: Pick<Item, 'n' | 'value'>, timeoutMs: number | undefined): Promise<Job> {
    const retry = this.#retry;
    const args = this.#args === undefined ? [value] : (filledIn(this.#args, value, n) as unknown[]);
    return this.#runtime
      .queue()
      .put(this.#items.item(...args), timeoutMs === undefined ? { retry } : { retry, timeoutMs });
  }

  /** Puts the call of the postprocess. */
  putPostprocess(log: string, order: 'input' | 'done'): Promise<Job> {
    return this.#runtime.queue().put(this.#items.postprocess(log, order), { retry: retryNever });
  }

  /**
   * Ends the runtime. Returns the number of threads that hang.
   *
   * @param graceMs How long running items may go on.
   *
   * @throws the error on which the runtime has ended.
   */
  close(graceMs: number): Promise<number> {
    this.#closed ??= this.#runtime.close({ graceMs }).then(({ hangingThreads, error }) => {
      if (error !== undefined) throw error;
      return hangingThreads.length;
    });
    return this.#closed;
  }
}
