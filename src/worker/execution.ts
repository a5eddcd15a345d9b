/**
 * Executes the runs of jobs in the current thread: decodes the arguments, calls the hooks and the
 * handler, and has the outcome as data. The caller publishes the outcome.
 */

import { decodeFailure, encodeFailure, type Failure, failureFrom, isFailure } from '../codec/failure.js';
import { frameOf } from '../codec/frame.js';
import { type DecodeOptions, type EncodeOptions, encodeLent } from '../codec/payload.js';
import type { HandedBuffer } from '../codec/transfer.js';
import { isCallable } from '../definition/callable.js';
import { Composition } from '../definition/compose.js';
import { JobCall } from '../definition/job-call.js';
import { Mapping } from '../definition/map.js';
import { NotStorableError } from '../errors.js';
import type { ReportKind, RunReport } from '../protocol/board.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { ModuleSetup, WireRun } from '../protocol/dispatch.js';
import { packBatch } from '../protocol/packing.js';
import { spanAttempt } from '../protocol/run-span.js';
import { type StoredCall, unknownTrace } from '../protocol/stored-call.js';
import { type JobContext, JobReference, referenceOf, references, running } from './context.js';
import { findFunction, type Handler, hooksOf } from './modules.js';
import { RunTrace } from './run-trace.js';
import { isSound } from './soundness.js';
import type { ThreadContext } from './thread-context.js';

/** The part of a run that an execution reads until the run ends. */
export interface Called {
  readonly callable: string;
  readonly fed: WireRun['fed'];
  /** Decodes the arguments. */
  call(options?: DecodeOptions): StoredCall;
}

const nothing = new Uint8Array();

/**
 * The runs of a thread, one at a time: `begin`, `end`, `ran`, and perhaps `finish`. Its fields are
 * those of the current run, and after `ran` its report: an object for each run would cost a short
 * job more than its call does.
 */
export class Execution implements RunReport {
  readonly #thread: ThreadContext;
  readonly #modules: Readonly<Record<string, ModuleSetup>>;
  readonly #codec: Codec;
  #job!: JobContext;
  #called!: Called;
  /** The callable of `#hooks`, which is mostly that of the next run, too. */
  #callable = '';
  #hooks: ReturnType<typeof hooksOf>;
  /** Undefined unless the run is traced. */
  #trace: RunTrace | undefined;
  #handed: readonly HandedBuffer[] | undefined;
  /** The value that `setUp` returned. */
  #set: unknown;
  /** `true` while callsheet's own code runs, before and after the job's function. */
  #isOurs = true;
  /** The value that the job's function returned, or the error that it threw. */
  #returned: unknown;
  #hasThrown = false;
  slot = 0;
  kind: ReportKind = 'value';
  startedAt = 0;
  ranMs = 0;
  /** Valid until the next encoding in this thread. */
  payload: Uint8Array = nothing;
  note = '';
  inner: Uint8Array = nothing;

  constructor(thread: ThreadContext, modules: Readonly<Record<string, ModuleSetup>>) {
    this.#thread = thread;
    this.#modules = modules;
    this.#codec = this.#makeCodec();
  }

  /** `true` if `finish` must be called once the outcome is stored. */
  get isHooked(): boolean {
    return this.#hooks?.tearDown !== undefined;
  }

  /**
   * Runs the job. Returns a promise only if something has to be awaited, so that a short job costs
   * no turn of the event loop. The promise never rejects.
   */
  begin(job: JobContext, called: Called): Promise<void> | undefined {
    this.#job = job;
    this.#called = called;
    if (called.callable !== this.#callable) {
      this.#callable = called.callable;
      this.#hooks = hooksOf(this.#modules, called.callable);
    }
    this.#trace = undefined;
    this.#set = undefined;
    this.#isOurs = true;
    this.#hasThrown = false;
    try {
      const returned = running.run(job, this.#run);
      if (isThenable(returned)) return this.#await(returned);
      this.#returned = returned;
    } catch (error) {
      this.#threw(error);
    }
    return undefined;
  }

  async #await(returned: PromiseLike<unknown>): Promise<void> {
    try {
      this.#returned = await returned;
    } catch (error) {
      this.#threw(error);
    }
  }

  #threw(error: unknown): void {
    this.#returned = error;
    this.#hasThrown = true;
  }

  /**
   * Encodes the outcome, once the job's function is over. Throws only if the thread is broken (see
   * `isSound`), never for an error of the job.
   */
  end(): void {
    const returned = this.#returned;
    this.#returned = undefined;
    this.#handed = undefined;
    this.note = '';
    this.inner = nothing;
    if (this.#hasThrown) return this.#endThrown(returned);
    try {
      this.#endReturned(returned);
    } catch (error) {
      this.#endThrown(error);
    }
  }

  /** Completes the report of the run that has ended, and ends its trace. */
  ran(slot: number, startedAt: number, ranMs: number): void {
    this.slot = slot;
    this.startedAt = startedAt;
    this.ranMs = ranMs;
    if (this.#trace === undefined) return;
    // The tracer is not ours, and may encode other values.
    this.payload = this.payload.slice();
    this.#trace.end(this, this.#job.cancelled, startedAt, ranMs);
  }

  /** Returns a report that stays valid. */
  keptReport(): RunReport {
    const { slot, kind, startedAt, ranMs, payload, note, inner } = this;
    return { slot, kind, startedAt, ranMs, payload: payload.slice(), note, inner };
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

  readonly #run = (): unknown => {
    const call = this.#called.call(this.#codec.args);
    const trace = call.trace ?? (this.#thread.board.tracesRuns && !this.#job.isPart ? unknownTrace : undefined);
    if (trace === undefined) return this.#perform(call);
    const { attempt, ...others } = this.#job.traced;
    const isPostprocess = this.#called.fed !== null && others.role !== 'callback';
    const traced = new RunTrace(this.#thread, { ...others, attempt: spanAttempt(attempt, isPostprocess) }, trace);
    this.#trace = traced;
    this.#job.innerTrace = () => traced.inner;
    return traced.around(() => this.#perform(call));
  };

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

  /**
   * Returns the buffers given to the job without copying. They are requested once: the coordinator
   * keeps them until the job begins.
   */
  #handedOver(): readonly HandedBuffer[] {
    const { internalId } = this.#job;
    this.#handed ??= this.#thread.askSync((request) => ['buffers', request, internalId]) as readonly HandedBuffer[];
    return this.#handed;
  }

  /**
   * Encodes a returned value: a plain value, a failure returned on purpose, or another job that
   * gives this one its outcome.
   */
  #endReturned(value: unknown): void {
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
    const inner = job.inner === undefined ? nothing : packBatch(job.inner);
    if (returned instanceof JobReference) this.#become('job', nothing, returned.internalId);
    else if (isFailure(returned)) this.#become('failure', encodeFailure(returned), namesOf(returned));
    else this.#become('value', encodeLent(returned, this.#codec.result), '');
    this.inner = inner;
  }

  /**
   * Encodes a thrown error. If callsheet's own code threw because a job, often an earlier one,
   * broke something in this thread, the error is rethrown: it is not an error of this job.
   */
  #endThrown(error: unknown): void {
    if (this.#isOurs && !isSound()) throw error;
    const failure = failureFrom(error);
    this.#become('thrown', encodeFailure(failure), namesOf(failure));
  }

  #become(kind: ReportKind, payload: Uint8Array, note: string): void {
    this.kind = kind;
    this.payload = payload;
    this.note = note;
  }

  /** Made once: every job needs the options. */
  #makeCodec(): Codec {
    const { payloadLimitBytes: limitBytes } = this.#thread;
    const { reference } = references(this.#thread);
    return {
      args: { reference, buffer: (place) => this.#handedOver()[place] },
      result: { root: 'result', code: 'RESULT_NOT_STORABLE', limitBytes, reference: referenceOf },
    };
  }
}

interface Codec {
  readonly args: DecodeOptions;
  readonly result: EncodeOptions;
}

/**
 * The names of the error and its classes, and the place at which it was thrown, one a line, reduced
 * to one-byte characters.
 */
function namesOf(failure: Failure): string {
  const frame = frameOf(failure.stack ?? '');
  return [...failure.names, ...(frame === undefined ? [] : [frame])].join('\n').replace(/[^\x20-\x7e\n]/g, '?');
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
