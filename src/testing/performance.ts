/**
 * One run of a job in the thread of the test: the same steps as in `worker/main.ts`, which belongs to a thread and cannot be imported
 * here.
 */
import type { Run } from '../coordinator/pool-port.js';
import { Composition } from '../definition/compose.js';
import { JobCall } from '../definition/define-jobs.js';
import type { Outcome } from '../protocol/board.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import { decodeFailure, encodeFailure, failureFrom, isFailure } from '../protocol/failure.js';
import { idFromBytes } from '../protocol/id.js';
import { packBatch } from '../protocol/packing.js';
import { decodePayload, encodePayload } from '../protocol/payload.js';
import { type JobContext, JobReference, referenceOf, running } from '../worker/context.js';
import { findFunction, hooksOf } from '../worker/modules.js';
import type { VirtualThread } from './virtual-thread.js';

/** How a run ended, without what only its pool knows. */
export type Ended = Pick<Outcome, 'kind' | 'payload' | 'note' | 'inner'>;

const nothing = new Uint8Array();

export class Performance {
  readonly #thread: VirtualThread;
  readonly #modules: Readonly<Record<string, ModuleSetup>>;
  readonly #job: JobContext;
  readonly #run: Run;
  readonly #hooks: ReturnType<typeof hooksOf>;
  /** What `setUp` returned. */
  #set: unknown;

  constructor(thread: VirtualThread, modules: Readonly<Record<string, ModuleSetup>>, job: JobContext, run: Run) {
    this.#thread = thread;
    this.#modules = modules;
    this.#job = job;
    this.#run = run;
    this.#hooks = hooksOf(modules, run.callable);
  }

  /** Runs it, at once where nothing is to be waited for; the promise, where there is one, is never rejected. */
  begin(): Ended | Promise<Ended> {
    try {
      const returned = running.run(this.#job, () => (this.#hooks === undefined ? this.#call() : this.#callHooked()));
      if (!isThenable(returned)) return this.#ended(returned);
      return Promise.resolve(returned)
        .then((value) => this.#ended(value))
        .catch(thrown);
    } catch (error) {
      return thrown(error);
    }
  }

  /** To be called when the outcome is stored; undefined where nothing is to be done then. */
  get finish(): (() => void) | undefined {
    const tearDown = this.#hooks?.tearDown;
    return tearDown === undefined ? undefined : () => void this.#tearDown(tearDown);
  }

  /** Its own failure changes nothing any more. */
  async #tearDown(tearDown: string): Promise<void> {
    try {
      const found = await findFunction(this.#modules, tearDown);
      await running.run(this.#job, () => found(this.#set));
    } catch (error) {
      this.#job.logger.fatal(error, 'tearDown failed');
    }
  }

  #call(): unknown {
    const { callable, fed } = this.#run;
    const { values } = this.#arguments();
    if (fed !== null) values.push(fed[0] === 'failure' ? decodeFailure(fed[1]) : decodeValue(fed[0], fed[1]));
    const found = findFunction(this.#modules, callable);
    return typeof found === 'function' ? found(...values) : found.then((handler) => handler(...values));
  }

  async #callHooked(): Promise<unknown> {
    const setUp = this.#hooks?.setUp;
    if (setUp !== undefined) this.#set = await (await findFunction(this.#modules, setUp))(this.#arguments().captured);
    return this.#call();
  }

  /** A list; or the list with what its module's definition captured when the job was put. */
  #arguments(): { values: unknown[]; captured?: unknown } {
    const { args } = this.#run;
    if (args === null) return { values: [] };
    const reference = (id: Uint8Array) => new JobReference(idFromBytes(id), this.#thread, true);
    const decoded = decodePayload(args, { reference }) as unknown[] | { args: unknown[]; captured: unknown };
    return Array.isArray(decoded) ? { values: decoded } : { values: decoded.args, captured: decoded.captured };
  }

  #ended(value: unknown): Ended {
    const job = this.#job;
    const returned = value instanceof JobCall || value instanceof Composition ? job.put(value) : value;
    const inner = job.inner.length === 0 ? nothing : packBatch(job.inner);
    if (returned instanceof JobReference) return { kind: 'job', payload: nothing, note: returned.internalId, inner };
    if (isFailure(returned)) return { kind: 'failure', payload: encodeFailure(returned), note: '', inner };
    const payload = encodePayload(returned, { root: 'result', code: 'RESULT_NOT_STORABLE', reference: referenceOf });
    return { kind: 'value', payload, note: '', inner };
  }
}

function thrown(error: unknown): Ended {
  const failure = failureFrom(error);
  const note = failure.names.join('\n').replace(/[^\x20-\x7e\n]/g, '?');
  return { kind: 'thrown', payload: encodeFailure(failure), note, inner: nothing };
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
