/**
 * Handles: a job as its users hold it.
 */
import { type InspectOptions, inspect } from 'node:util';
import { decodeFailure, encodeFailure, type Failure, failureFrom, JobFailedError } from '../codec/failure.js';
import { idToBytes, idToText } from '../codec/id.js';
import { decodePayload, encodeArguments } from '../codec/payload.js';
import { type Id, type JobStatus, type Level, quotaFromKey } from '../core/records.js';
import { checkArray, checkNumber } from '../definition/arguments.js';
import { type CallbackLike, type CallbackSides, checkSides } from '../definition/callbacks.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { encodeCallback, encodeMember } from '../definition/encode.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { coreOptions, type JobOptions } from '../definition/options.js';
import type { RetryPolicy } from '../definition/retry-policies.js';
import { NotStorableError, WaitTimeoutError } from '../errors.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import type { AwaitedAnswer, JobInfo, WireJob } from '../protocol/messages.js';
import { type Progress, progressFrom, progressName } from '../protocol/progress.js';
import { checkSignal } from './abort.js';
import { Annotations } from './annotations.js';
import type { Client, JobHandles } from './client.js';
import type { Hand } from './hand.js';
import type { ComingOutcome } from './link.js';

/** What is known of a job at one moment. */
export interface JobDetails {
  readonly status: JobStatus;
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  /** Whether this build does not have its callable, so that it waits for one that has it. */
  readonly unknownCallable: boolean;
  readonly queue: string;
  /** The name of the agent that claimed it last. */
  readonly agent: string | undefined;
  /** The id of the dispatcher that claimed it last, a UUID. */
  readonly dispatcher: string | undefined;
  /** The id of the runtime that put it, a UUID. */
  readonly owner: string;
  /** What it survives. */
  readonly durability: Level;
  readonly priority: number;
  /** How long a run may take, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** The key under which a second put is this job. */
  readonly unique: string | undefined;
  /**
   * The policy that holds for it: its own, or its agent's or its runtime's default. Of an own
   * policy, its `module#export`.
   */
  readonly retry: RetryPolicy;
  readonly quotas: readonly { readonly name: string; readonly key?: string }[];
  /** The id of the job that it returned, whose outcome it takes. */
  readonly returned: string | undefined;
  /** Whose answers it waits for: its own policy's, or those of agents' filters. */
  readonly awaits: readonly Awaited[];
  /**
   * How many parts the job has, and how many of them are done; of a map, how many items it has
   * taken.
   */
  readonly parts: number;
  readonly partsDone: number;
  /** Whether it is a map that takes more items. */
  readonly open: boolean;
  readonly callbacks: number;
  readonly callbacksDone: number;
  /** Runs that have begun, and runs that may have begun when their process died. */
  readonly attempts: number;
  /** Own errors that were retried. */
  readonly errors: number;
  /**
   * Interruptions that count against the retry policy: not those by a clean close, nor by the death
   * of a process that another job may have caused.
   */
  readonly interruptions: number;
  readonly putAt: Date;
  /** As it was asked for, also when it lies in the past. */
  readonly beginAfter: Date | undefined;
  /** When a job that waits for a date, or for its retry, becomes eligible. */
  readonly dueAt: Date | undefined;
  readonly deadline: Date | undefined;
  readonly firstStartAt: Date | undefined;
  readonly lastStartAt: Date | undefined;
  /** When the call was over. */
  readonly endAt: Date | undefined;
  /** When all callbacks were completed for the first time. */
  readonly completedAt: Date | undefined;
}

/** A function of a job module that was asked about a job and has not answered yet. */
export interface Awaited {
  /** `module#export`. */
  readonly callable: string;
  /** The agent whose filter it is; undefined: it is the job's own policy. */
  readonly agent: string | undefined;
  readonly since: Date;
  /** What was wrong with its last answer; undefined for nothing. */
  readonly problem: string | undefined;
  /** When it is asked again, if it has not answered by then. */
  readonly againAt: Date | undefined;
}

/**
 * A job that was put. The handle asks, and any number of handles of one job are the same; only an
 * outcome that it was told stays with it.
 */
export class Job<Result = unknown> {
  readonly #client: Client;
  readonly #id: Id;
  /** Undefined: the outcome is asked for when it is wanted. */
  readonly #coming: ComingOutcome | undefined;
  /** What is kept of jobs that are forgotten. */
  readonly #hand: Hand | undefined;
  /** As it was when it was put, or asked for last. */
  #seen: Seen | undefined;
  /** As it was told: an outcome never changes. */
  #told: EncodedOutcome | undefined;

  /** @internal */
  constructor(client: Client, id: Id, coming?: ComingOutcome, hand?: Hand, seen?: Seen) {
    this.#client = client;
    this.#seen = seen;
    this.#id = id;
    this.#coming = coming;
    this.#hand = hand;
  }

  /** What is said about the job, live. */
  get annotations(): Annotations {
    return new Annotations(this.#client, this.#id);
  }

  /**
   * How far the job says it is (`currentJob().progress`); undefined if it has said nothing of it.
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

  /** All that is known of the job now. */
  async details(): Promise<JobDetails> {
    const info = (await this.#client.ask({ type: 'job', job: this.#id })) as JobInfo;
    this.#seen = { callable: info.callable, status: info.status };
    return detailsOf(info);
  }

  /** The arguments that it was put with, or was given since. */
  async arguments(): Promise<readonly unknown[]> {
    const bytes = (await this.#client.ask({ type: 'arguments', job: this.#id })) as Uint8Array | null;
    if (bytes === null) return [];
    const buffer = () => {
      throw new NotStorableError(
        'ARGUMENT_NOT_STORABLE',
        'arguments',
        'contain buffers that were moved to the job: only its run has them',
      );
    };
    return decodePayload(bytes, { ...this.#client.references(), buffer }) as unknown[];
  }

  /**
   * What the job's function returned, as soon as its call is over and as safe as the job's
   * durability asks.
   *
   * @throws {JobFailedError} if the job failed; its `failure` and `cause` say how.
   * @throws {CallsheetError} WAIT_TIMEOUT if there is no outcome within `timeoutMs`. The job goes
   * on.
   * @throws {JobForgottenError} if the job completed so long ago that it is remembered no more. A
   * handle that a put gave has the result all the same, as long as anybody has it.
   */
  result(options?: ResultOptions): Promise<Result> {
    return this.#whenOver(options, ({ kind, payload }) => {
      if (kind === 'failure') throw new JobFailedError(decodeFailure(payload));
      return decodeValue(kind, payload, this.#client.references()) as Result;
    });
  }

  /** How the job failed, as data, once its call is over; undefined if it did not fail. */
  failure(options?: ResultOptions): Promise<Failure | undefined> {
    return this.#whenOver(options, ({ kind, payload }) => (kind === 'failure' ? decodeFailure(payload) : undefined));
  }

  /**
   * Hangs a callback on the job, for either outcome. On a completed job it is run at once. Gives
   * the callback's own handle.
   */
  async addCallback<Called>(callback: CallbackLike<Result, Called>): Promise<Job<Called>> {
    const wire = encodeCallback(this.#client.encoding(), { both: callback as CallbackLike<never> }, '');
    await this.#client.do({ type: 'addCallbacks', job: this.#id, callbacks: [wire] });
    return new Job<Called>(this.#client, wire[0]);
  }

  /**
   * Hangs a pair of callbacks on the job, of which the one that applies is run. The handle's
   * outcome is that of the side that ran.
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

  /** Adds parts to a serial or parallel whose last part is not done. */
  async addParts<const Parts extends readonly Part[]>(parts: Parts): Promise<Handles<Parts>> {
    checkArray('parts', parts, 'jobs');
    const encoding = this.#client.encoding();
    const wire = Array.from(parts, (part, index) =>
      encodeMember(encoding, asJob(part, `parts[${index}]`), `parts[${index}].`),
    );
    await this.#client.do({ type: 'addParts', job: this.#id, parts: wire });
    return wire.map(([id]) => new Job(this.#client, id)) as unknown as Handles<Parts>;
  }

  /**
   * No more items come for this map: it goes on with those that it has taken. For one that nobody
   * feeds any more.
   */
  async endInput(): Promise<void> {
    await this.#client.do({ type: 'endInput', job: this.#id, failure: null });
  }

  /**
   * Ends the job: at once if it waits, otherwise as soon as it stops or its thread was ended. Its
   * outcome is a `JobCancelledError`.
   */
  async cancel(): Promise<void> {
    await this.#client.do({ type: 'cancel', job: this.#id });
  }

  /** Ends a job that has not begun with this error; its callbacks run. */
  async fail(error: unknown): Promise<void> {
    await this.#client.do({ type: 'fail', job: this.#id, failure: encodeFailure(failureFrom(error)) });
  }

  /**
   * Changes a job that has not begun: its arguments, priority, quotas, `beginAfter`, `beginByMs`,
   * `timeoutMs`. Of a job that waits for its retry, `beginAfter` alone can be changed: that moves
   * the retry. A new date does not move the deadline.
   *
   * @example await job.change({ beginAfter: 0 }) // now
   */
  async change(changes: JobChanges): Promise<void> {
    checkOptions('changes', changes, changeable);
    const { args, ...options } = changes;
    const encoding = this.#client.encoding();
    if (args !== undefined) checkArray('args', args, 'arguments');
    await this.#client.do({
      type: 'change',
      job: this.#id,
      options: coreOptions(options, '', encoding.now) ?? {},
      ...(args === undefined
        ? {}
        : { args: args.length === 0 ? null : encodeArguments(args, { reference: encoding.reference }) }),
    });
  }

  /**
   * What is known of it here, without asking: its id, its callable, its status as last known, and
   * its outcome's kind.
   */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { callable = '', status } = this.#seen ?? {};
    const outcome = (this.#coming?.known ?? this.#told ?? this.#hand?.outcomeOf(this.#id))?.kind;
    // The call was over after that status was seen.
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

  /**
   * What is read from the outcome, once it is there; or, with a limit, an error once that is over.
   */
  async #whenOver<T>(options: ResultOptions | undefined, read: (outcome: EncodedOutcome) => T): Promise<T> {
    if (options === undefined) return this.#over(read);
    checkOptions('options', options, resultOptions);
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined)
      checkNumber('timeoutMs', timeoutMs, { least: 0, most: longestMs, unit: 'milliseconds' });
    if (signal !== undefined) checkSignal(signal);
    return new Promise((resolve, reject) => {
      const late = () => reject(new WaitTimeoutError(waitedTooLong(this.id, timeoutMs!)));
      const limit = timeoutMs === undefined ? undefined : this.#client.after(timeoutMs, late);
      const aborted = () => reject(signal!.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      this.#over(read)
        .then(resolve, reject)
        .finally(() => {
          limit?.clear();
          signal?.removeEventListener('abort', aborted);
        });
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
      this.#told ??= (await this.#client.link.request(['outcome', this.#id])) as EncodedOutcome;
    } catch (error) {
      // It may have been forgotten with the question on its way.
      this.#told = this.#hand?.outcomeOf(this.#id);
      if (this.#told === undefined) throw error;
    }
    return this.#told;
  }
}

/** What a handle knows of its job without asking. */
export interface Seen {
  readonly callable: string;
  readonly status: JobStatus;
}

/** @internal As a job is that was put just now. */
export function putSeen([, , callable, , options]: WireJob): Seen {
  return { callable, status: options?.held === true ? 'new' : 'pending' };
}

/** The handles of several jobs, each with its own result. */
export type Handles<Parts extends readonly Part[]> = {
  -readonly [Index in keyof Parts]: Job<PartResult<Parts[Index]>>;
};

/**
 * A pair of callbacks: its outcome is that of the side that ran, or the job's own where that side
 * is missing.
 */
export class CallbackPair<Success = unknown, OnFailure = unknown> extends Job<Success | OnFailure> {
  /** The side for success, if there is one. */
  readonly onSuccess: Job<Success> | undefined;
  /** The side for failure, if there is one. */
  readonly onFailure: Job<OnFailure> | undefined;

  /** @internal */
  constructor(client: Client, id: Id, success: Id | undefined, failure: Id | undefined) {
    super(client, id);
    this.onSuccess = success === undefined ? undefined : new Job(client, success);
    this.onFailure = failure === undefined ? undefined : new Job(client, failure);
  }
}

/** How long an outcome is waited for. The job goes on, whatever becomes of the wait. */
export interface ResultOptions {
  /** In milliseconds; without end by default. */
  readonly timeoutMs?: number;
  /** Ends the wait, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Node's timers count no further. */
const longestMs = 2 ** 31 - 1;

const waitedTooLong = (id: string, timeoutMs: number) =>
  `job ${id} has no outcome after ${timeoutMs} ms; it goes on: ask again, or cancel() it`;

const resultOptions: OptionNames<ResultOptions> = { timeoutMs: true, signal: true };

/** What can be changed of a job that has not begun; `args` are all its arguments anew. */
export type JobChanges = Pick<JobOptions, 'priority' | 'quotas' | 'beginAfter' | 'beginByMs' | 'timeoutMs'> & {
  readonly args?: readonly unknown[];
};

const changeable: OptionNames<JobChanges> = {
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

function detailsOf(info: JobInfo): JobDetails {
  const {
    status,
    callable,
    unknownCallable,
    queue,
    priority,
    parts,
    partsDone,
    open,
    callbacks,
    callbacksDone,
    attempts,
    errors,
    interruptions,
  } = info;
  const quotas = info.quotas.map(quotaFromKey);
  const agent = info.agent === '' ? undefined : info.agent;
  const dispatcher = info.dispatcher === '' ? undefined : idToText(info.dispatcher);
  const asked = {
    durability: info.level,
    priority,
    timeoutMs: info.timeoutMs === 0 ? undefined : info.timeoutMs,
    unique: info.unique === '' ? undefined : info.unique,
    retry: info.policy as RetryPolicy,
    quotas,
  };
  const counts = { parts, partsDone, open, callbacks, callbacksDone, attempts, errors, interruptions };
  return {
    ...{ status, callable, unknownCallable, queue, agent, dispatcher, owner: idToText(info.owner) },
    ...asked,
    awaits: info.awaits.map(awaitedOf),
    returned: info.inner === '' ? undefined : idToText(info.inner),
    ...counts,
    putAt: new Date(info.putAt),
    beginAfter: timeOf(info.beginAfter),
    dueAt: timeOf(info.dueAt),
    deadline: timeOf(info.deadline),
    firstStartAt: timeOf(info.firstStartAt),
    lastStartAt: timeOf(info.lastStartAt),
    endAt: timeOf(info.endAt),
    completedAt: timeOf(info.completedAt),
  };
}

function awaitedOf({ callable, agent, since, problem, againAt }: AwaitedAnswer): Awaited {
  return {
    callable,
    agent: agent === '' ? undefined : agent,
    since: new Date(since),
    problem: problem === '' ? undefined : problem,
    againAt: timeOf(againAt),
  };
}

const timeOf = (time: number) => (time === 0 ? undefined : new Date(time));
