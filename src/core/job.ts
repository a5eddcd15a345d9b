/**
 * The life of a job: all its transitions, and only those.
 *
 *   status     entered when                          left when
 *   new        created before its turn, or held;     its turn comes; put again; ended
 *              removed from its queue
 *   pending    put; its turn came; retried           claimed; removed; ended
 *   assigned   claimed; may have begun               known to have begun; call over; given back
 *   active     known to have begun; its parts put;   call over; interrupted; retried
 *              waits for a returned job or a policy
 *   callbacks  call over, callbacks left             the last callback completes
 *   completed  nothing left to do                    never
 *
 * A composition waits for its parts in `active`, without a thread. Then its callable, the
 * postprocess, is queued and claimed like any other, while the status stays `active`. A job that
 * returned another waits for it in the same way.
 *
 * A claim is written before the job runs, but its start only if it is worth a record. So a job
 * found `assigned` after a crash may have begun: `recovery.ts` decides about it, and about the jobs
 * that had begun beside it.
 */

import { JobCancelledError, JobExpiredError, JobStatusError } from '../errors.js';
import { callbackCompleted, goOn, runCallback } from './callback.js';
import { type EndCause, type JobOptions, type JobSpec, levelGate } from './commands.js';
import { endParts, notePart, putParts } from './composite.js';
import { type Decision, tellJob } from './decision.js';
import { requireActive } from './dispatchers.js';
import { type Failed, type Outcome, ownFailure } from './outcome.js';
import { policyOf } from './policy.js';
import { checkQuotas, takePlaces } from './quota.js';
import { type Id, isWhole, type JobRecord, type JobRole, type Level, type Payload, takesTurns } from './records.js';
import { endTick } from './schedules.js';
import { hasListOf } from './state/indices.js';
import type { JobRow } from './state/job-row.js';
import type { State } from './state/state.js';
import { countAwaiters, endsAfter, heldAbove, heldFrom, raise, share } from './waits.js';

/** The surroundings of a new job. */
export interface Place {
  readonly owner: Id;
  readonly queue: string;
  readonly level: Level;
  readonly role: JobRole;
  readonly parent: Id;
  readonly index: number;
  /** Parts are bound to the dispatcher of their whole. */
  readonly only: Id;
}

/**
 * Creates a job with its parts and callbacks, all `new`; with `enqueued`, the job itself as
 * `enqueue` leaves it.
 */
export function createJob(decision: Decision, spec: JobSpec, place: Place, enqueued = false): JobRecord {
  // Nothing of a plain root can be refused, so a copy of the last one like it needs no checks.
  const isPlain = enqueued && isPlainRoot(spec, place);
  const copy = isPlain ? decision.state.insertLike(spec, place, decision.now) : undefined;
  const job = copy ?? createAnew(decision, spec, place, enqueued);
  if (isPlain && copy === undefined) decision.state.copyFrom(job);
  if (enqueued) tellJob(decision, 'put', job);
  return job;
}

/** `true` for a call without options and members: roots of one kind differ in a few fields only. */
function isPlainRoot({ form, role, options, parts, callbacks }: JobSpec, place: Place): boolean {
  if (form !== 'call' || role !== undefined || place.role !== 'root' || place.only !== '') return false;
  for (const _ in options) return false;
  return parts.length === 0 && callbacks.length === 0;
}

function createAnew(decision: Decision, spec: JobSpec, place: Place, enqueued: boolean): JobRecord {
  const { state, now } = decision;
  const { options } = spec;
  const { beginAfter = 0 } = options;
  const dueAt = enqueued && beginAfter > now ? beginAfter : 0;
  const queued = enqueued && dueAt === 0;
  const job = state.insert({
    kind: 'job',
    id: spec.id,
    owner: place.owner,
    status: enqueued ? 'pending' : 'new',
    form: spec.form,
    role: place.role,
    stage: spec.form === 'call' ? 'call' : 'parts',
    callable: spec.callable,
    queue: place.queue,
    only: options.only ?? place.only,
    parent: place.parent,
    index: place.index,
    parts: spec.parts.length,
    partsDone: 0,
    cursor: 0,
    open: spec.form === 'map',
    callbacks: spec.callbacks.length,
    callbacksDone: 0,
    awaitedCallbacks: 0,
    counted: false,
    level: place.level,
    policy: options.policy ?? '',
    asked: null,
    priority: options.priority ?? 0,
    quotas: options.quotas ?? none,
    places: none,
    shared: none,
    unique: options.unique ?? '',
    queued,
    front: false,
    eligible: queued ? state.nextPosition() : 0,
    fence: 0,
    claimed: false,
    begun: false,
    cancelled: false,
    suspect: false,
    alone: false,
    agent: '',
    inner: '',
    awaiters: 0,
    retryOf: '',
    retriedBy: '',
    attempts: 0,
    errors: 0,
    interruptions: 0,
    outcome: 'none',
    errorNames: '',
    putAt: now,
    beginAfter,
    delayed: options.delayed === true,
    dueAt,
    deadline: deadlineOf(options, now),
    timeoutMs: options.timeoutMs ?? 0,
    log: options.log ?? '',
    firstStartAt: 0,
    lastStartAt: 0,
    endAt: 0,
    completedAt: 0,
    args: spec.args,
    result: null,
  });
  checkQuotas(state, job);
  if (options.only !== undefined) requireActive(state, options.only);
  for (const id of options.refers ?? none) {
    const other = state.job(id);
    if (other !== undefined) raise(state, other, place.level);
  }
  createMembers(decision, job, 'part', spec.parts, 0);
  createMembers(decision, job, 'callback', spec.callbacks, 0);
  return job;
}

/** Creates parts or callbacks of a job, with indices from `from` on. */
export function createMembers(
  decision: Decision,
  above: JobRecord,
  role: JobRole,
  specs: readonly JobSpec[],
  from: number,
): void {
  const { owner, queue, level, id: parent } = above;
  const only = role === 'part' ? above.only : '';
  let index = from;
  for (const spec of specs)
    createJob(decision, spec, { owner, queue, level, role: spec.role ?? role, parent, index: index++, only });
}

const none: readonly never[] = [];

/** Counts from `beginAfter`, or else from the put. */
function deadlineOf({ beginAfter, beginByMs }: JobOptions, putAt: number): number {
  return beginByMs === undefined ? 0 : (beginAfter ?? putAt) + beginByMs;
}

/** Puts a new job in line, now or at its date. */
export function enqueue(decision: Decision, job: JobRecord): void {
  const { state, now } = decision;
  requireStatus(job, 'new');
  if (job.role === 'part' && job.quotas.length > 0) share(state, job, heldAbove(state, job));
  state.change(job, (row) => {
    row.status = 'pending';
    if (row.beginAfter <= now) return joinLine(state, row);
    row.dueAt = row.beginAfter;
    // Notes that it had its turn, even if it is ended before its date (see `notePart`).
    row.eligible = state.nextPosition();
  });
  tellJob(decision, 'put', job);
}

/** Puts a job in line whose date has come. A callback runs at once. */
export function becomeDue(decision: Decision, job: JobRecord): void {
  const { state } = decision;
  state.change(job, (row) => {
    row.dueAt = 0;
    if (!takesTurns(row)) joinLine(state, row);
  });
  if (takesTurns(job)) runCallback(decision, job);
}

/** Takes a job out of its line, to run its call or to put its parts. */
export function claim(decision: Decision, job: JobRecord, agent: string, lent: readonly string[] = none): void {
  const { state } = decision;
  takePlaces(state, job, lent);
  if (job.stage === 'parts') beginWaiting(decision, job);
  else start(decision, job, agent);
}

/** Puts the parts of a whole, which then waits for them. */
export function beginWaiting(decision: Decision, whole: JobRecord): void {
  decision.state.change(whole, (row) => {
    row.status = 'active';
    row.stage = 'waiting';
    row.queued = false;
    row.front = false;
    row.awaitedCallbacks = row.callbacks;
    noteStart(row, decision.now);
  });
  tellJob(decision, 'started', whole);
  putParts(decision, whole);
}

function noteClaim(row: JobRow, agent: string, isStart: boolean, { now }: Decision): void {
  row.queued = false;
  row.front = false;
  row.claimFor(agent);
  if (row.attempts === 0) row.awaitedCallbacks = row.callbacks;
  row.begun = isStart;
  if (isStart) noteStart(row, now);
  else if (row.status !== 'active') row.status = 'assigned';
}

/** Claims the job's call. */
export function start(decision: Decision, job: JobRecord, agent: string): void {
  const { state, effects } = decision;
  // If the claim itself counts as the start, it must be recorded before code of the job runs.
  const policy = policyOf(state, job, agent);
  const isStart = job.alone || policy === 'never';
  state.change(job, noteClaim, agent, isStart, decision);
  const gate = job.level === 'memory' ? 'decided' : policy === 'never' ? 'synced' : 'written';
  effects.push({ type: 'run', gate, job: job.id, fence: job.fence });
  if (isStart) tellJob(decision, 'started', job);
}

/** Records a start, before or with the end. */
export function begin(decision: Decision, job: JobRecord, at: number): void {
  if (job.begun) return;
  decision.state.change(job, (row) => {
    row.begun = true;
    noteStart(row, at);
  });
  tellJob(decision, 'started', job, at);
}

function noteStart(row: JobRow, at: number): void {
  row.status = 'active';
  row.attempts++;
  row.firstStartAt ||= at;
  row.lastStartAt = at;
}

/** Counts a start that may have happened under a claim, at an unknown time. */
export function countAttempt({ state }: Decision, job: JobRecord): void {
  state.change(job, (row) => {
    row.attempts++;
  });
}

function noteUnclaimed(row: JobRow): void {
  row.claimed = false;
  row.begun = false;
  row.suspect = false;
  row.alone = false;
}

function joinLine(state: State, row: JobRow): void {
  row.queued = true;
  row.eligible = state.nextPosition();
}

/**
 * Concludes the job's call. `begunAt` is the start of a run that was not known to have begun; `how`
 * the cause of a failure that is no error of the call.
 */
export function conclude(decision: Decision, job: JobRecord, ended: Outcome, begunAt?: number, how?: EndCause): void {
  const { state, effects } = decision;
  const { outcome } = ended;
  const isStart = begunAt !== undefined && !job.begun;
  const waited = job.stage === 'inner';
  const keeps = hasListOf(job.inner, ended);
  if (waited !== keeps) countAwaiters(state, job.inner, job, keeps ? 1 : -1);
  state.change(job, noteEnd, ended, isStart ? begunAt : undefined, decision);
  if (isStart) tellJob(decision, 'started', job, begunAt);
  effects.push({ type: 'deliver', gate: levelGate(job.level), job, how });
  tellJob(decision, outcome === 'failure' ? 'failed' : 'completed', job);
  for (const waiting of state.waitingFor(job)) conclude(decision, waiting, job);
  if (isWhole(job)) endParts(decision, job);
  if (job.status === 'completed') completed(decision, job);
  else goOn(decision, job);
  if (job.role === 'part') notePart(decision, job);
}

function noteEnd(row: JobRow, ended: Outcome, begunAt: number | undefined, { now }: Decision): void {
  if (begunAt !== undefined) noteStart(row, begunAt);
  noteUnclaimed(row);
  row.status = 'callbacks';
  row.stage = 'call';
  row.asked = null;
  row.queued = false;
  row.places = none;
  row.dueAt = 0;
  row.cursor = 0;
  row.outcome = ended.outcome;
  row.result = ended.result;
  row.errorNames = ended.errorNames;
  row.endAt = now;
  if (row.attempts === 0) row.awaitedCallbacks = row.callbacks;
  if (row.callbacks === 0 && row.form === 'call') noteCompleted(row, now);
}

/** Concludes a cancelled job whose run is over, whatever it returned. */
export function concludeCancelled(decision: Decision, job: JobRecord): void {
  conclude(decision, job, cancelledFailure(decision), undefined, 'cancelled');
}

/** Completes a job without unfinished callbacks. */
export function complete(decision: Decision, job: JobRecord): void {
  decision.state.change(job, (row) => noteCompleted(row, decision.now));
  completed(decision, job);
}

function noteCompleted(row: JobRow, now: number): void {
  row.status = 'completed';
  row.completedAt = now;
}

function completed(decision: Decision, job: JobRecord): void {
  if (takesTurns(job)) callbackCompleted(decision, job);
  const next = job.unique === '' ? undefined : decision.state.job(endTick(decision, job));
  // A user may have put it meanwhile.
  if (next?.status !== 'new') return;
  enqueue(decision, next);
  expireIfLate(decision, next);
}

/**
 * Returns a job to its line: in front with its places, or at its time without them. It has not
 * begun, or it runs again.
 */
export function putBack(decision: Decision, job: JobRecord, change: (row: JobRow) => void = nothing): void {
  const { state } = decision;
  state.change(job, (row) => {
    noteUnclaimed(row);
    if (row.form === 'call') row.status = 'pending';
    row.stage = 'call';
    row.result = null;
    row.errorNames = '';
    row.dueAt = 0;
    row.cursor = 0;
    row.front = true;
    change(row);
    const later = row.dueAt > 0;
    if (later) row.places = none;
    row.queued = !later && !takesTurns(row);
    row.front = row.front && row.queued;
  });
  if (job.dueAt > 0) return;
  if (takesTurns(job)) runCallback(decision, job);
  else expireIfLate(decision, job);
}

const nothing = () => {};

/**
 * Holds a job after a run until its own policy answers. It keeps its quotas' places, but not its
 * claim.
 */
export function holdForPolicy(
  { state }: Decision,
  job: JobRecord,
  { result, errorNames }: Failed,
  change: (row: JobRow) => void,
): void {
  state.change(job, (row) => {
    noteUnclaimed(row);
    row.stage = 'policy';
    row.result = result;
    row.errorNames = errorNames;
    change(row);
  });
}

/** Clears a job of suspicion: others may run beside it. */
export function clear({ state }: Decision, job: JobRecord): void {
  state.change(job, (row) => {
    row.suspect = false;
    row.alone = false;
  });
}

/**
 * Returns a claimed job that has not begun to its line. A start that its claim counted is undone. A
 * job cancelled under its claim ends.
 */
export function giveBack(decision: Decision, job: JobRecord): void {
  if (job.cancelled) return concludeCancelled(decision, job);
  const { begun, suspect, alone } = job;
  putBack(decision, job, (row) => {
    row.suspect = suspect;
    row.alone = alone;
    if (begun) row.attempts--;
  });
}

/** Lets the job take the outcome of the job that it returned. */
export function waitForInner(decision: Decision, job: JobRecord, inner: JobRecord): void {
  const { state } = decision;
  if (endsAfter(state, inner, job)) throw new JobStatusError('a job cannot return itself, or a job that waits for it');
  raise(state, inner, job.level);
  state.change(job, (row) => {
    row.inner = inner.id;
  });
  if (inner.outcome !== 'none') return conclude(decision, job, inner);
  state.change(job, (row) => {
    row.stage = 'inner';
    noteUnclaimed(row);
  });
  countAwaiters(state, inner.id, job, 1);
  share(state, inner, heldFrom(state, job, inner.queue));
}

/** Ends a job, at once unless it is running, and the returned job that only this one awaits. */
export function cancel(decision: Decision, job: JobRecord, failure = cancelledFailure(decision)): void {
  const { state, effects } = decision;
  if (job.outcome !== 'none') throw new JobStatusError(`the job is ${job.status}: its call is over`);
  if (job.claimed) {
    state.change(job, (row) => {
      row.cancelled = true;
    });
    effects.push({ type: 'stop', gate: 'decided', job: job.id, fence: job.fence });
    return;
  }
  const inner = job.stage === 'inner' ? state.job(job.inner) : undefined;
  conclude(decision, job, failure, undefined, 'cancelled');
  if (inner !== undefined && inner.outcome === 'none' && state.waitingCount(inner) === 0) cancel(decision, inner);
}

/** The failure of a cancelled job. */
export function cancelledFailure(decision: Decision): Failed {
  return ownFailure(decision, new JobCancelledError('the job was cancelled'));
}

/** Fails a job that has never begun, if its deadline is over. */
export function expireIfLate(decision: Decision, job: JobRecord): void {
  if (job.attempts === 0 && job.deadline !== 0 && job.deadline < decision.now) expire(decision, job);
}

export function expire(decision: Decision, job: JobRecord): void {
  const failure = ownFailure(decision, new JobExpiredError('the job did not begin before its deadline'));
  conclude(decision, job, failure, undefined, 'expired');
}

export function failJob(decision: Decision, job: JobRecord, failure: Failed): void {
  requireNotBegun(job);
  conclude(decision, job, failure);
}

/** Changes a job that has not begun. The date alone can also be changed before a retry. */
export function change(
  { state, now }: Decision,
  job: JobRecord,
  options: JobOptions,
  args: Payload | null | undefined,
): void {
  const { beginAfter, delayed = false, ...others } = options;
  const isDateOnly = beginAfter !== undefined && args === undefined && Object.keys(others).length === 0;
  if (!(isDateOnly && waitsForRetry(job))) requireNotBegun(job);
  const { priority, quotas, timeoutMs, beginByMs } = others;
  const isLater = beginAfter !== undefined && beginAfter > now;
  const queued = job.queued && !isLater;
  // The order of a job may change only while it is out of its line.
  state.change(job, (row) => {
    row.queued = false;
  });
  state.change(job, (row) => {
    row.queued = queued;
    if (priority !== undefined) row.priority = priority;
    if (quotas !== undefined) {
      row.quotas = quotas;
      row.shared = none;
    }
    if (timeoutMs !== undefined) row.timeoutMs = timeoutMs;
    if (beginAfter !== undefined) {
      row.beginAfter = beginAfter;
      row.delayed = delayed;
      // A job in line keeps its place. One that waits for a date becomes due, and joins the line.
      if (row.status === 'pending' && (isLater || row.dueAt !== 0)) row.dueAt = isLater ? beginAfter : now;
    }
    if (beginByMs !== undefined) row.deadline = deadlineOf({ beginAfter: row.beginAfter || row.putAt, beginByMs }, 0);
    if (args !== undefined) row.args = args;
  });
  checkQuotas(state, job);
  if (quotas !== undefined && job.status === 'pending') share(state, job, heldAbove(state, job));
}

/** Takes a pending job out of its queue. It becomes `new`. */
export function remove({ state }: Decision, job: JobRecord, queue = job.queue): void {
  if (job.queue !== queue) {
    const names = [job.queue, queue].map((name) => JSON.stringify(name));
    throw new JobStatusError(`the job is in the queue ${names[0]}, not in ${names[1]}: remove it from there`);
  }
  requireStatus(job, 'pending');
  if (job.role !== 'root' || state.waitingCount(job) > 0) throw new JobStatusError('the job is awaited by another');
  state.change(job, (row) => {
    row.status = 'new';
    row.queued = false;
    row.front = false;
    row.dueAt = 0;
    row.places = none;
  });
}

function requireNotBegun(job: JobRecord): void {
  const waits = job.status === 'new' || (job.status === 'pending' && job.attempts === 0);
  if (waits) return;
  const why = job.status === 'completed' ? 'its outcome stays as it is' : 'it has begun';
  throw new JobStatusError(`the job is ${job.status}: ${why}`);
}

/** `true` if it has begun before, and waits for the time of its next run. */
function waitsForRetry({ status, attempts, dueAt, stage }: JobRecord): boolean {
  return status === 'pending' && attempts > 0 && dueAt !== 0 && stage !== 'policy';
}

function requireStatus(job: JobRecord, status: JobRecord['status']): void {
  if (job.status !== status) throw new JobStatusError(`the job is ${job.status}, not ${status}`);
}
