/**
 * One run of a job in the thread it is in: arguments decoded, hooks around it, its end as data.
 * What happens to the end is the caller's.
 */

import { decodeFailure, encodeFailure, type Failure, failureFrom, isFailure } from '../codec/failure.js';
import { decodePayload, encodePayload } from '../codec/payload.js';
import type { HandedBuffer } from '../codec/transfer.js';
import { Composition } from '../definition/compose.js';
import { isCallable, JobCall } from '../definition/define-jobs.js';
import { Mapping } from '../definition/map.js';
import { NotStorableError } from '../errors.js';
import type { Outcome } from '../protocol/board.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { ModuleSetup, WireRun } from '../protocol/dispatch.js';
import { packBatch } from '../protocol/packing.js';
import { type JobContext, JobReference, referenceOf, references, running } from './context.js';
import { findFunction, type Handler, hooksOf } from './modules.js';
import { isSound } from './soundness.js';
import type { ThreadContext } from './thread-context.js';

/** How a run ended, without what only its caller knows. */
export type Ended = Pick<Outcome, 'kind' | 'payload' | 'note' | 'inner'>;

/** What is called, and with what. */
export interface Called {
  readonly callable: string;
  readonly args: Uint8Array | null;
  readonly fed: WireRun['fed'];
}

const nothing = new Uint8Array();

export class Execution {
  readonly #thread: ThreadContext;
  readonly #modules: Readonly<Record<string, ModuleSetup>>;
  readonly #job: JobContext;
  readonly #called: Called;
  readonly #hooks: ReturnType<typeof hooksOf>;
  #handed: readonly HandedBuffer[] | undefined;
  /** What `setUp` returned. */
  #set: unknown;
  /** Whether callsheet's own code is at work, around the job's. */
  #isOurs = true;

  constructor(thread: ThreadContext, modules: Readonly<Record<string, ModuleSetup>>, job: JobContext, called: Called) {
    this.#thread = thread;
    this.#modules = modules;
    this.#job = job;
    this.#called = called;
    this.#hooks = hooksOf(modules, called.callable);
  }

  /** Whether something is to be done once the outcome is stored; see `finish`. */
  get isHooked(): boolean {
    return this.#hooks?.tearDown !== undefined;
  }

  /**
   * Synchronous where all is at hand, so that a short job costs no turn of the loop. Throws, or
   * rejects, only what is no fault of the job's: its thread is broken.
   */
  begin(): Ended | Promise<Ended> {
    try {
      const returned = running.run(this.#job, run, this);
      return isThenable(returned) ? this.#awaited(returned) : this.#ended(returned);
    } catch (error) {
      return this.#thrown(error);
    }
  }

  /** To be called when the outcome is stored. Its own failure changes nothing any more. */
  async finish(): Promise<void> {
    const tearDown = this.#hooks?.tearDown;
    if (tearDown === undefined) return;
    try {
      const found = await findFunction(this.#modules, tearDown);
      await running.run(this.#job, () => found(this.#set));
    } catch (error) {
      this.#job.logger.fatal(error, 'tearDown failed');
    }
  }

  async #awaited(returned: PromiseLike<unknown>): Promise<Ended> {
    try {
      return this.#ended(await returned);
    } catch (error) {
      return this.#thrown(error);
    }
  }

  /** @internal */
  run(): unknown {
    return this.#hooks === undefined ? this.#call() : this.#callHooked();
  }

  #call(): unknown {
    const { callable, fed } = this.#called;
    const { values } = this.#arguments();
    if (fed !== null) {
      const [kind, payload] = fed;
      values.push(kind === 'failure' ? decodeFailure(payload) : decodeValue(kind, payload, references(this.#thread)));
    }
    const found = findFunction(this.#modules, callable);
    return typeof found === 'function' ? this.#handle(found, values) : found.then((one) => this.#handle(one, values));
  }

  #handle(handler: Handler, values: unknown[]): unknown {
    this.#isOurs = false;
    return handler(...values);
  }

  async #callHooked(): Promise<unknown> {
    const setUp = this.#hooks?.setUp;
    if (setUp !== undefined) {
      this.#set = await this.#handle(await findFunction(this.#modules, setUp), [this.#arguments().captured]);
      this.#isOurs = true;
    }
    return this.#call();
  }

  /** A list; or the list with what its module's definition captured when the job was put. */
  #arguments(): { values: unknown[]; captured?: unknown } {
    const { args } = this.#called;
    if (args === null) return { values: [] };
    const options = { ...references(this.#thread), buffer: (place: number) => this.#handedOver()[place] };
    const decoded = decodePayload(args, options) as unknown[] | { args: unknown[]; captured: unknown };
    return Array.isArray(decoded) ? { values: decoded } : { values: decoded.args, captured: decoded.captured };
  }

  /**
   * The buffers that the job is given as they are, asked for once: until it begins, the coordinator
   * has them.
   */
  #handedOver(): readonly HandedBuffer[] {
    const { internalId } = this.#job;
    this.#handed ??= this.#thread.askSync((request) => ['buffers', request, internalId]) as readonly HandedBuffer[];
    return this.#handed;
  }

  /** A value; a failure that was meant; or a job whose outcome is taken. */
  #ended(value: unknown): Ended {
    this.#isOurs = true;
    const job = this.#job;
    if (value instanceof Mapping)
      throw new NotStorableError(
        'RESULT_NOT_STORABLE',
        'result',
        'is a map, which only a runtime puts: its items stay in the process that has them',
      );
    const isJob = value instanceof JobCall || value instanceof Composition || isCallable(value);
    const returned = isJob ? job.put(value) : value;
    const inner = job.inner.length === 0 ? nothing : packBatch(job.inner);
    if (returned instanceof JobReference) return { kind: 'job', payload: nothing, note: returned.internalId, inner };
    if (isFailure(returned)) return { kind: 'failure', payload: encodeFailure(returned), note: '', inner };
    const { payloadLimitBytes: limitBytes } = this.#thread;
    const options = { root: 'result', code: 'RESULT_NOT_STORABLE', limitBytes, reference: referenceOf } as const;
    const payload = encodePayload(returned, options);
    return { kind: 'value', payload, note: '', inner };
  }

  /**
   * What a job broke in this thread, mostly another one, is not told as this one's own error: see
   * `isSound`.
   */
  #thrown(error: unknown): Ended {
    if (this.#isOurs && !isSound()) throw error;
    const failure = failureFrom(error);
    return { kind: 'thrown', payload: encodeFailure(failure), note: namesOf(failure), inner: nothing };
  }
}

const run = (execution: Execution) => execution.run();

/** The names of the error and its classes, in lines, of the characters that all have one byte. */
const namesOf = ({ names }: Failure) => names.join('\n').replace(/[^\x20-\x7e\n]/g, '?');

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
