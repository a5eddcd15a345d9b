/** The public API of a job: its handles. */
import { type InspectOptions, inspect } from 'node:util';
import { decodeFailure, encodeFailure, type Failure, failureFrom, JobFailedError } from '../codec/failure.js';
import { idToBytes, idToText } from '../codec/id.js';
import { encodeArguments } from '../codec/payload.js';
import type { JobOptions as CoreOptions } from '../core/commands.js';
import type { Id, JobStatus } from '../core/records.js';
import { checkArray, checkNumber } from '../definition/arguments.js';
import { type CallbackLike, type CallbackSides, checkSides } from '../definition/callbacks.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { contextOfPart, type EncodeContext, encodeCallback, encodeMember } from '../definition/encode.js';
import { detailsOf, type JobDetails } from '../definition/job-details.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkJobId } from '../definition/names.js';
import { coreOptions, type JobOptions } from '../definition/options.js';
import { WaitTimeoutError } from '../errors.js';
import { decodeStored, decodeValue } from '../protocol/completed-jobs.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import type { JobInfo } from '../protocol/job-info.js';
import type { WireJob } from '../protocol/messages.js';
import { type Progress, progressFrom, progressName } from '../protocol/progress.js';
import { checkSignal, onAbort } from './abort.js';
import { Annotations } from './annotations.js';
import type { Client, JobHandles } from './client.js';
import type { Hand } from './hand.js';
import type { ComingOutcome } from './put.js';

/**
 * A handle of a job that was put. All handles of one job are equivalent. Each method asks the
 * runtime, except that a handle keeps an outcome that it has received.
 */
export class Job<Result = unknown> {
  readonly #client: Client;
  readonly #id: Id;
  /** The outcome that is sent without a request; `undefined`: it is requested when it is needed. */
  readonly #coming: ComingOutcome | undefined;
  /** The outcomes of forgotten jobs of the same put. */
  readonly #hand: Hand | undefined;
  /** The callable and the status as of the put or of the last request. */
  #seen: Seen | undefined;
  /** The outcome, once received. It never changes. */
  #told: EncodedOutcome | undefined;

  /** @internal */
  constructor(client: Client, id: Id, coming?: ComingOutcome, hand?: Hand, seen?: Seen) {
    this.#client = client;
    this.#seen = seen;
    this.#id = id;
    this.#coming = coming;
    this.#hand = hand;
  }

  /** The annotations of the job, live. */
  get annotations(): Annotations {
    return new Annotations(this.#client, this.#id);
  }

  /**
   * Returns the progress that the job has reported (`currentJob().progress`); `undefined` if it has
   * reported none.
   */
  async progress(): Promise<Progress | undefined> {
    return progressFrom(await this.annotations.get(progressName));
  }

  /** The job's id, a UUID of version 7. */
  get id(): string {
    return idToText(this.#id);
  }

  /** @internal */
  get internalId(): Id {
    return this.#id;
  }

  /** `new`, `pending`, `assigned`, `active`, `callbacks` or `completed`. */
  async status(): Promise<JobStatus> {
    return (await this.details()).status;
  }

  /**
   * Returns the state of the job at this moment.
   *
   * @throws {JobForgottenError} the job is no longer remembered.
   */
  async details(): Promise<JobDetails> {
    const info = (await this.#client.ask({ type: 'job', job: this.#id })) as JobInfo;
    this.#seen = { callable: info.callable, status: info.status };
    return detailsOf(info);
  }

  /**
   * Returns the current arguments of the job: those of the put, or of the last `change`.
   *
   * @throws {NotStorableError} buffers were moved to the job: only its run has them.
   */
  async arguments(): Promise<readonly unknown[]> {
    const bytes = (await this.#client.ask({ type: 'arguments', job: this.#id })) as Uint8Array | null;
    return decodeStored(bytes, this.#client.references());
  }

  /**
   * Returns the result of the job's function. Resolves when its call has ended and the outcome is
   * as safe as the job's durability demands.
   *
   * @throws {JobFailedError} the job failed; `failure` and `cause` describe how.
   * @throws {WaitTimeoutError} there is no outcome within `timeoutMs`. The job
   * continues.
   * @throws {JobForgottenError} the job is no longer remembered.
   * Handles returned by a put still have the result, as long as one of them is reachable.
   * @throws {RangeError} `timeoutMs` is not valid.
   */
  result(options?: ResultOptions): Promise<Result> {
    return this.#whenOver(options, ({ kind, payload }) => {
      if (kind === 'failure') throw new JobFailedError(decodeFailure(payload));
      return decodeValue(kind, payload, this.#client.references()) as Result;
    });
  }

  /**
   * Returns the failure of the job as data, once its call has ended; `undefined` if it did not
   * fail.
   *
   * @throws the same errors as `result`, except `JobFailedError`.
   */
  failure(options?: ResultOptions): Promise<Failure | undefined> {
    return this.#whenOver(options, ({ kind, payload }) => (kind === 'failure' ? decodeFailure(payload) : undefined));
  }

  /**
   * Adds a callback for either outcome of the job, and returns the handle of the callback. On a
   * completed job the callback runs at once.
   */
  async addCallback<Called>(callback: CallbackLike<Result, Called>): Promise<Job<Called>> {
    const wire = encodeCallback(this.#client.encoding(), { both: callback as CallbackLike<never> }, '');
    await this.#client.do({ type: 'addCallbacks', job: this.#id, callbacks: [wire] });
    return new Job<Called>(this.#client, wire[0]);
  }

  /**
   * Adds a pair of callbacks. The job runs the one for its outcome. The outcome of the
   * returned handle is that of the side that ran.
   */
  async addCallbacks<Success = Result, OnFailure = never>(sides: {
    readonly success?: CallbackLike<Result, Success>;
    readonly failure?: CallbackLike<Failure, OnFailure>;
  }): Promise<CallbackPair<Success, OnFailure>> {
    const wire = encodeCallback(this.#client.encoding(), checkSides(sides as CallbackSides), '');
    await this.#client.do({ type: 'addCallbacks', job: this.#id, callbacks: [wire] });
    const side = (role: string) => wire[5].find((part) => part[7] === role)?.[0];
    return new CallbackPair<Success, OnFailure>(this.#client, wire[0], side('onSuccess'), side('onFailure'));
  }

  /**
   * Adds parts to a serial or parallel whose last part is not done. Returns their handles in the
   * same order.
   */
  async addParts<const Parts extends readonly Part[]>(parts: Parts): Promise<Handles<Parts>> {
    checkArray('parts', parts, 'jobs');
    const encoding = this.#client.encoding();
    const wire = Array.from(parts, (part, index) =>
      encodeMember(contextOfPart(encoding, index), asJob(part, `parts[${index}]`), `parts[${index}].`),
    );
    await this.#client.do({ type: 'addParts', job: this.#id, parts: wire });
    return wire.map(([id]) => new Job(this.#client, id)) as unknown as Handles<Parts>;
  }

  /**
   * Ends the input of a map that no process feeds any more: the map continues with the items that
   * it has taken.
   */
  async endInput(): Promise<void> {
    await this.#client.do({ type: 'endInput', job: this.#id, failure: null });
  }

  /**
   * Cancels the job: at once if it waits, otherwise when it stops or its thread has been ended. Its
   * outcome is a `JobCancelledError`.
   */
  async cancel(): Promise<void> {
    await this.#client.do({ type: 'cancel', job: this.#id });
  }

  /**
   * Ends a job that has not begun with this error as its failure. Its callbacks run.
   *
   * @throws {JobStatusError} the job has begun.
   */
  async fail(error: unknown): Promise<void> {
    const failure = failureFrom(error);
    const { names } = failure;
    await this.#client.do({ type: 'fail', job: this.#id, failure: encodeFailure(failure), names });
  }

  /**
   * Changes a job that has not begun: its arguments, priority, quotas, `beginAfter`, `beginByMs`,
   * `timeoutMs`. For a job that waits for its retry only `beginAfter` can be changed, which moves
   * the retry. A new date does not move the deadline.
   *
   * @throws {JobStatusError} the job has begun.
   * @example await job.change({ beginAfter: 0 }) // now
   */
  async change(changes: JobChanges): Promise<void> {
    checkOptions('changes', changes, changeable);
    await this.#client.do({ type: 'change', job: this.#id, ...encodeChanges(this.#client, changes) });
  }

  /**
   * Shows the data that this handle has without a request: id, callable, last known status and kind
   * of outcome.
   */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { callable = '', status } = this.#seen ?? {};
    const outcome = (this.#coming?.known ?? this.#told ?? this.#hand?.outcomeOf(this.#id))?.kind;
    // The call ended after that status was received.
    const isStale = outcome !== undefined && status !== 'callbacks' && status !== 'completed';
    const known = {
      id: this.id,
      ...(callable === '' ? {} : { callable }),
      ...(status === undefined || isStale ? {} : { status }),
      ...(outcome === undefined ? {} : { outcome }),
      ...Object.fromEntries(Object.entries(this)),
    };
    return `${this.constructor.name} ${inspect(known, options)}`;
  }

  /** Returns `read(outcome)` once there is an outcome; rejects when the options end the wait. */
  async #whenOver<T>(options: ResultOptions | undefined, read: (outcome: EncodedOutcome) => T): Promise<T> {
    if (options === undefined) return this.#over(read);
    checkOptions('options', options, resultOptions);
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined)
      checkNumber('timeoutMs', timeoutMs, { least: 0, most: longestMs, unit: 'milliseconds' });
    if (signal !== undefined) checkSignal(signal);
    return new Promise((resolve, reject) => {
      const ended = () => {
        limit?.clear();
        leave?.();
      };
      const end = (error: Error) => {
        ended();
        reject(error);
      };
      const late = () => end(new WaitTimeoutError(waitedTooLong(this.id, timeoutMs!)));
      const limit = timeoutMs === undefined ? undefined : this.#client.after(timeoutMs, late);
      const leave = signal && onAbort(signal, () => end(signal.reason));
      this.#over(read).then(resolve, reject).finally(ended);
    });
  }

  #over<T>(read: (outcome: EncodedOutcome) => T): Promise<T> {
    const coming = this.#coming;
    if (coming === undefined) return this.#ask().then(read);
    return new Promise((resolve, reject) => {
      const outcome = (over: EncodedOutcome) => {
        try {
          resolve(read(over));
        } catch (error) {
          reject(error);
        }
      };
      coming.wait({ outcome, reject });
    });
  }

  async #ask(): Promise<EncodedOutcome> {
    this.#told ??= this.#hand?.outcomeOf(this.#id);
    try {
      this.#told ??= await this.#client.outcome(this.#id);
    } catch (error) {
      // The job can have been forgotten while the request was on its way.
      this.#told = this.#hand?.outcomeOf(this.#id);
      if (this.#told === undefined) throw error;
    }
    return this.#told;
  }
}

/** The data that a handle shows without a request. */
export interface Seen {
  readonly callable: string;
  readonly status: JobStatus;
}

/** @internal Returns the data of a job that was just put. */
export function putSeen([, , callable, , options]: WireJob): Seen {
  return { callable, status: options?.held === true ? 'new' : 'pending' };
}

/** The handles of several jobs, each with its own result. */
export type Handles<Parts extends readonly Part[]> = {
  -readonly [Index in keyof Parts]: Job<PartResult<Parts[Index]>>;
};

/**
 * The handle of a pair of callbacks. Its outcome is that of the side that ran, or that of the job
 * itself if that side is missing.
 */
export class CallbackPair<Success = unknown, OnFailure = unknown> extends Job<Success | OnFailure> {
  /** The callback for success, if there is one. */
  readonly onSuccess: Job<Success> | undefined;
  /** The callback for failure, if there is one. */
  readonly onFailure: Job<OnFailure> | undefined;

  /** @internal */
  constructor(client: Client, id: Id, success: Id | undefined, failure: Id | undefined) {
    super(client, id);
    this.onSuccess = success === undefined ? undefined : new Job(client, success);
    this.onFailure = failure === undefined ? undefined : new Job(client, failure);
  }
}

/** The limits of a wait for an outcome. The job continues when the wait ends. */
export interface ResultOptions {
  /** Maximum wait in milliseconds. No limit by default. */
  readonly timeoutMs?: number;
  /** Ends the wait, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The longest delay of Node's timers. */
const longestMs = 2 ** 31 - 1;

const waitedTooLong = (id: string, timeoutMs: number) =>
  `job ${id} has no outcome after ${timeoutMs} ms, but it continues: ask again, or cancel() it`;

const resultOptions: OptionNames<ResultOptions> = { timeoutMs: true, signal: true };

/** The changes to a job that has not begun; `args` replaces all its arguments. */
export type JobChanges = Pick<JobOptions, 'priority' | 'quotas' | 'beginAfter' | 'beginByMs' | 'timeoutMs'> & {
  readonly args?: readonly unknown[];
};

interface EncodedChanges {
  readonly options: CoreOptions;
  readonly args?: Uint8Array | null;
}

/** @internal Returns changes whose names were checked, as they are sent. */
export function encodeChanges(client: Client, { args, ...options }: JobChanges): EncodedChanges {
  const encoding = client.encoding();
  if (args !== undefined) checkArray('args', args, 'arguments');
  return {
    options: coreOptions(options, '', encoding.now) ?? {},
    ...(args === undefined ? {} : { args: encodeList(args, encoding) }),
  };
}

const encodeList = (args: readonly unknown[], { reference, payloadLimitBytes: limitBytes }: EncodeContext) =>
  args.length === 0 ? null : encodeArguments(args, { reference, limitBytes });

/** @internal */
export const changeable: OptionNames<JobChanges> = {
  args: true,
  priority: true,
  quotas: true,
  beginAfter: true,
  beginByMs: true,
  timeoutMs: true,
};

/** @internal */
export const jobHandles: JobHandles = {
  handleOf: (client, id) => new Job(client, id),
  referenceOf: (value) => (value instanceof Job ? idToBytes(value.internalId) : undefined),
};

/** Returns the id of a job that a user names by its handle or by its id. */
export const idOf = (job: Job | string): Id => (job instanceof Job ? job.internalId : checkJobId(job));
