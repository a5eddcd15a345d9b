/**
 * What a running job can know and do: found from anywhere below its handler, synchronously.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type InspectOptions, inspect } from 'node:util';
import { type Logger, pino } from 'pino';
import { decodeFailure, type Failure, JobFailedError } from '../codec/failure.js';
import { idFromBytes, idToBytes, idToText } from '../codec/id.js';
import { decodePayload } from '../codec/payload.js';
import type { Id } from '../core/records.js';
import { checkWait, encodeAnnotation } from '../definition/annotations.js';
import type { CallbackLike, CallbackSides } from '../definition/callbacks.js';
import { asJob, type Part, type PartResult } from '../definition/compose.js';
import { type EncodeContext, encodeCallback, encodeJob, encodeMember } from '../definition/encode.js';
import { checkOptions, checkSides } from '../definition/known-options.js';
import { checkAnnotationName, checkQueueName } from '../definition/names.js';
import { CallsheetError, JobNotCommittedError, JobStatusError } from '../errors.js';
import { decodeValue, type OutcomeOptions } from '../protocol/completed-jobs.js';
import type { ThreadMessage, WireInnerPut, WireOutcome } from '../protocol/dispatch.js';
import type { WireInnerCommand, WireJob } from '../protocol/messages.js';
import { checkProgress, type Progress, progressName } from '../protocol/progress.js';
import type { ThreadContext } from './thread-context.js';

/** A job as another job holds it. */
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

  /** What is said about the job; a job that is put with this one has nothing said about it yet. */
  get annotations(): JobAnnotations {
    return new JobAnnotations(this.#id, this.#thread);
  }

  /**
   * What the job's function returned. The thread stays with the job that waits here, and what it
   * waits for may have one more (`extraThreads` of `open`). To return the handle instead holds no
   * thread.
   *
   * @throws {JobFailedError} if the job failed.
   * @throws {JobNotCommittedError} if it is put when the running job ends: that cannot be waited
   * for there.
   * @throws {JobStatusError} if it is the running job itself, or ends only after that.
   * @throws {TooManyWaitsError} if no thread would be left to run anything.
   */
  async result(): Promise<Result> {
    if (!this.#committed) {
      throw new JobNotCommittedError(
        'the job is put when this one ends, so it cannot be waited for here: return it, and its outcome is taken, or put it at once with putNow()',
      );
    }
    if (running.getStore()?.internalId === this.#id) throw new JobStatusError('a job cannot wait for itself');
    const [kind, payload] = (await this.#thread.ask((request) => ['outcome of', request, this.#id])) as WireOutcome;
    if (kind === 'failure') throw new JobFailedError(decodeFailure(payload));
    return decodeValue(kind, payload, references(this.#thread)) as Result;
  }

  /** @internal */
  get internalId(): Id {
    return this.#id;
  }
}

/** What is said about a job, live: seen at once wherever the job is held. */
export class JobAnnotations {
  readonly #id: Id;
  readonly #thread: ThreadContext;

  /** @internal */
  constructor(id: Id, thread: ThreadContext) {
    this.#id = id;
    this.#thread = thread;
  }

  /** Says something about the job, at once. */
  set(name: string, value: unknown): void {
    this.#thread.say(['annotate', this.#id, name, encodeAnnotation(name, value, referenceOf)]);
  }

  delete(name: string): void {
    checkAnnotationName(name);
    this.#thread.say(['annotate', this.#id, name, null]);
  }

  /** What is said under this name now. Sleeps for as long as the coordinator takes to answer. */
  get(name: string): unknown {
    const all = this.#thread.askSync((request) => ['ask', request, { type: 'annotations', job: this.#id }]) as Record<
      string,
      Uint8Array
    >;
    return Object.hasOwn(all, name) ? decodePayload(all[name]!, references(this.#thread)) : undefined;
  }

  /** Waits until something is said under this name; after `timeoutMs` gives the default. */
  async waitFor<Value = unknown>(name: string, options: WaitOptions<Value>): Promise<Value | undefined> {
    checkWait(name, options);
    const { timeoutMs, default: fallback } = options;
    return valueOr(
      this.#thread,
      fallback,
      await this.#thread.ask((request) => ['annotation', request, this.#id, name, timeoutMs]),
    );
  }

  /** The same for synchronous handlers: the thread sleeps. */
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

/** How long a job waits for an annotation. */
export interface WaitOptions<Value> {
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** What an expired wait gives. */
  readonly default?: Value;
}

const valueOr = <Value>(thread: ThreadContext, fallback: Value | undefined, bytes: unknown): Value | undefined =>
  bytes === null ? fallback : (decodePayload(bytes as Uint8Array, references(thread)) as Value);

/** Where a job goes that is put inside another. */
export interface InnerPutOptions {
  /** The name of its queue; that of the running job by default. */
  readonly queue?: string;
}

/** The coordinator fills in who puts it and how safe it is: as the running job. */
const putOf = (job: WireJob, queue: string): WireInnerPut => ({
  type: 'put',
  queue,
  owner: '',
  level: 'memory',
  jobs: [job],
});

/** @internal What a context is made of. */
export interface RunOfJob {
  readonly slot: number;
  readonly word: number;
  readonly id: Id;
  /** The whole that it is a part of; empty for none. */
  readonly parent: Id;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  readonly agent: string;
}

/** One run of a job, as its code sees it. */
export class JobContext {
  /**
   * 1 for the first run. No two runs of a job have the same number: a run that may have begun
   * counts, also where it counts against no policy.
   */
  readonly attempt: number;
  readonly queue: string;
  /** The name of the agent that claimed it. */
  readonly agent: string;
  /** @internal */
  readonly slot: number;
  readonly #id: Id;
  readonly #parent: Id;
  readonly #callable: string;
  readonly #word: number;
  readonly #thread: ThreadContext;
  #abort: AbortController | undefined;
  readonly #inner: WireInnerCommand[] = [];
  #logger: Logger | undefined;

  /** @internal */
  constructor(thread: ThreadContext, run: RunOfJob) {
    this.#thread = thread;
    this.slot = run.slot;
    this.#word = run.word;
    this.#id = run.id;
    this.#parent = run.parent;
    this.#callable = run.callable;
    this.attempt = run.attempt;
    this.queue = run.queue;
    this.agent = run.agent;
  }

  /** The job's id, a UUID. */
  get id(): string {
    return idToText(this.#id);
  }

  /** @internal */
  get internalId(): Id {
    return this.#id;
  }

  /** What is said about this job, live. */
  get annotations(): JobAnnotations {
    return new JobAnnotations(this.#id, this.#thread);
  }

  /**
   * Says how far the job is, at once: seen by `Job.progress()`, and by whoever reads the annotation
   * `progress`.
   *
   * @example currentJob().progress({ done: 3, total: 10, message: 'pages' })
   */
  progress(progress: Progress): void {
    checkOptions('progress', progress, { done: true, total: true, message: true });
    this.annotations.set(progressName, checkProgress(progress));
  }

  /**
   * Aborted when the job is cancelled or runs out of time. A loop that never waits reads
   * `cancelled` instead.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.cancelled) this.stop();
    return this.#abort.signal;
  }

  /** Whether the job is to stop; true at once, also in a loop that never gives up its thread. */
  get cancelled(): boolean {
    return this.#thread.board.isStopped(this.slot, this.#word);
  }

  /** Writes to the logger that `open` was given, with the job's id, callable and attempt. */
  get logger(): Logger {
    const { id, attempt, queue } = this;
    const callable = this.#callable;
    this.#logger ??= pino(
      { level: this.#thread.logLevelOf(callable), base: { job: id, callable, attempt, queue } },
      { write: (line) => this.#thread.log(callable, line) },
    );
    return this.#logger;
  }

  /**
   * Puts another job, or one that was removed or is `held`: together with this one's outcome, or
   * not at all if this run fails. Return the handle, and its outcome is this job's.
   *
   * Which job a `unique` key makes it turns out only then. What is returned, and what callbacks are
   * hung on, is that job; the `id`, and the handle among arguments, in a result or an annotation,
   * are those of a new one, which there may never be. `putNow` tells at once.
   */
  put<Result>(job: Part<Result> | JobReference<Result>, options: InnerPutOptions = {}): JobReference<Result> {
    const queue = this.#queueOf(options);
    if (job instanceof JobReference) {
      this.#inner.push({ type: 'putAgain', job: job.internalId, queue });
      return job;
    }
    const wire = encodeJob(this.#encoding(), asJob(job, 'the job'), '');
    this.#inner.push(putOf(wire, queue));
    return new JobReference<Result>(wire[0], this.#thread, false);
  }

  /**
   * Puts another job at once, whatever becomes of this one; resolves when it is as durable as this
   * one. It can be waited for here. A run that is interrupted and begins again puts it again: a
   * `unique` key makes it the same.
   *
   * @example const page = await (await currentJob().putNow(web.fetch(url))).result();
   */
  async putNow<Result>(job: Part<Result>, options: InnerPutOptions = {}): Promise<JobReference<Result>> {
    const queue = this.#queueOf(options);
    const wire = encodeJob(this.#encoding(), asJob(job, 'the job'), '');
    const same = (await this.#thread.ask((request) => ['put', request, this.#id, putOf(wire, queue)])) as Id[] | null;
    return new JobReference<Result>(same?.[0] ?? wire[0], this.#thread, true);
  }

  /**
   * Hangs callbacks on a job together with this one's outcome; `on` as `Job.addCallback` and
   * `Job.addCallbacks` take it.
   */
  addCallbacks<Result, Success = Result, OnFailure = never>(
    job: JobReference<Result>,
    sides:
      | { readonly both: CallbackLike<Result, Success> }
      | { readonly success?: CallbackLike<Result, Success>; readonly failure?: CallbackLike<Failure, OnFailure> },
  ): JobReference<Success | OnFailure> {
    const wire = encodeCallback(this.#encoding(), checkSides(sides as CallbackSides), '');
    this.#inner.push({ type: 'addCallbacks', job: job.internalId, callbacks: [wire] });
    return new JobReference(wire[0], this.#thread, false);
  }

  /**
   * Adds parts to a serial or parallel, together with this job's outcome; by default to the whole
   * that this job is a part of.
   */
  addParts<const Parts extends readonly Part[]>(
    parts: Parts,
    whole?: JobReference,
  ): { -readonly [Index in keyof Parts]: JobReference<PartResult<Parts[Index]>> } {
    const job = whole?.internalId ?? this.#parent;
    if (!Array.isArray(parts)) throw new TypeError('parts: an array of jobs is needed');
    if (job === '') throw new JobStatusError('addParts: this job is no part of another, so the whole is to be named');
    const wire = Array.from(parts, (part, index) =>
      encodeMember(this.#encoding(), asJob(part, `parts[${index}]`), `parts[${index}].`),
    );
    this.#inner.push({ type: 'addParts', job, parts: wire });
    return wire.map(([id]) => new JobReference(id, this.#thread, false)) as never;
  }

  /** Takes a waiting job out of its queue, together with this job's outcome. */
  remove(job: JobReference): void {
    this.#inner.push({ type: 'remove', job: job.internalId });
  }

  #queueOf(options: InnerPutOptions): string {
    checkOptions('options', options, { queue: true });
    const { queue = this.queue } = options;
    checkQueueName('queue', queue);
    return queue;
  }

  #encoding(): EncodeContext {
    const { modules, payloadLimitBytes } = this.#thread;
    return { modules, now: this.#thread.now(), payloadLimitBytes, reference: referenceOf };
  }

  /** @internal */
  stop(): void {
    if (this.#abort?.signal.aborted === false)
      this.#abort.abort(new CallsheetError('JOB_CANCELLED', 'the job is to stop'));
  }

  /** @internal */
  get inner(): readonly WireInnerCommand[] {
    return this.#inner;
  }
}

/** @internal */
export const running = new AsyncLocalStorage<JobContext>();

/**
 * The copy of callsheet that was loaded first in this thread: where jobs run, the one that runs
 * them. A job module may bring another.
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
    return 'no job is running here: currentJob() is for the functions of job modules';
  return `the job is run by the callsheet at ${url}, and currentJob() is of another copy, at ${import.meta.url}: install one copy for both (see npm ls callsheet), and keep callsheet external where a job module is bundled`;
}

/**
 * The job that is running here: to be called from anywhere below a handler.
 *
 * @throws {CallsheetError} NOT_IN_JOB anywhere else.
 */
export function currentJob(): JobContext {
  const job = running.getStore();
  if (job === undefined) throw new CallsheetError('NOT_IN_JOB', whyNoJob());
  return job;
}

/** @internal The id that a handle stands for among arguments and results. */
export function referenceOf(value: object): Uint8Array | undefined {
  return value instanceof JobReference ? idToBytes(value.internalId) : undefined;
}

/**
 * @internal What makes the references among arguments, results and annotations live handles again.
 */
export function references(thread: ThreadContext): OutcomeOptions {
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
