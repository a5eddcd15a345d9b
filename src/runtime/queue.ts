/**
 * Queues, as their users hold them.
 */

import { types } from 'node:util';
import { idToText } from '../codec/id.js';
import { type Id, type Level, levels } from '../core/records.js';
import { checkArray, checkNumber, checkOneOf } from '../definition/arguments.js';
import { asJob, type Composition, type Part, parallel } from '../definition/compose.js';
import { type EncodeContext, encodeJob, encodeMapping } from '../definition/encode.js';
import { type AgentFilter, checkFilter, functionName, type JobChooser, type JobFilter } from '../definition/filters.js';
import type { JobCall } from '../definition/job-call.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { Mapping } from '../definition/map.js';
import { checkName } from '../definition/names.js';
import { checkRetryDefaults, type JobOptions, jobOptions, type RetryDefaults } from '../definition/options.js';
import { CallsheetError, invalidOption, UnknownAgentError } from '../errors.js';
import type { CompletedJobs } from '../protocol/completed-jobs.js';
import { checkKnown, checkPolicyKnown } from '../protocol/known-functions.js';
import type { AgentInfo, DispatcherInfo, LeftJobs, QueueInfo, QuotaInfo, WireJob } from '../protocol/messages.js';
import { cancelOn, checkSignal } from './abort.js';
import type { Client } from './client.js';
import { type Agent, agentFrom, dispatcherId } from './dispatcher.js';
import { feedMap } from './feeder.js';
import { type Handles, Job, putSeen } from './job.js';

/** What a put can ask for, for its job or for each of its jobs. */
export interface PutOptions extends JobOptions {
  /** What the job survives once `put` has resolved; as the runtime by default. */
  readonly durability?: Level;
  /**
   * Cancels the job when it aborts; a put whose signal is aborted already rejects with its reason,
   * and nothing is stored. A job that a `unique` key made another is cancelled for all who put it.
   * In this process only: it is not stored.
   */
  readonly signal?: AbortSignal;
}

/** What `drain` did not wait for. */
export interface Drained {
  /**
   * Jobs whose functions this build does not have, by callable (`module#export`): they wait for a
   * runtime that has them.
   */
  readonly left: readonly { readonly callable: string; readonly jobs: number }[];
}

/** How much of a quota there is. */
export interface QuotaOptions {
  /**
   * How many jobs that name it may run at a time, for each key where jobs give one. 1 by default.
   */
  readonly size?: number;
  /**
   * A bucket of `count` starts, full at first, which fills up again by `count` in each `periodMs`,
   * evenly: so many may begin at once after a pause, and no more than that rate in the long run.
   * Within one `periodMs`, that can be twice `count`, less one. None by default.
   */
  readonly rate?: { readonly count: number; readonly periodMs: number };
}

/** A quota, as it stands. */
export interface Quota {
  readonly name: string;
  readonly size: number;
  readonly rate: { readonly count: number; readonly periodMs: number } | undefined;
  /** The ids of the jobs that have a place in it. */
  readonly holders: readonly string[];
  /** Whether it has no room; of a keyed quota, whether any jobs have a place for each of `size`. */
  readonly filled: boolean;
}

/** What an agent takes, and how much of it at a time. */
export interface AgentOptions {
  /** On how many threads it has jobs at most. */
  readonly size: number;
  /** What it takes: as data, or a function that says so of each job. Everything by default. */
  readonly filter?: AgentFilter | JobFilter;
  /**
   * A function that says which of the jobs that it may take it takes next. By default those that
   * are first in line.
   */
  readonly chooser?: JobChooser;
  /** Whose agent it is: the id of any dispatcher that is registered. This runtime's by default. */
  readonly dispatcher?: string;
  /** What becomes of its jobs that do not say it themselves; as the runtime says by default. */
  readonly retry?: RetryDefaults;
}

const none: PutOptions = {};
const putOptions: OptionNames<PutOptions> = { ...jobOptions, durability: true, signal: true };

const agentOptions: OptionNames<AgentOptions> = {
  size: true,
  filter: true,
  chooser: true,
  dispatcher: true,
  retry: true,
};

/** Which of an agent's completed jobs are wanted. */
export interface CompletedByOptions {
  /** Those that completed from then on. */
  readonly from?: Date;
  /** Those that completed before. */
  readonly to?: Date;
  /** At most so many. 100 by default. */
  readonly limit?: number;
  /** Whose agent it is; this runtime's by default. */
  readonly dispatcher?: string;
}

/** A named line of jobs. */
export class Queue {
  /** The queue's name; the one that is always there is named ''. */
  readonly name: string;
  readonly #client: Client;

  /** @internal */
  constructor(name: string, client: Client) {
    this.name = name;
    this.#client = client;
  }

  /**
   * Puts a job into the queue. Resolves when it is as durable as the runtime was asked to be: by
   * default, on the disk.
   *
   * @param job A callable with its arguments, a callable that needs none, a composition, a map, or
   * the handle of a job that was removed or is `held`.
   * @throws {NotStorableError} an argument cannot be stored faithfully; `path` says which part of
   * it.
   * @throws {CallsheetError} UNKNOWN_MODULE, UNKNOWN_EXPORT, EXPORT_NOT_CALLABLE, UNKNOWN_QUEUE,
   * UNKNOWN_QUOTA, INVALID_OPTION.
   */
  put<Result>(job: Part<Result> | Mapping<Result> | Job<Result>, options: PutOptions = none): Promise<Job<Result>> {
    try {
      const level = this.#level(options);
      if (job instanceof Job) {
        if (Object.keys(options).length > 0)
          throw invalidOption('options', 'must be left out for a job that has been put: change() it', options);
        return this.#client.do({ type: 'putAgain', job: job.internalId, queue: this.name }).then(() => job);
      }
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
      const given = job instanceof Mapping ? put.then((handle) => this.#fed(handle, job, level)) : put;
      const { signal } = options;
      return signal === undefined ? given : given.then((handle) => cancelling(signal, handle));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Puts several jobs, all or none, and gives their handles in the same order. The options are for
   * each of them.
   */
  async putAll<const Parts extends readonly Part[]>(jobs: Parts, options: PutOptions = none): Promise<Handles<Parts>> {
    checkArray('jobs', jobs, 'jobs');
    const level = this.#level(options);
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

  /**
   * Puts a copy of the job for every dispatcher that is active and has an agent in this queue: each
   * runs one. The outcome is the list of the completed copies, as that of `parallel`. The copy of a
   * dispatcher that closes or dies before it is done is a failure in it.
   *
   * @throws {CallsheetError} UNKNOWN_AGENT: there is no such dispatcher; else what `put` throws.
   * @example const copies = await (await queue.broadcast(cache.clear)).result();
   */
  async broadcast<Result>(job: Part<Result>, options: PutOptions = none): Promise<Job<CompletedJobs<Result>>> {
    const level = this.#level(options);
    const call = asJob(job, 'job');
    for (;;) {
      const found = (await this.#client.ask({ type: 'dispatchers' })) as DispatcherInfo[];
      const here = found.filter(({ active, agents }) => active && agents.some(({ queue }) => queue === this.name));
      if (here.length === 0)
        throw new UnknownAgentError(`no dispatcher that is active has an agent in ${JSON.stringify(this.name)}`);
      const encoding = this.#client.encoding();
      const whole = encodeJob(encoding, parallel([]), '');
      whole[5] = here.map(({ id }) => {
        const copy = this.#encoded(encoding, call, options, '');
        copy[4] = { ...copy[4], only: id };
        return copy;
      });
      try {
        await this.#client.do({ type: 'put', queue: this.name, jobs: [whole] }, level);
        const handle = new Job<CompletedJobs<Result>>(this.#client, whole[0]);
        if (options.signal !== undefined) cancelOn(options.signal, [handle]);
        return handle;
      } catch (error) {
        // One of them has gone meanwhile: it has no part in this.
        if (!(error instanceof CallsheetError && error.code === 'DISPATCHER_INACTIVE')) throw error;
      }
    }
  }

  /** How many jobs wait here, those that wait for a date included. */
  async length(): Promise<number> {
    return (await this.details()).length;
  }

  /** What is known of the queue now. */
  async details(): Promise<QueueInfo> {
    return (await this.#client.ask({ type: 'queue', queue: this.name })) as QueueInfo;
  }

  /**
   * The job at this place of the line, in the order of claiming, counted from the end if negative;
   * undefined where there is none.
   */
  async at(index: number): Promise<Job | undefined> {
    const from = index < 0 ? (await this.length()) + index : index;
    if (!Number.isInteger(from) || from < 0) return undefined;
    return (await this.#line(from, 1))[0];
  }

  /**
   * The waiting jobs in the order of claiming, as they stand when each page of them is asked for.
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Job> {
    const page = 256;
    for (let from = 0; ; from += page) {
      const jobs = await this.#line(from, page);
      yield* jobs;
      if (jobs.length < page) return;
    }
  }

  /**
   * Takes a waiting job out of the queue; it is `new` again and can be put again. Out of range is a
   * RangeError.
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
   * Takes this job out of the queue. One that has begun, is awaited by another, or is in another
   * queue, is a `JobStatusError`.
   */
  async remove(job: Job): Promise<void> {
    if (!(job instanceof Job)) throw invalidOption('job', 'must be the handle of a job', job);
    await this.#client.do({ type: 'remove', job: job.internalId, queue: this.name });
  }

  /** Nothing more is claimed from the queue, until `resume`, over restarts too. */
  async pause(): Promise<void> {
    await this.#client.do({ type: 'pauseQueue', name: this.name, paused: true });
  }

  async resume(): Promise<void> {
    await this.#client.do({ type: 'pauseQueue', name: this.name, paused: false });
  }

  /**
   * Resolves when nothing in the queue is due or running. Jobs whose functions this build does not
   * have are not waited for: `left` counts them.
   */
  async drain(): Promise<Drained> {
    return { left: (await this.#client.link.request(['drained', this.name])) as LeftJobs[] };
  }

  /**
   * At this length, puts wait until there is room; 0 takes the bound away. `details().putsWaiting`
   * says how many wait.
   */
  async setBound(bound: number): Promise<void> {
    checkNumber('bound', bound, { integer: true, least: 0 });
    await this.#client.do({ type: 'boundQueue', name: this.name, bound });
  }

  /** Creates a quota, or changes the one with this name. */
  async setQuota(name: string, options: QuotaOptions = {}): Promise<void> {
    checkName('name', name);
    checkOptions('options', options, { size: true, rate: true });
    const { size = 1, rate } = options;
    checkNumber('size', size, { integer: true, least: 1 });
    if (rate !== undefined) {
      checkOptions('rate', rate, { count: true, periodMs: true });
      checkNumber('rate.count', rate.count, { integer: true, least: 1 });
      checkNumber('rate.periodMs', rate.periodMs, { finite: true, above: 0, unit: 'milliseconds' });
    }
    const limits = { size, rate: rate?.count ?? 0, ratePeriodMs: rate?.periodMs ?? 0 };
    await this.#client.do({ type: 'setQuota', queue: this.name, name, ...limits });
  }

  /** Removes a quota; jobs that name it go on without it. */
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

  /** Adds an agent, or changes the one with this name, while it runs. */
  async setAgent(name: string, options: AgentOptions): Promise<void> {
    checkName('name', name);
    checkOptions('options', options, agentOptions);
    const { size, filter, chooser, retry = {}, dispatcher } = options;
    checkNumber('size', size, { integer: true, least: 1 });
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
   * Removes an agent, of this runtime by default. One that has running jobs is a `JobStatusError`.
   */
  async removeAgent(name: string, options: { readonly dispatcher?: string } = {}): Promise<void> {
    checkOptions('options', options, { dispatcher: true });
    checkName('name', name);
    const dispatcher = this.#dispatcher(options.dispatcher);
    await this.#client.do({ type: 'removeAgent', dispatcher, queue: this.name, name });
  }

  /**
   * The jobs that an agent ran and that are completed, newest first: as many of the last thousand
   * as are remembered.
   *
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
    throw invalidOption('durability', 'must be "memory" in a runtime without a directory', durability, RangeError);
  }

  /** The map takes its items from here. */
  async #fed<Result>(job: Job<Result>, mapping: Mapping<Result>, level: Level): Promise<Job<Result>> {
    await feedMap(this.#client, job.internalId, mapping, level);
    return job;
  }

  /** The job as it is sent; `where` begins the paths in errors. */
  #encoded(encoding: EncodeContext, job: JobCall | Composition | Mapping, options: PutOptions, where: string): WireJob {
    const { durability: _, signal: __, ...forJob } = options;
    const whole = options === none || Object.keys(forJob).length === 0 ? job : job.with(forJob);
    return whole instanceof Mapping ? encodeMapping(encoding, whole) : encodeJob(encoding, whole, where);
  }

  async #line(from: number, count: number): Promise<Job[]> {
    const ids = (await this.#client.ask({ type: 'line', queue: this.name, from, count })) as Id[];
    return ids.map((id) => new Job(this.#client, id));
  }
}

function cancelling<Result>(signal: AbortSignal, job: Job<Result>): Job<Result> {
  cancelOn(signal, [job]);
  return job;
}

/** @internal */
export function timeOf(path: string, date: Date): number {
  const isDate = types.isDate(date);
  const time = isDate ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw invalidOption(path, 'must be a valid Date', date, isDate ? RangeError : TypeError);
  return time;
}
