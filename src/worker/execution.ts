/**
 * Executes one run of a job in the current thread: decodes the arguments, calls the hooks and the
 * handler, and returns the outcome as data. The caller publishes the outcome.
 */

import { decodeFailure, encodeFailure, type Failure, failureFrom, isFailure } from '../codec/failure.js';
import { type DecodeOptions, type EncodeOptions, encodePayload } from '../codec/payload.js';
import type { HandedBuffer } from '../codec/transfer.js';
import { isCallable } from '../definition/callable.js';
import { Composition } from '../definition/compose.js';
import { JobCall } from '../definition/job-call.js';
import { Mapping } from '../definition/map.js';
import { NotStorableError } from '../errors.js';
import type { RunReport } from '../protocol/board.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { ModuleSetup, WireRun } from '../protocol/dispatch.js';
import { packBatch } from '../protocol/packing.js';
import { decodeCall, type StoredCall, unknownTrace } from '../protocol/stored-call.js';
import { type JobContext, JobReference, referenceOf, references, running } from './context.js';
import { findFunction, type Handler, hooksOf } from './modules.js';
import { RunTrace } from './run-trace.js';
import { isSound } from './soundness.js';
import type { ThreadContext } from './thread-context.js';

/** The part of a run's outcome that does not depend on slot and time. */
export type Ended = Pick<RunReport, 'kind' | 'payload' | 'note' | 'inner'>;

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
  /** Undefined unless the run is traced. */
  #trace: RunTrace | undefined;
  #handed: readonly HandedBuffer[] | undefined;
  /** The value that `setUp` returned. */
  #set: unknown;
  /** `true` while callsheet's own code runs, before and after the job's function. */
  #isOurs = true;

  constructor(thread: ThreadContext, modules: Readonly<Record<string, ModuleSetup>>, job: JobContext, called: Called) {
    this.#thread = thread;
    this.#modules = modules;
    this.#job = job;
    this.#called = called;
    this.#hooks = hooksOf(modules, called.callable);
  }

  /** `true` if `finish` must be called once the outcome is stored. */
  get isHooked(): boolean {
    return this.#hooks?.tearDown !== undefined;
  }

  /**
   * Runs the job. The outcome is returned synchronously if nothing has to be awaited, so that a
   * short job costs no turn of the event loop. Throws or rejects only if the thread is broken (see
   * `isSound`), never for an error of the job.
   */
  begin(): Ended | Promise<Ended> {
    try {
      const returned = running.run(this.#job, run, this);
      return isThenable(returned) ? this.#awaited(returned) : this.#ended(returned);
    } catch (error) {
      return this.#thrown(error);
    }
  }

  /**
   * Calls `tearDown`. The caller must have stored the outcome; an error here no longer changes it.
   */
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
    const call = this.#arguments();
    const { isPart } = this.#job;
    const { trace = this.#thread.board.tracesRuns && !isPart ? unknownTrace : undefined } = call;
    if (trace === undefined) return this.#perform(call);
    const traced = new RunTrace(this.#thread, this.#job.traced, trace);
    this.#trace = traced;
    this.#job.innerTrace = () => traced.inner;
    return traced.around(() => this.#perform(call));
  }

  /** Ends the trace of the run, before its outcome is published. */
  trace(ended: Ended, startedAt: number, ranMs: number): void {
    this.#trace?.end(ended, this.#job.cancelled, startedAt, ranMs);
  }

  #perform(call: StoredCall): unknown {
    return this.#hooks === undefined ? this.#call(call) : this.#callHooked(call);
  }

  #call({ args: values }: StoredCall): unknown {
    const { callable, fed } = this.#called;
    if (fed !== null) {
      const { kind, payload } = fed;
      values.push(kind === 'failure' ? decodeFailure(payload) : decodeValue(kind, payload, references(this.#thread)));
    }
    const found = findFunction(this.#modules, callable);
    return typeof found === 'function' ? this.#handle(found, values) : found.then((one) => this.#handle(one, values));
  }

  #handle(handler: Handler, values: unknown[]): unknown {
    this.#isOurs = false;
    return handler(...values);
  }

  async #callHooked(call: StoredCall): Promise<unknown> {
    const setUp = this.#hooks?.setUp;
    if (setUp !== undefined) {
      this.#set = await this.#handle(await findFunction(this.#modules, setUp), [call.captured]);
      this.#isOurs = true;
    }
    return this.#call(call);
  }

  #arguments(): StoredCall {
    const { args } = this.#called;
    if (args === null) return { args: [] };
    decoding = this;
    try {
      return decodeCall(args, codecOf(this.#thread).args);
    } finally {
      decoding = undefined;
    }
  }

  /**
   * Returns the buffers given to the job without copying. They are requested once: the coordinator
   * keeps them until the job begins.
   *
   * @internal
   */
  handedOver(): readonly HandedBuffer[] {
    const { internalId } = this.#job;
    this.#handed ??= this.#thread.askSync((request) => ['buffers', request, internalId]) as readonly HandedBuffer[];
    return this.#handed;
  }

  /**
   * Encodes a returned value: a plain value, a failure returned on purpose, or another job that
   * gives this one its outcome.
   */
  #ended(value: unknown): Ended {
    this.#isOurs = true;
    const job = this.#job;
    if (value instanceof Mapping)
      throw new NotStorableError(
        'RESULT_NOT_STORABLE',
        'result',
        'is a map, which only a runtime can put: its items stay in the process that created it',
      );
    const isJob = value instanceof JobCall || value instanceof Composition || isCallable(value);
    const returned = isJob ? job.put(value) : value;
    const inner = job.inner.length === 0 ? nothing : packBatch(job.inner);
    if (returned instanceof JobReference) return { kind: 'job', payload: nothing, note: returned.internalId, inner };
    if (isFailure(returned))
      return { kind: 'failure', payload: encodeFailure(returned), note: namesOf(returned), inner };
    const payload = encodePayload(returned, codecOf(this.#thread).result);
    return { kind: 'value', payload, note: '', inner };
  }

  /**
   * Encodes a thrown error. If callsheet's own code threw because a job, often an earlier one,
   * broke something in this thread, the error is rethrown: it is not an error of this job.
   */
  #thrown(error: unknown): Ended {
    if (this.#isOurs && !isSound()) throw error;
    const failure = failureFrom(error);
    return { kind: 'thrown', payload: encodeFailure(failure), note: namesOf(failure), inner: nothing };
  }
}

const run = (execution: Execution) => execution.run();

/** The execution whose arguments are decoded now: decoding never waits, so there is one at most. */
let decoding: Execution | undefined;

interface Codec {
  readonly args: DecodeOptions;
  readonly result: EncodeOptions;
}

/** The options of each thread, made once: every job needs them. */
const codecs = new WeakMap<ThreadContext, Codec>();

function codecOf(thread: ThreadContext): Codec {
  const known = codecs.get(thread);
  if (known !== undefined) return known;
  const { payloadLimitBytes: limitBytes } = thread;
  const { reference } = references(thread);
  const codec: Codec = {
    args: { reference, buffer: (place) => decoding!.handedOver()[place] },
    result: { root: 'result', code: 'RESULT_NOT_STORABLE', limitBytes, reference: referenceOf },
  };
  codecs.set(thread, codec);
  return codec;
}

/** The names of the error and its classes, one a line, reduced to one-byte characters. */
const namesOf = ({ names }: Failure) => names.join('\n').replace(/[^\x20-\x7e\n]/g, '?');

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
