/**
 * The current job, for code that runs below its handler: `currentJob()` and what it offers.
 * Everything here can be used synchronously.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type InspectOptions, inspect } from 'node:util';
import type { Logger } from 'pino';
import { decodeFailure, type Failure, JobFailedError } from '../codec/failure.js';
import { idFromBytes, idToBytes, idToText } from '../codec/id.js';
import { decodePayload } from '../codec/payload.js';
import type { Id, JobStatus, LogThreshold } from '../core/records.js';
import { checkWait, encodeAnnotation } from '../definition/annotations.js';
import { checkArray } from '../definition/arguments.js';
import { type CallbackLike, type CallbackSides, checkSides } from '../definition/callbacks.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { contextOfPart, type EncodeContext, encodeCallback, encodeJob, encodeMember } from '../definition/encode.js';
import { detailsOf, type JobDetails } from '../definition/job-details.js';
import { checkOptions } from '../definition/known-options.js';
import { checkAnnotationName, checkJobId, checkQueueName } from '../definition/names.js';
import { JobCancelledError, JobNotCommittedError, JobStatusError, NotInJobError } from '../errors.js';
import { decodeStored, decodeValue, type OutcomeOptions } from '../protocol/completed-jobs.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import type { ThreadMessage, WireInnerPut } from '../protocol/dispatch.js';
import type { JobInfo } from '../protocol/job-info.js';
import type { Query, TickInfo, WireInnerCommand, WireJob } from '../protocol/messages.js';
import { checkProgress, type Progress, progressName } from '../protocol/progress.js';
import type { TracedRun } from '../protocol/run-span.js';
import type { StoredTrace } from '../protocol/stored-call.js';
import { loadPino } from './pino.js';
import type { ThreadContext } from './thread-context.js';

/** A handle of another job, inside a job. */
export class JobReference<Result = unknown> {
  readonly #id: Id;
  readonly #thread: ThreadContext;
  readonly #committed: boolean;

  /** @internal */
  constructor(id: Id, thread: ThreadContext, committed: boolean) {
    this.#id = id;
    this.#thread = thread;
    this.#committed = committed;
  }

  /** The job's id, a UUID. */
  get id(): string {
    return idToText(this.#id);
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `JobReference ${inspect({ id: this.id }, options)}`;
  }

  /** The job's annotations. A job that is put together with the running job has none yet. */
  get annotations(): JobAnnotations {
    return new JobAnnotations(this.#id, this.#thread);
  }

  /**
   * Returns the job's status at this moment. The thread sleeps until the coordinator answers, as
   * in all methods here that return no promise.
   *
   * @throws {JobNotCommittedError} if the job is only put when the running job ends.
   * @throws {JobForgottenError} if the job is no longer remembered.
   */
  status(): JobStatus {
    return this.details().status;
  }

  /**
   * Returns the state of the job at this moment: its times, its attempts, the counts of its parts.
   *
   * @throws the same errors as `status`.
   * @example currentJob().job(part.id).details().lastStartAt // in a postprocess
   */
  details(): JobDetails {
    return detailsOf(this.#ask({ type: 'job', job: this.#id }) as JobInfo);
  }

  /**
   * Returns the arguments of the job: those of the put, or of the last `change`.
   *
   * @throws {NotStorableError} buffers were moved to the job: only its run has them.
   * @throws the same errors as `status`.
   */
  arguments(): readonly unknown[] {
    return decodeStored(this.#ask({ type: 'arguments', job: this.#id }) as Uint8Array | null, references(this.#thread));
  }

  #ask(query: Query): unknown {
    if (!this.#committed)
      throw new JobNotCommittedError(
        'the job is put only when the running job ends, so there is nothing to read yet: put it at once with putNow()',
      );
    return this.#thread.askSync((request) => ['ask', request, query]);
  }

  /**
   * Waits for the job's outcome and returns the value of its function. The running job keeps its
   * thread while it waits; the pool may start one more thread for the awaited job (`extraThreads`
   * of `open`). Returning the handle instead holds no thread.
   *
   * @throws {JobFailedError} if the job failed.
   * @throws {JobNotCommittedError} if the job is only put when the running job ends.
   * @throws {JobStatusError} if it is the running job itself, or can end only after the running
   * job.
   * @throws {TooManyWaitsError} if no thread would be left to run anything.
   */
  async result(): Promise<Result> {
    if (!this.#committed) {
      throw new JobNotCommittedError(
        'the job is put only when the running job ends, so its result cannot be waited for here: return it, and its outcome becomes that of the running job, or put it at once with putNow()',
      );
    }
    if (running.getStore()?.internalId === this.#id) throw new JobStatusError('a job cannot wait for itself');
    const { kind, payload } = (await this.#thread.ask((request) => [
      'outcome of',
      request,
      this.#id,
    ])) as EncodedOutcome;
    if (kind === 'failure') throw new JobFailedError(decodeFailure(payload));
    return decodeValue(kind, payload, references(this.#thread)) as Result;
  }

  /** @internal */
  get internalId(): Id {
    return this.#id;
  }
}

/**
 * The annotations of a job. A change is seen at once by every holder of the job, inside and
 * outside.
 */
export class JobAnnotations {
  readonly #id: Id;
  readonly #thread: ThreadContext;

  /** @internal */
  constructor(id: Id, thread: ThreadContext) {
    this.#id = id;
    this.#thread = thread;
  }

  /** Sets an annotation at once, not together with the job's outcome. */
  set(name: string, value: unknown): void {
    this.#thread.say(['annotate', this.#id, name, encodeAnnotation(name, value, referenceOf)]);
  }

  delete(name: string): void {
    checkAnnotationName(name);
    this.#thread.say(['annotate', this.#id, name, null]);
  }

  /** Returns the current value. The thread sleeps until the coordinator answers. */
  get(name: string): unknown {
    const all = this.#thread.askSync((request) => ['ask', request, { type: 'annotations', job: this.#id }]) as Record<
      string,
      Uint8Array
    >;
    return Object.hasOwn(all, name) ? decodePayload(all[name]!, references(this.#thread)) : undefined;
  }

  /** Waits until the annotation has a value; returns `default` after `timeoutMs`. */
  async waitFor<Value = unknown>(name: string, options: WaitOptions<Value>): Promise<Value | undefined> {
    checkWait(name, options);
    const { timeoutMs, default: fallback } = options;
    return valueOr(
      this.#thread,
      fallback,
      await this.#thread.ask((request) => ['annotation', request, this.#id, name, timeoutMs]),
    );
  }

  /** Does the same for synchronous handlers: the thread sleeps. */
  waitForSync<Value = unknown>(name: string, options: WaitOptions<Value>): Value | undefined {
    checkWait(name, options);
    const { timeoutMs, default: fallback } = options;
    return valueOr(
      this.#thread,
      fallback,
      this.#thread.askSync((request) => ['annotation', request, this.#id, name, timeoutMs]),
    );
  }
}

/** Options of waiting for an annotation. */
export interface WaitOptions<Value> {
  /** Milliseconds to wait at most. */
  readonly timeoutMs: number;
  /** The value that an expired wait returns; `undefined` by default. */
  readonly default?: Value;
}

const valueOr = <Value>(thread: ThreadContext, fallback: Value | undefined, bytes: unknown): Value | undefined =>
  bytes === null ? fallback : (decodePayload(bytes as Uint8Array, references(thread)) as Value);

/** The tick of a schedule, as a job of it sees it. */
export interface CurrentSchedule {
  /** The name of the schedule. */
  readonly name: string;
  /** The tick, without jitter; the time of the call for a job put by `trigger`. */
  readonly at: Date;
  /** The last tick whose job has succeeded so far. */
  readonly previousSuccess: Date | undefined;
  /** Number of ticks before this one that passed without a runtime, and did not run. */
  readonly missed: number;
}

/** Options of a put inside a job. */
export interface InnerPutOptions {
  /** The queue's name. Default: the queue of the running job. */
  readonly queue?: string;
}

const putOf = (job: WireJob, queue: string): WireInnerPut => ({ type: 'put', queue, jobs: [job] });

/** @internal The data that a `JobContext` is made of. */
export interface RunOfJob {
  readonly slot: number;
  readonly word: number;
  readonly id: Id;
  /** The whole of a part, the map of an item, or the job of a callback; empty for a root. */
  readonly parent: Id;
  /** `true` for a part, or an item of a map. */
  readonly isPart: boolean;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  readonly agent: string;
  /** Its own level of logged lines; empty if it has none. */
  readonly log: LogThreshold | '';
}

/** One run of a job, as the job's code sees it. */
export class JobContext {
  /**
   * 1 for the first run. The number never repeats for one job: a run that may have begun counts,
   * even where it counts against no retry policy.
   */
  readonly attempt: number;
  readonly queue: string;
  /** The name of the agent that claimed the job. */
  readonly agent: string;
  readonly #slot: number;
  readonly #word: number;
  readonly #id: Id;
  readonly #parent: Id;
  readonly #isPart: boolean;
  readonly #callable: string;
  readonly #log: LogThreshold | '';
  readonly #thread: ThreadContext;
  #abort: AbortController | undefined;
  /** Made by the first inner command: most jobs have none. */
  #inner: WireInnerCommand[] | undefined;
  #logger: Logger | undefined;
  /** @internal The trace of jobs that are put here, if the run is traced. */
  innerTrace: (() => StoredTrace) | undefined;

  /** @internal Copies the run, which may be that of the next job soon. */
  constructor(thread: ThreadContext, run: RunOfJob) {
    this.#thread = thread;
    this.#slot = run.slot;
    this.#word = run.word;
    this.#id = run.id;
    this.#parent = run.parent;
    this.#isPart = run.isPart;
    this.#callable = run.callable;
    this.#log = run.log;
    this.attempt = run.attempt;
    this.queue = run.queue;
    this.agent = run.agent;
  }

  /** The job's id, a UUID. */
  get id(): string {
    return idToText(this.#id);
  }

  /** @internal */
  get slot(): number {
    return this.#slot;
  }

  /** @internal */
  get internalId(): Id {
    return this.#id;
  }

  /** @internal */
  get isPart(): boolean {
    return this.#isPart;
  }

  /** @internal The job, as its spans show it. */
  get traced(): Omit<TracedRun, 'thread'> {
    const { queue, agent, attempt } = this;
    const parent = this.#parent;
    const role = this.#isPart ? 'part' : parent === '' ? 'root' : 'callback';
    return { job: this.#id, parent, role, callable: this.#callable, queue, agent, attempt };
  }

  /** The UUID of the dispatcher that runs the job, as in `Dispatcher.id`. */
  get dispatcher(): string {
    return idToText(this.#thread.dispatcher);
  }

  /**
   * The whole that the running job is a part of, the map that it is an item of, or the job that it
   * is a callback of; `undefined` for any other job.
   */
  get parent(): JobReference | undefined {
    return this.#parent === '' ? undefined : new JobReference(this.#parent, this.#thread, true);
  }

  /**
   * The tick for which the running job, or the root of its whole or callbacks, was put;
   * `undefined` if no schedule put it. The thread sleeps until the coordinator answers.
   *
   * @example const since = currentJob().schedule?.previousSuccess ?? new Date(0);
   */
  get schedule(): CurrentSchedule | undefined {
    const query = { type: 'tick', job: this.#id } as const;
    const tick = this.#thread.askSync((request) => ['ask', request, query]) as TickInfo | null;
    if (tick === null) return undefined;
    const { name, at, previousSuccess, missed } = tick;
    const previous = previousSuccess === 0 ? undefined : new Date(previousSuccess);
    return { name, at: new Date(at), previousSuccess: previous, missed };
  }

  /**
   * Returns the live handle of any job by its id. Does not check that the job exists.
   *
   * @throws {UnknownJobError} `id` is not a UUID.
   */
  job<Result = unknown>(id: string): JobReference<Result> {
    return new JobReference<Result>(checkJobId(id), this.#thread, true);
  }

  /** The annotations of the running job. */
  get annotations(): JobAnnotations {
    return new JobAnnotations(this.#id, this.#thread);
  }

  /**
   * Sets the job's progress at once, as the annotation `progress`. `Job.progress()` reads it.
   *
   * @example currentJob().progress({ done: 3, total: 10, message: 'pages' })
   */
  progress(progress: Progress): void {
    checkOptions('progress', progress, { done: true, total: true, message: true });
    this.annotations.set(progressName, checkProgress(progress));
  }

  /**
   * Aborts when the job is cancelled or its time is over. A loop without `await` never sees that;
   * it must read `cancelled` instead.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.cancelled) this.stop();
    return this.#abort.signal;
  }

  /**
   * `true` if the job must stop. It changes at once, even during a loop that never yields its
   * thread.
   */
  get cancelled(): boolean {
    return this.#thread.board.isStopped(this.#slot, this.#word);
  }

  /** Writes to the logger given to `open`, with the job's id, callable and attempt. */
  get logger(): Logger {
    const { id, attempt, queue } = this;
    const callable = this.#callable;
    this.#logger ??= loadPino().pino(
      { level: this.#log || this.#thread.logLevelOf(callable), base: { job: id, callable, attempt, queue } },
      { write: (line) => this.#thread.log(callable, line, this.internalId) },
    );
    return this.#logger;
  }

  /**
   * Puts another job, or a job that was removed or is `held`. The put is stored together with the
   * running job's outcome, and not at all if this run fails. A job that returns the handle ends
   * with the outcome of the job put.
   *
   * A `unique` key is looked up only when the put is stored. If a job with this key is live then,
   * returning the handle and adding callbacks to it affect that job. The handle's `id`, and the
   * handle among arguments, in a result or in an annotation, name a new job, which then never
   * exists. `putNow` returns the handle of the job that is really there.
   */
  put<Result>(job: Part<Result> | JobReference<Result>, options: InnerPutOptions = {}): JobReference<Result> {
    const queue = this.#queueOf(options);
    if (job instanceof JobReference) {
      this.#note({ type: 'putAgain', job: job.internalId, queue });
      return job;
    }
    const wire = encodeJob(this.#encoding(), asJob(job, 'job'), '');
    this.#note(putOf(wire, queue));
    return new JobReference<Result>(wire[0], this.#thread, false);
  }

  /**
   * Puts another job at once, even if the running job fails later. Resolves when the job is stored
   * with the durability of the running job. The job can be waited for here. A run that is
   * interrupted and begins again puts it again; with a `unique` key both puts give one job.
   *
   * @example const page = await (await currentJob().putNow(web.fetch(url))).result();
   */
  async putNow<Result>(job: Part<Result>, options: InnerPutOptions = {}): Promise<JobReference<Result>> {
    const queue = this.#queueOf(options);
    const wire = encodeJob(this.#encoding(), asJob(job, 'job'), '');
    const id = this.#id;
    const same = (await this.#thread.ask((request) => ['put', request, id, putOf(wire, queue)])) as Id[] | null;
    return new JobReference<Result>(same?.[0] ?? wire[0], this.#thread, true);
  }

  /**
   * Adds callbacks to a job, together with the running job's outcome. `sides` is as in
   * `Job.addCallback` and `Job.addCallbacks`.
   */
  addCallbacks<Result, Success = Result, OnFailure = never>(
    job: JobReference<Result>,
    sides:
      | { readonly both: CallbackLike<Result, Success> }
      | { readonly success?: CallbackLike<Result, Success>; readonly failure?: CallbackLike<Failure, OnFailure> },
  ): JobReference<Success | OnFailure> {
    const wire = encodeCallback(this.#encoding(), checkSides(sides as CallbackSides), '');
    this.#note({ type: 'addCallbacks', job: job.internalId, callbacks: [wire] });
    return new JobReference(wire[0], this.#thread, false);
  }

  /**
   * Adds parts to a serial or parallel, together with the running job's outcome. `whole` defaults
   * to the whole that the running job is a part of.
   */
  addParts<const Parts extends readonly Part[]>(
    parts: Parts,
    whole?: JobReference,
  ): { -readonly [Index in keyof Parts]: JobReference<PartResult<Parts[Index]>> } {
    const job = whole?.internalId ?? (this.#isPart ? this.#parent : '');
    checkArray('parts', parts, 'jobs');
    if (job === '')
      throw new JobStatusError(
        'addParts: the running job is not a part of another job, so the whole must be given as the second argument',
      );
    const encoding = this.#encoding();
    const wire = Array.from(parts, (part, index) =>
      encodeMember(contextOfPart(encoding, index), asJob(part, `parts[${index}]`), `parts[${index}].`),
    );
    this.#note({ type: 'addParts', job, parts: wire });
    return wire.map(([id]) => new JobReference(id, this.#thread, false)) as never;
  }

  /** Removes a pending job from its queue, together with the running job's outcome. */
  remove(job: JobReference): void {
    this.#note({ type: 'remove', job: job.internalId });
  }

  #queueOf(options: InnerPutOptions): string {
    checkOptions('options', options, { queue: true });
    const { queue = this.queue } = options;
    checkQueueName('queue', queue);
    return queue;
  }

  #encoding(): EncodeContext {
    const { modules, payloadLimitBytes } = this.#thread;
    const context = { modules, now: this.#thread.now(), payloadLimitBytes, reference: referenceOf };
    return this.innerTrace === undefined ? context : { ...context, trace: this.innerTrace() };
  }

  /** @internal */
  stop(): void {
    if (this.#abort?.signal.aborted === false)
      this.#abort.abort(new JobCancelledError('the job must stop: it was cancelled or ran out of time'));
  }

  #note(command: WireInnerCommand): void {
    if (this.#inner === undefined) this.#inner = [command];
    else this.#inner.push(command);
  }

  /** @internal Undefined if there are none. */
  get inner(): readonly WireInnerCommand[] | undefined {
    return this.#inner;
  }
}

/** @internal */
export const running = new AsyncLocalStorage<JobContext>();

/**
 * The first copy of callsheet that this thread loaded. In a thread that runs jobs it is the copy
 * that runs them; a job module may have loaded another copy.
 */
const firstCopy = Symbol.for('callsheet.firstCopy');
interface Copy {
  readonly url: string;
  readonly running: Pick<typeof running, 'getStore'>;
}
const copies = globalThis as { [firstCopy]?: Copy };
copies[firstCopy] ??= { url: import.meta.url, running };

function whyNoJob(): string {
  const { url, running: others } = copies[firstCopy]!;
  if (others === running || others.getStore() === undefined)
    return 'no job is running here: currentJob() works only in functions of job modules, while a job runs them';
  return `the job is run by the callsheet at ${url}, but this currentJob() belongs to another copy at ${import.meta.url}: install one copy for both (see npm ls callsheet), and keep callsheet external if a job module is bundled`;
}

/**
 * Returns the running job. Can be called from anywhere below a handler.
 *
 * @throws {NotInJobError} anywhere else.
 */
export function currentJob(): JobContext {
  const job = running.getStore();
  if (job === undefined) throw new NotInJobError(whyNoJob());
  return job;
}

/** @internal Returns the id by which a job handle is stored among arguments and results. */
export function referenceOf(value: object): Uint8Array | undefined {
  return value instanceof JobReference ? idToBytes(value.internalId) : undefined;
}

/** @internal Decoding options that make live handles of the job references in a payload. */
export function references(thread: ThreadContext): OutcomeOptions {
  const known = referencesOf.get(thread);
  if (known !== undefined) return known;
  const options = makeReferences(thread);
  referencesOf.set(thread, options);
  return options;
}

/** The options of each thread, made once: every job decodes its arguments with them. */
const referencesOf = new WeakMap<ThreadContext, OutcomeOptions>();

function makeReferences(thread: ThreadContext): OutcomeOptions {
  const piece = (job: Id, from: number) => (request: number) =>
    ['ask', request, { type: 'completed', job, from, reader: 'job' }] satisfies ThreadMessage;
  return {
    reference: (id) => new JobReference(idFromBytes(id), thread, true),
    pieces: {
      now: (whole, from) => thread.askSync(piece(whole, from)) as Uint8Array,
      later: async (whole, from) => (await thread.ask(piece(whole, from))) as Uint8Array,
    },
  };
}
