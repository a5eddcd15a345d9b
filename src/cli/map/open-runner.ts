/** The runtime that runs the items. It keeps nothing: the run's log does. */
import { defineJobs, type JobModule } from '../../definition/define-jobs.js';
import { retryNever } from '../../definition/retry-policies.js';
import { ModuleNotLoadableError } from '../../errors.js';
import type { Job } from '../../runtime/job.js';
import { open, type Runtime } from '../../runtime/open.js';
import { CommandError, exitCodes } from '../exit.js';
import { makeLogger } from '../logger.js';

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
    return new Runner(runtime, items, policies?.again ?? retryNever);
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

export class Runner {
  readonly #runtime: Runtime;
  readonly #items: Items;
  readonly #retry: typeof retryNever | Policies['again'];
  #closed: Promise<number> | undefined;

  constructor(runtime: Runtime, items: Items, retry: typeof retryNever | Policies['again']) {
    this.#runtime = runtime;
    this.#items = items;
    this.#retry = retry;
  }

  /** Puts a call for an item. */
  put(value: unknown, timeoutMs: number | undefined): Promise<Job> {
    const retry = this.#retry;
    return this.#runtime
      .queue()
      .put(this.#items.item(value), timeoutMs === undefined ? { retry } : { retry, timeoutMs });
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
