/** The public API of a queue. */

import { idToText } from '../codec/id.js';
import { highestNumber, longestMs } from '../core/limits.js';
import { type Id, type Level, levels } from '../core/records.js';
import { checkArray, checkNumber, checkOneOf } from '../definition/arguments.js';
import { asJob, type Composition, type Part, parallel } from '../definition/compose.js';
import { contextOfPart, type EncodeContext, encodeJob, encodeMapping } from '../definition/encode.js';
import { type AgentFilter, checkFilter, functionName, type JobChooser, type JobFilter } from '../definition/filters.js';
import type { JobCall } from '../definition/job-call.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { Mapping } from '../definition/map.js';
import { checkName } from '../definition/names.js';
import { checkRetryDefaults, type JobOptions, jobOptions, type RetryDefaults } from '../definition/options.js';
import { CallsheetError, invalidOption, UnknownAgentError } from '../errors.js';
import type { CompletedJobs } from '../protocol/completed-jobs.js';
import { checkKnown, checkPolicyKnown } from '../protocol/known-functions.js';
import type {
  AgentInfo,
  DispatcherInfo,
  LeftJobs,
  LinePage,
  QueueInfo,
  QuotaInfo,
  WireJob,
} from '../protocol/messages.js';
import { cancelOn, checkSignal } from './abort.js';
import type { Client } from './client.js';
import { type Agent, agentFrom, dispatcherId } from './dispatcher.js';
import { feedMap } from './feeder.js';
import { type Handles, Job, putSeen } from './job.js';
import { checkPosting, post, type SqlClient } from './outbox.js';
import { type Schedule, type ScheduleOptions, setSchedule } from './schedules.js';
import { timeOf } from './time.js';
import { aboutPut } from './tracing.js';

/** The options of a put, for its job or for each of its jobs. */
export interface PutOptions extends JobOptions {
  /** The durability of the job once `put` has resolved; the runtime's by default. */
  readonly durability?: Level;
  /**
   * Cancels the job when it aborts. A put whose signal has aborted rejects with its reason, and
   * stores nothing. If a `unique` key made the put return another job, that job is cancelled for
   * all its callers. The signal is not stored: it works in this process only.
   */
  readonly signal?: AbortSignal;
  /**
   * Your own connection to the PostgreSQL database of the runtime. The job is written with it, in
   * one statement, so that it is put if and when your transaction commits, and not if that rolls
   * back. Isolation levels do not matter, and no lock is waited for. A runtime takes the job in
   * within about a second of the commit, or as soon as its handle is asked after the commit. A job
   * whose queue or quota does not exist then has failed with that error, and its callbacks run. If
   * the `unique` key of the job is live then, the handle leads to no job. A bound of the queue is
   * not waited for. Not for maps and `broadcast`.
   */
  readonly client?: SqlClient;
}

/** The jobs for which `drain` did not wait. */
export interface Drained {
  /**
   * Numbers of jobs whose functions this build does not have, by callable (`module#export`). They
   * wait for a runtime that has these functions.
   */
  readonly left: readonly { readonly callable: string; readonly jobs: number }[];
}

/** The limits of a quota. */
export interface QuotaOptions {
  /**
   * Maximum number of its jobs that run at a time; of a keyed quota, for each key. 1 by default.
   */
  readonly size?: number;
  /**
   * A token bucket of `count` starts. It is full at first, and refills evenly by `count` in each
   * `periodMs` milliseconds. After a pause `count` jobs may begin at once, so a single `periodMs`
   * can see up to twice `count` less one; the long-term rate is `count` in each `periodMs`. None by
   * default.
   */
  readonly rate?: { readonly count: number; readonly periodMs: number };
}

/** The limits and holders of a quota at one moment. */
export interface Quota {
  readonly name: string;
  readonly size: number;
  readonly rate: { readonly count: number; readonly periodMs: number } | undefined;
  /** The ids of the jobs that hold a place in it. */
  readonly holders: readonly string[];
  /**
   * `true` if it has no free place; of a keyed quota, if at least `size` jobs hold places, under
   * any keys.
   */
  readonly filled: boolean;
}

/** The options of an agent. */
export interface AgentOptions {
  /** Maximum number of threads on which it runs jobs. */
  readonly size: number;
  /**
   * The jobs that it may claim: data, or a function that decides about each job. All jobs by
   * default.
   */
  readonly filter?: AgentFilter | JobFilter;
  /**
   * A function that chooses the next job from those that it may claim. By default it claims in the
   * order of the queue.
   */
  readonly chooser?: JobChooser;
  /** The id of the registered dispatcher to which it belongs; that of this runtime by default. */
  readonly dispatcher?: string;
  /** The retry policies of its jobs that have none of their own; the runtime's by default. */
  readonly retry?: RetryDefaults;
}

const none: PutOptions = {};

/** Jobs of a queue that its iteration reads at once. */
const pageJobs = 256;
const putOptions: OptionNames<PutOptions> = { ...jobOptions, durability: true, signal: true, client: true };

const agentOptions: OptionNames<AgentOptions> = {
  size: true,
  filter: true,
  chooser: true,
  dispatcher: true,
  retry: true,
};

/** The options of `completedBy`. */
export interface CompletedByOptions {
  /** Earliest time of completion, inclusive. No limit by default. */
  readonly from?: Date;
  /** Latest time of completion, exclusive. No limit by default. */
  readonly to?: Date;
  /** Maximum number of jobs. 100 by default. */
  readonly limit?: number;
  /** The id of the agent's dispatcher; that of this runtime by default. */
  readonly dispatcher?: string;
}

/** A queue of jobs, by its name. */
export class Queue {
  /** The queue's name; the default queue, which always exists, is named `''`. */
  readonly name: string;
  readonly #client: Client;

  /** @internal */
  constructor(name: string, client: Client) {
    this.name = name;
    this.#client = client;
  }

  /**
   * Puts a job into the queue. Resolves when the job is as safe as its durability demands: by
   * default, when it is on the disk. While the queue is at its bound, waits for room.
   *
   * @param job A callable with its arguments, a callable that needs none, a composition, a map, or
   * the handle of a job that was removed or is `held`.
   * @throws {NotStorableError} an argument cannot be stored faithfully; `path` is the path of the
   * value.
   * @throws {UnknownQueueError} or {UnknownQuotaError}: there is no such queue or quota.
   * @throws {UnknownModuleError}, {UnknownExportError} or {ExportNotCallableError}: this build has
   * no such function.
   */
  put<Result>(job: Part<Result> | Mapping<Result> | Job<Result>, options: PutOptions = none): Promise<Job<Result>> {
    const { tracing } = this.#client;
    if (tracing === undefined || job instanceof Job) return this.#put(job, options);
    return tracing.put(aboutPut(this.name, [job], options), () => this.#put(job, options));
  }

  #put<Result>(job: Part<Result> | Mapping<Result> | Job<Result>, options: PutOptions): Promise<Job<Result>> {
    try {
      const level = this.#level(options);
      if (job instanceof Job) {
        if (Object.keys(options).length > 0)
          throw invalidOption('options', 'must be left out for a job that has been put: change() it', options);
        return this.#client.do({ type: 'putAgain', job: job.internalId, queue: this.name }).then(() => job);
      }
      if (options.client !== undefined)
        return this.#post([job], options, level).then(([handle]) => handle as Job<Result>);
      const encoding = this.#client.puttingAt(level);
      const wire = this.#encoded(encoding, job instanceof Mapping ? job : asJob(job, 'job'), options, '');
      this.#client.link.handOver(encoding.handed);
      const { link } = this.#client;
      const [id] = wire;
      const put = link.put(this.name, level, wire, (coming, same) => {
        if (same === undefined) return new Job<Result>(this.#client, id, coming, undefined, putSeen(wire));
        const hand = link.hold(id, id);
        hand.same = [same];
        return new Job<Result>(this.#client, same, undefined, hand);
      });
      const given = job instanceof Mapping ? put.then((handle) => this.#fed(handle, job, level, encoding.trace)) : put;
      const { signal } = options;
      return signal === undefined ? given : given.then((handle) => cancelling(signal, handle));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Puts several jobs, either all or none. Returns their handles in the same order. The options
   * apply to each of the jobs.
   *
   * @throws the same errors as `put`.
   */
  async putAll<const Parts extends readonly Part[]>(jobs: Parts, options: PutOptions = none): Promise<Handles<Parts>> {
    checkArray('jobs', jobs, 'jobs');
    const { tracing } = this.#client;
    if (tracing === undefined) return this.#putAll(jobs, options);
    return tracing.put(aboutPut(this.name, jobs, options), () => this.#putAll(jobs, options));
  }

  async #putAll<const Parts extends readonly Part[]>(jobs: Parts, options: PutOptions): Promise<Handles<Parts>> {
    const level = this.#level(options);
    if (options.client !== undefined) return (await this.#post(jobs, options, level)) as unknown as Handles<Parts>;
    const encoding = this.#client.puttingAt(level);
    const wire = Array.from(jobs, (job, index) =>
      this.#encoded(encoding, asJob(job, `jobs[${index}]`), options, jobs.length === 1 ? '' : `jobs[${index}].`),
    );
    const put = { type: 'put', queue: this.name, jobs: wire } as const;
    const { link } = this.#client;
    link.handOver(encoding.handed);
    const hand = wire.length === 0 ? undefined : link.hold(wire[0]![0], wire.at(-1)![0]);
    const same = (await this.#client.do(put, level)) as readonly Id[] | undefined;
    if (hand !== undefined && same !== undefined) hand.same = same;
    const ids = same ?? wire.map(([id]) => id);
    const seen = same === undefined ? wire.map(putSeen) : [];
    const handles = ids.map((id, index) => new Job(this.#client, id, undefined, hand, seen[index]));
    if (options.signal !== undefined) cancelOn(options.signal, handles);
    return handles as unknown as Handles<Parts>;
  }

  /** Writes jobs within the user's transaction. */
  async #post(jobs: readonly unknown[], options: PutOptions, level: Level): Promise<Job[]> {
    checkPosting(this.#client, options, level);
    const encoding = this.#client.encoding();
    const wire = Array.from(jobs, (job, index) => {
      if (job instanceof Mapping) throw invalidOption('client', 'must be left out for a map', options.client);
      const where = jobs.length === 1 ? 'job' : `jobs[${index}]`;
      return this.#encoded(encoding, asJob(job, where), options, jobs.length === 1 ? '' : `${where}.`);
    });
    await post(this.#client, options.client!, this.name, level, wire);
    return wire.map(([id]) => new Job(this.#client, id));
  }

  /**
   * Puts a copy of the job for every active dispatcher that has an agent in this queue: each runs
   * one. The outcome is the list of the completed copies, as that of `parallel`. A copy whose
   * dispatcher closes or dies before the copy is done is a failure in that list.
   *
   * @throws {UnknownAgentError} no active dispatcher has an agent in this queue.
   * @throws the other errors of `put`.
   * @example const copies = await (await queue.broadcast(cache.clear)).result();
   */
  async broadcast<Result>(job: Part<Result>, options: PutOptions = none): Promise<Job<CompletedJobs<Result>>> {
    const { tracing } = this.#client;
    if (tracing === undefined) return this.#broadcast(job, options);
    return tracing.put(aboutPut(this.name, [job], options), () => this.#broadcast(job, options));
  }

  async #broadcast<Result>(job: Part<Result>, options: PutOptions): Promise<Job<CompletedJobs<Result>>> {
    const level = this.#level(options);
    if (options.client !== undefined) throw invalidOption('client', 'must be left out by broadcast()', options.client);
    const call = asJob(job, 'job');
    for (;;) {
      const found = (await this.#client.ask({ type: 'dispatchers' })) as DispatcherInfo[];
      const here = found.filter(({ active, agents }) => active && agents.some(({ queue }) => queue === this.name));
      if (here.length === 0)
        throw new UnknownAgentError(
          `no active dispatcher has an agent in the queue ${JSON.stringify(this.name)}: add one with setAgent()`,
        );
      const encoding = this.#client.encoding();
      const whole = encodeJob(encoding, parallel([]), '');
      whole[5] = here.map(({ id }, index) => {
        const copy = this.#encoded(contextOfPart(encoding, index), call, options, '');
        copy[4] = { ...copy[4], only: id };
        return copy;
      });
      try {
        await this.#client.do({ type: 'put', queue: this.name, jobs: [whole] }, level);
        const handle = new Job<CompletedJobs<Result>>(this.#client, whole[0]);
        if (options.signal !== undefined) cancelOn(options.signal, [handle]);
        return handle;
      } catch (error) {
        // A dispatcher has closed since it was listed: it takes no part.
        if (!(error instanceof CallsheetError && error.code === 'DISPATCHER_INACTIVE')) throw error;
      }
    }
  }

  /**
   * Puts the job at each tick of a schedule, once, through any crash. The schedule is stored. The
   * same schedule again changes nothing, so a program may set it at each start. Another job or
   * other options replace it; new `cron` or `every` tick from now on.
   *
   * @param name The name of the schedule, unique among all queues.
   * @param job A callable with its arguments, a callable that needs none, or a composition.
   * @throws {TypeError} or {RangeError}: an option is not valid, the pattern never matches, or
   * there is no such time zone.
   * @throws the errors of `put` for the same job.
   * @example
   * const at = { cron: '30 2 * * *', zone: 'Europe/Berlin' };
   * await queue.schedule('nightly', reports.build('daily'), at);
   */
  async schedule(name: string, job: Part, options: ScheduleOptions): Promise<Schedule> {
    return setSchedule(this.#client, name, this.name, job, options);
  }

  /** Returns the number of waiting jobs, including those that wait for a date. */
  async length(): Promise<number> {
    return (await this.details()).length;
  }

  /** Returns the state of the queue at this moment. */
  async details(): Promise<QueueInfo> {
    return (await this.#client.ask({ type: 'queue', queue: this.name })) as QueueInfo;
  }

  /**
   * Returns the job at this index of the line, in the order of claiming. A negative index counts
   * from the end. `undefined` if there is none.
   *
   * @throws {TypeError} `index` is not a number.
   */
  async at(index: number): Promise<Job | undefined> {
    checkNumber('index', index, {});
    const from = index < 0 ? (await this.length()) + index : index;
    if (!Number.isInteger(from) || from < 0 || from > highestNumber) return undefined;
    const { jobs } = await this.#line({ skip: from, count: 1 });
    return jobs[0] === undefined ? undefined : new Job(this.#client, jobs[0]);
  }

  /**
   * Iterates over the waiting jobs in the order of claiming. Each page of them is read when the
   * iteration reaches it. A job that keeps its place is met once; one that gets another place in
   * between may be met twice, or not at all.
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Job> {
    let page = await this.#line({ skip: 0, count: pageJobs });
    for (;;) {
      for (const id of page.jobs) yield new Job(this.#client, id);
      if (page.last === undefined) return;
      page = await this.#line({ skip: 0, count: pageJobs, after: page.last });
    }
  }

  /**
   * Removes the waiting job at this index from the queue and returns it. It is `new` again and can
   * be put again.
   *
   * @throws {RangeError} there is no job at `index`.
   */
  async pull(index = 0): Promise<Job> {
    const job = await this.at(index);
    if (job === undefined)
      throw invalidOption(
        'index',
        `must be the place of a job in the queue ${JSON.stringify(this.name)}`,
        index,
        RangeError,
      );
    await this.remove(job);
    return job;
  }

  /**
   * Removes this job from the queue. It is `new` again and can be put again.
   *
   * @throws {JobStatusError} the job has begun, is awaited by another, or is in another queue.
   */
  async remove(job: Job): Promise<void> {
    if (!(job instanceof Job)) throw invalidOption('job', 'must be the handle of a job', job);
    await this.#client.do({ type: 'remove', job: job.internalId, queue: this.name });
  }

  /** Stops claiming from the queue until `resume`, even after a restart. Running jobs continue. */
  async pause(): Promise<void> {
    await this.#client.do({ type: 'pauseQueue', name: this.name, paused: true });
  }

  async resume(): Promise<void> {
    await this.#client.do({ type: 'pauseQueue', name: this.name, paused: false });
  }

  /**
   * Waits until no job in the queue is due or running. Does not wait for jobs whose functions this
   * build does not have: `left` counts them.
   */
  async drain(): Promise<Drained> {
    return { left: (await this.#client.link.request(['drained', this.name])) as LeftJobs[] };
  }

  /**
   * Sets the length from which puts wait until there is room; 0 removes the bound.
   * `details().putsWaiting` is the number of waiting puts.
   *
   * @throws {RangeError} `bound` is not an integer from 0 to 2 ** 50.
   */
  async setBound(bound: number): Promise<void> {
    checkNumber('bound', bound, { integer: true, least: 0, most: highestNumber });
    await this.#client.do({ type: 'boundQueue', name: this.name, bound });
  }

  /**
   * Creates a quota, or changes the one with this name.
   *
   * @throws {RangeError} `size` or `rate` is not valid.
   */
  async setQuota(name: string, options: QuotaOptions = {}): Promise<void> {
    checkName('name', name);
    checkOptions('options', options, { size: true, rate: true });
    const { size = 1, rate } = options;
    checkNumber('size', size, { integer: true, least: 1, most: highestNumber });
    if (rate !== undefined) {
      checkOptions('rate', rate, { count: true, periodMs: true });
      checkNumber('rate.count', rate.count, { integer: true, least: 1, most: highestNumber });
      checkNumber('rate.periodMs', rate.periodMs, { above: 0, below: longestMs, unit: 'milliseconds' });
    }
    const limits = { size, rate: rate?.count ?? 0, ratePeriodMs: rate?.periodMs ?? 0 };
    await this.#client.do({ type: 'setQuota', queue: this.name, name, ...limits });
  }

  /** Removes a quota. Jobs that name it continue without it. */
  async removeQuota(name: string): Promise<void> {
    checkName('name', name);
    await this.#client.do({ type: 'removeQuota', queue: this.name, name });
  }

  async quotas(): Promise<Quota[]> {
    const found = (await this.#client.ask({ type: 'quotas', queue: this.name })) as QuotaInfo[];
    return found.map(({ name, size, rate, ratePeriodMs, holders }) => ({
      name,
      size,
      rate: rate === 0 ? undefined : { count: rate, periodMs: ratePeriodMs },
      holders: holders.map(idToText),
      filled: holders.length >= size,
    }));
  }

  async agents(): Promise<Agent[]> {
    const found = (await this.#client.ask({ type: 'agents', queue: this.name })) as AgentInfo[];
    return found.map(agentFrom);
  }

  /**
   * Adds an agent, or changes the one with this name, even while it runs jobs.
   *
   * @throws {RangeError} `size` is not an integer from 1.
   */
  async setAgent(name: string, options: AgentOptions): Promise<void> {
    checkName('name', name);
    checkOptions('options', options, agentOptions);
    const { size, filter, chooser, retry = {}, dispatcher } = options;
    checkNumber('size', size, { integer: true, least: 1, most: highestNumber });
    const { modules } = this.#client.encoding();
    const known = (where: string) => (callable: string) => checkKnown(modules, callable, where);
    const stored = filter === undefined ? null : checkFilter(filter, known('filter.'));
    const chosenBy = chooser === undefined ? {} : { chooser: functionName(chooser, 'chooser', known('chooser.')) };
    const policies = checkRetryDefaults(retry, 'retry');
    for (const policy of Object.values(policies)) checkPolicyKnown(modules, policy, 'retry.');
    await this.#client.do({
      type: 'setAgent',
      dispatcher: this.#dispatcher(dispatcher),
      queue: this.name,
      name,
      size,
      filter: stored,
      ...chosenBy,
      retry: policies,
    });
  }

  /**
   * Removes an agent, by default one of this runtime.
   *
   * @throws {JobStatusError} the agent has running jobs.
   */
  async removeAgent(name: string, options: { readonly dispatcher?: string } = {}): Promise<void> {
    checkOptions('options', options, { dispatcher: true });
    checkName('name', name);
    const dispatcher = this.#dispatcher(options.dispatcher);
    await this.#client.do({ type: 'removeAgent', dispatcher, queue: this.name, name });
  }

  /**
   * Returns the completed jobs that an agent ran, newest first. Only its last 1,000 are listed, as
   * far as they are still remembered.
   *
   * @throws {RangeError} `limit` is not an integer from 1, or a date is not valid.
   * @example
   * const from = new Date(Date.now() - 60_000);
   * for (const job of await queue.completedBy('main', { from })) console.log(job.id);
   */
  async completedBy(name: string, options: CompletedByOptions = {}): Promise<Job[]> {
    checkOptions('options', options, { from: true, to: true, limit: true, dispatcher: true });
    const { from, to, limit = 100, dispatcher } = options;
    checkName('name', name);
    checkNumber('limit', limit, { integer: true, least: 1 });
    const ids = (await this.#client.ask({
      type: 'completedBy',
      queue: this.name,
      dispatcher: this.#dispatcher(dispatcher),
      name,
      from: from === undefined ? Number.NEGATIVE_INFINITY : timeOf('from', from),
      to: to === undefined ? Number.POSITIVE_INFINITY : timeOf('to', to),
      limit,
    })) as Id[];
    return ids.map((id) => new Job(this.#client, id));
  }

  #dispatcher(id: string | undefined): Id {
    return id === undefined ? this.#client.dispatcher : dispatcherId('dispatcher', id);
  }

  #level(options: PutOptions): Level {
    if (options !== none) checkOptions('options', options, putOptions);
    const { durability = this.#client.durability, signal } = options;
    if (signal !== undefined) checkSignal(signal);
    checkOneOf('durability', durability, levels);
    if (durability === 'memory' || this.#client.isKept) return durability;
    throw invalidOption(
      'durability',
      'must be "memory" in a runtime without a directory or a database',
      durability,
      RangeError,
    );
  }

  /** Feeds the map from this process. */
  async #fed<Result>(
    job: Job<Result>,
    mapping: Mapping<Result>,
    level: Level,
    trace: EncodeContext['trace'],
  ): Promise<Job<Result>> {
    await feedMap(this.#client, job.internalId, mapping, level, trace);
    return job;
  }

  /** Encodes a job with the options of its put; `where` is the prefix of the paths in errors. */
  #encoded(encoding: EncodeContext, job: JobCall | Composition | Mapping, options: PutOptions, where: string): WireJob {
    const { durability: _, signal: __, client: ___, ...forJob } = options;
    const whole = options === none || Object.keys(forJob).length === 0 ? job : job.with(forJob);
    return whole instanceof Mapping ? encodeMapping(encoding, whole) : encodeJob(encoding, whole, where);
  }

  async #line(page: { skip: number; count: number; after?: LinePage['last'] }): Promise<LinePage> {
    return (await this.#client.ask({ type: 'line', queue: this.name, ...page })) as LinePage;
  }
}

function cancelling<Result>(signal: AbortSignal, job: Job<Result>): Job<Result> {
  cancelOn(signal, [job]);
  return job;
}
