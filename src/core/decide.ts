/**
 * Decides commands, and is the only place that does: a command yields changes and effects, or an
 * error and no change.
 *
 * Pure: no clock, no randomness, no I/O, no waiting. The meaning of each command is in the file of
 * its entity.
 */

import { CallsheetError, ClaimLostError, JobForgottenError, JobStatusError, JobTimeoutError } from '../errors.js';
import { installAgent, isFor, removeAgent, setAgent } from './agent.js';
import { requireRoom } from './bounds.js';
import { addCallbacks } from './callback.js';
import { clockSet } from './clock-set.js';
import type { Command, Effect, Filling, InnerCommand, JobSpec, Outside, Settled } from './commands.js';
import { addParts, finishIfDone, goOnWithParts, isLeftBehind } from './composite.js';
import { atOnce, type Decision } from './decision.js';
import { activate, deactivate, ping, recoverAll, rescue, unregister } from './dispatcher.js';
import { requireDispatcher } from './dispatchers.js';
import {
  becomeDue,
  begin,
  cancel,
  change,
  claim,
  clear,
  conclude,
  concludeCancelled,
  createJob,
  enqueue,
  expire,
  expireIfLate,
  failJob,
  giveBack,
  remove,
  waitForInner,
} from './job.js';
import { abandon, countItems, endInput, feed, fold } from './map.js';
import { failureOf, ownFailure, successOf } from './outcome.js';
import { changeQueue, createQueue, defaultQueue, pauseQueue, queueOf, removeQueue, requireQueue } from './queue.js';
import { checkAllQuotas, holdPlaces } from './quota.js';
import { defaultsKey, type Id, isTemplate, type JobRecord, quotaRecordKey } from './records.js';
import { forgetCompleted, forgetJob, forgetMemory } from './retention.js';
import { answered, askAgain, couldNotCommit, failed, interrupted, unanswered } from './retry.js';
import { retry } from './run-again.js';
import { fire, pauseSchedule, removeSchedule, renewTick, runTicks, setSchedule } from './schedule.js';
import type { State } from './state/state.js';
import { raise } from './waits.js';

/** Timers handled by one decision. The rest follows with the next. */
const dueAtOnce = 256;

export interface Decided {
  readonly effects: readonly Effect[];
  /**
   * Ids of the put jobs, if a unique key made any of them a live job, or of the job that a retry
   * put; otherwise undefined.
   */
  readonly same: readonly Id[] | undefined;
}

/** Decides one command, and appends its effects. An error leaves state and list unchanged. */
export function decide(state: State, command: Command, outside: Outside, effects: Effect[] = []): Decided {
  const { now, dispatcher, listening, holding, random, failure } = outside;
  const decision = { state, now, dispatcher, listening, holding, random, failure, effects, partsLeft: 0 };
  return { effects, same: decideIn(decision, command) };
}

/** Does the same in a decision that may serve many commands. Returns `Decided.same`. */
export function decideIn(decision: Decision, command: Command): readonly Id[] | undefined {
  const { state, effects } = decision;
  const mark = state.begin(decision.now, command.type !== 'claim' && command.type !== 'begun');
  const before = effects.length;
  decision.partsLeft = atOnce.parts;
  try {
    if (command.type === 'bounded') return decideBounded(decision, command.command);
    if (command.type === 'put') return putAll(decision, command);
    if (command.type === 'all') return applyAll(decision, command.commands);
    if (command.type === 'retry') return [retry(decision, knownJob(state, command.job), command)];
    apply(decision, command);
    return undefined;
  } catch (error) {
    state.rollback(mark);
    effects.length = before;
    throw error;
  }
}

function apply(decision: Decision, command: Exclude<Command, { type: 'put' | 'all' | 'retry' | 'bounded' }>): void {
  const { state, now } = decision;
  switch (command.type) {
    case 'remove':
      return remove(decision, knownJob(state, command.job), command.queue);
    case 'putAgain':
      return putAgain(decision, knownJob(state, command.job), command.queue);
    case 'addCallbacks':
      if (command.again && areThere(state, command.callbacks)) return;
      return addCallbacks(decision, knownJob(state, command.job), command.callbacks);
    case 'addParts':
      if (command.again && areThere(state, command.parts)) return;
      return addParts(decision, knownJob(state, command.job), command.parts);
    case 'feed': {
      const map = knownJob(state, command.job);
      if (command.again && countItems(state, map).taken >= command.from + command.parts.length) return;
      return feed(decision, map, command.from, command.chunk, command.parts);
    }
    case 'endInput':
      if (command.again && !knownJob(state, command.job).open) return;
      return endInput(decision, knownJob(state, command.job), inputFailure(command));
    case 'goOn': {
      const whole = state.job(command.job);
      return whole && goOnWithParts(decision, whole);
    }
    case 'fold':
      return fold(decision, knownJob(state, command.job), command.list, command.failed);
    case 'change':
      return change(decision, knownJob(state, command.job), command.options, command.args);
    case 'refused':
      return storeRefused(decision, command);
    case 'fail':
      return failJob(decision, knownJob(state, command.job), failureOf(command.failure, command.names ?? []));
    case 'cancel':
      return cancel(decision, knownJob(state, command.job));
    case 'claim': {
      const job = state.job(command.job);
      const { agent, lent } = command;
      if (job?.queued && isLeftBehind(state, job)) return cancel(decision, job);
      if (job !== undefined && isClaimable(decision, job, lent)) claim(decision, job, agent, lent);
      return;
    }
    case 'ownPlaces':
      return holdPlaces(state, claimedJob(decision, command), []);
    case 'begun':
      return begin(decision, claimedJob(decision, command), command.at);
    case 'cleared':
      return clear(decision, claimedJob(decision, command));
    case 'settle':
      return settle(decision, claimedJob(decision, command), command);
    case 'giveBack':
      return giveBack(decision, claimedJob(decision, command));
    case 'cannotBegin': {
      const job = claimedJob(decision, command);
      if (job.cancelled) return concludeCancelled(decision, job);
      return conclude(decision, job, ownFailure(decision, command.error));
    }
    case 'interrupt': {
      const job = claimedJob(decision, command);
      begin(decision, job, now);
      return job.cancelled
        ? concludeCancelled(decision, job)
        : interrupted(decision, job, command.cause, command.error);
    }
    case 'answered':
      return answered(decision, askedJob(state, command), command.answer, command.data);
    case 'unanswered':
      return unanswered(decision, askedJob(state, command), command.problem);
    case 'recover':
      return recoverAll(decision, command.owner);
    case 'abandon':
      return abandon(decision, knownJob(state, command.map));
    case 'activate':
      return activate(decision, command);
    case 'ping':
      return ping(decision, command);
    case 'deactivate':
      return deactivate(decision, command);
    case 'rescue':
      return rescue(decision, command.dispatcher, command.pings);
    case 'unregister':
      return unregister(decision, command.dispatcher);
    case 'tick':
      for (let left = dueAtOnce; left > 0; left--) {
        const job = state.nextDue(now);
        if (job === undefined || decision.partsLeft <= 0) return;
        if (job.cursor !== 0) goOnWithParts(decision, job);
        else if (job.deadline !== 0 && job.deadline <= now && job.attempts === 0) expire(decision, job);
        else if (job.stage === 'policy') askAgain(decision, job);
        else if (job.form === 'chunk') finishIfDone(decision, job);
        else becomeDue(decision, job);
      }
      return;
    case 'forget':
      return forgetCompleted(decision, command.keep);
    case 'forgetMemory':
      return forgetMemory(decision, command.owner, command.until);
    case 'forgetJob':
      return forgetJob(decision, knownJob(state, command.job));
    case 'clockSet':
      return clockSet(decision, command.byMs);
    case 'setSchedule':
      return setSchedule(decision, command);
    case 'removeSchedule':
      return removeSchedule(decision, command.name);
    case 'pauseSchedule':
      return pauseSchedule(decision, command);
    case 'renewTick':
      return renewTick(decision, command);
    case 'fire':
      return fire(decision, command);
    case 'runTicks':
      return runTicks(decision, command);
    case 'createQueue':
      return createQueue(decision, command.name);
    case 'removeQueue':
      return removeQueue(decision, command.name);
    case 'pauseQueue':
      return pauseQueue(decision, command.name, command.paused);
    case 'boundQueue':
      return changeQueue(decision, command.name, { bound: command.bound });
    case 'setQuota': {
      const { queue, name, size, rate, ratePeriodMs } = command;
      requireQueue(state, queue);
      return state.set(quotaRecordKey(queue, name), { kind: 'quota', queue, name, size, rate, ratePeriodMs });
    }
    case 'removeQuota':
      return state.set(quotaRecordKey(command.queue, command.name), undefined);
    case 'setAgent': {
      const { type: _, ...agent } = command;
      requireQueue(state, agent.queue);
      requireDispatcher(state, agent.dispatcher);
      return setAgent(decision, { kind: 'agent', ...agent });
    }
    case 'installAgent':
      requireQueue(state, command.queue);
      requireDispatcher(state, command.dispatcher);
      return installAgent(decision, command);
    case 'setDefaults': {
      const { dispatcher, retry } = command;
      return state.set(defaultsKey(dispatcher), { kind: 'defaults', dispatcher, retry });
    }
    case 'removeAgent':
      return removeAgent(decision, command.dispatcher, command.queue, command.name);
    case 'annotate':
      knownJob(state, command.job);
      return state.annotate(command.job, command.name, command.value);
  }
}

function decideBounded(decision: Decision, command: Filling): readonly Id[] | undefined {
  requireRoom(decision.state, command);
  return decideIn(decision, command);
}

type Put = Extract<Command, { type: 'put' }>;
type Settle = Extract<Command, { type: 'settle' }>;

/** Puts all jobs or none. Returns their ids if a unique key made any of them a live job. */
function putAll(decision: Decision, { queue, owner, level, jobs, again = false }: Put): readonly Id[] | undefined {
  const { state } = decision;
  requireQueue(state, queue);
  const place = { owner, queue, level, role: 'root', parent: '', index: 0, only: '' } as const;
  let same: Id[] | undefined;
  for (let index = 0; index < jobs.length; index++) {
    const spec = jobs[index]!;
    if (again && state.job(spec.id) !== undefined) continue;
    const live = liveJob(decision, spec, queue);
    if (live === undefined) {
      const enqueued = !spec.options.held;
      const job = createJob(decision, spec, place, enqueued);
      if (enqueued) expireIfLate(decision, job);
    } else {
      // A put of a live job may ask for a stronger level.
      raise(state, live, level);
      same ??= jobs.map(({ id }) => id);
      same[index] = live.id;
    }
  }
  return same;
}

/** Stores jobs without all that their put may be refused for, and ends them. */
function storeRefused(decision: Decision, command: Extract<Command, { type: 'refused' }>): void {
  const { state } = decision;
  const { owner, level, error } = command;
  const queue = queueOf(state, command.queue) === undefined ? defaultQueue : command.queue;
  const place = { owner, queue, level, role: 'root', parent: '', index: 0, only: '' } as const;
  for (const spec of command.jobs) {
    if (state.job(spec.id) !== undefined) continue;
    failJob(decision, createJob(decision, withoutNames(spec), place), ownFailure(decision, error));
  }
}

/** Returns a job that names no quota and has no unique key, and neither have its members. */
function withoutNames(spec: JobSpec): JobSpec {
  const { quotas: _, unique: __, ...options } = spec.options;
  return { ...spec, options, parts: spec.parts.map(withoutNames), callbacks: spec.callbacks.map(withoutNames) };
}

/** Applies all commands or none. Returns all ids put, if a unique key made any a live job. */
/** Whether the jobs of a command were made by the same command before. */
function areThere(state: State, jobs: readonly JobSpec[]): boolean {
  return jobs.every(({ id }) => state.job(id) !== undefined);
}

function applyAll(decision: Decision, commands: readonly InnerCommand[]): readonly Id[] | undefined {
  const others = applyInner(decision, commands);
  if (others.size === 0) return undefined;
  return commands.flatMap((command) => (command.type === 'put' ? command.jobs.map(({ id }) => idIn(others, id)) : []));
}

/** Applies commands in order. Maps the ids of puts that a unique key made a live job to its id. */
function applyInner(decision: Decision, commands: readonly InnerCommand[]): ReadonlyMap<Id, Id> {
  const others = new Map<Id, Id>();
  for (const command of commands) {
    if (command.type !== 'put') {
      apply(decision, { ...command, job: idIn(others, command.job) });
      continue;
    }
    const same = putAll(decision, command) ?? [];
    for (const [index, id] of same.entries()) others.set(command.jobs[index]!.id, id);
  }
  return others;
}

const idIn = (others: ReadonlyMap<Id, Id>, id: Id) => others.get(id) ?? id;

/** Returns the live job with the same unique key, unless the new job could replace it. */
function liveJob(decision: Decision, { options }: JobSpec, queue: string): JobRecord | undefined {
  const live = options.unique === undefined ? undefined : decision.state.uniqueJob(queue, options.unique);
  if (live === undefined || !options.replace || live.status !== 'pending' || live.attempts > 0) return live;
  cancel(decision, live);
  return undefined;
}

function putAgain(decision: Decision, job: JobRecord, queue: string): void {
  requireQueue(decision.state, queue);
  if (job.role !== 'root') throw new JobStatusError('the job is a part or a callback of another job, which puts it');
  if (decision.state.uniqueJob(queue, job.unique) !== undefined)
    throw new JobStatusError('a job with the same unique key is live');
  if (job.status === 'new') {
    checkAllQuotas(decision.state, job, queue);
    move(decision.state, job, queue);
  }
  enqueue(decision, job);
  expireIfLate(decision, job);
}

/** Moves a job and all its members. */
function move(state: State, job: JobRecord, queue: string): void {
  if (job.queue === queue) return;
  state.change(job, (row) => {
    row.queue = queue;
  });
  for (const member of [...state.parts(job), ...state.callbacks(job)]) move(state, member, queue);
}

/** Settles a run. The job's outcome and its commands are one change. */
function settle(decision: Decision, job: JobRecord, { outcome, inner, startedAt }: Settle): void {
  const { state, now } = decision;
  const isPlain = inner.length === 0 && (outcome.kind === 'value' || outcome.kind === 'failure');
  // Nearly every run is of this kind, which cannot be refused: start and end are one change.
  if (isPlain && !job.cancelled) return conclude(decision, job, outcomeFrom(outcome), startedAt);
  begin(decision, job, startedAt);
  if (job.cancelled) return concludeCancelled(decision, job);
  const mark = state.begin(now);
  const effects = decision.effects.length;
  try {
    const isKept = outcome.kind !== 'thrown' && outcome.kind !== 'timeout';
    const others = applyInner(decision, isKept ? inner : []);
    if (outcome.kind === 'job') return waitForInner(decision, job, knownJob(state, idIn(others, outcome.job)));
  } catch (error) {
    if (!(error instanceof CallsheetError)) throw error;
    state.rollback(mark);
    decision.effects.length = effects;
    return couldNotCommit(decision, job, error);
  }
  switch (outcome.kind) {
    case 'value':
    case 'failure':
      return conclude(decision, job, outcomeFrom(outcome));
    case 'thrown':
      return failed(decision, job, outcome.payload, outcome.names);
    case 'timeout': {
      const error = new JobTimeoutError(`the job ran longer than its timeout of ${job.timeoutMs} ms`);
      return failed(decision, job, decision.failure(error), ['JobTimeoutError', 'CallsheetError', 'Error']);
    }
  }
}

const inputFailure = ({ failure, names = [] }: Extract<Command, { type: 'endInput' }>) =>
  failure === null ? undefined : failureOf(failure, names);

const outcomeFrom = (settled: Extract<Settled, { kind: 'value' | 'failure' }>) =>
  settled.kind === 'value' ? successOf(settled.payload) : failureOf(settled.payload, settled.names);

/** A dispatcher may claim on an older state: a claim that is not possible now is ignored. */
function isClaimable({ state, now, dispatcher }: Decision, job: JobRecord, lent?: readonly string[]): boolean {
  // A dispatcher that was declared dead must be activated before it claims.
  return (
    job.queued &&
    isFor(job, dispatcher) &&
    state.isActive(dispatcher) &&
    !queueOf(state, job.queue)?.paused &&
    state.hasRoom(job, now, lent)
  );
}

function knownJob(state: State, id: Id): JobRecord {
  const job = state.job(id);
  if (job === undefined)
    throw new JobForgottenError('the job is unknown: it was forgotten after it completed, or never put here');
  if (isTemplate(job)) throw new JobStatusError('the job belongs to a schedule, which puts copies of it');
  return job;
}

/**
 * Returns the job if it is claimed under this fence. Commands under an older one are refused. The
 * whole of a part may have ended, and not have come to it: then it is cancelled from here on.
 */
function claimedJob({ state }: Decision, { job: id, fence }: { readonly job: Id; readonly fence: number }): JobRecord {
  const job = state.job(id);
  if (!job?.claimed || job.fence !== fence)
    throw new ClaimLostError('the job was taken from this claim: commands under it are refused');
  if (!job.cancelled && isLeftBehind(state, job)) {
    state.change(job, (row) => {
      row.cancelled = true;
    });
  }
  return job;
}

/** Returns the job if its policy must still answer about the run under this fence. */
function askedJob(state: State, { job: id, fence }: { readonly job: Id; readonly fence: number }): JobRecord {
  const job = state.job(id);
  if (job?.stage === 'policy' && job.fence === fence) return job;
  throw new ClaimLostError('the job no longer waits for an answer of its policy');
}
