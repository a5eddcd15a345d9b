/**
 * The life of a job: all transitions of it, and only those.
 *
 *   status entered when left when new it is made: a part or a callback before its its turn comes;
 *   it is put (again); it is ended
 *               turn; it is held; it was removed from its
 *               queue
 *   pending it is put, its turn came, or it is retried it is claimed; removed; expired, failed or
 *   cancelled assigned it is claimed; it may or may not have begun it is known to have begun; its
 *   call is over; it goes back active it is known to have begun; its parts were its call is over;
 *   it is interrupted or retried
 *               put in line; it waits for a job it returned
 *               or for what its policy says of its run
 *   callbacks its call is over, callbacks are not completed the last of them completes completed
 *   nothing of it is left to do never
 *
 * A composition waits for its parts in `active`, on no thread; then its callable, the postprocess,
 * is queued and claimed as any other, while what users see stays `active`. A job that returned
 * another waits for it the same way.
 *
 * A claim is written before the job runs, its start only where that is worth a record: so a job
 * found `assigned` after a crash *may* have begun. What becomes of it, and of what had begun beside
 * it, is told in `recovery.ts`.
 */

import { JobCancelledError, JobExpiredError, JobStatusError } from '../errors.js';
import { callbackCompleted, goOn, runCallback } from './callback.js';
import { type JobOptions, type JobSpec, levelGate } from './commands.js';
import { endParts, notePart, putParts } from './composite.js';
import { type Decision, tellJob } from './decision.js';
import { requireActive } from './dispatchers.js';
import { policyOf } from './policy.js';
import { checkQuotas, takePlaces } from './quota.js';
import {
  type Id,
  isWhole,
  type JobRecord,
  type JobRole,
  type Level,
  type OutcomeKind,
  type Payload,
  takesTurns,
} from './records.js';
import type { JobRow } from './state/job-row.js';
import type { State } from './state/state.js';
import { heldAbove, raise, share, waitsFor } from './waits.js';

/** Where a new job belongs. */
export interface Place {
  readonly owner: Id;
  readonly queue: string;
  readonly level: Level;
  readonly role: JobRole;
  readonly parent: Id;
  readonly index: number;
  /** A part is for the dispatcher that its whole is for. */
  readonly only: Id;
}

/**
 * Makes a job with its parts and callbacks, all `new`; or, `enqueued`, the job itself as `enqueue`
 * leaves it.
 */
export function createJob(decision: Decision, spec: JobSpec, place: Place, enqueued = false): JobRecord {
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
    attempts: 0,
    errors: 0,
    interruptions: 0,
    outcome: 'none',
    putAt: now,
    beginAfter,
    delayed: options.delayed === true,
    dueAt,
    deadline: deadlineOf(options, now),
    timeoutMs: options.timeoutMs ?? 0,
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
  if (enqueued) tellJob(decision, 'put', job);
  return job;
}

/** Makes parts or callbacks of a job, from this index on. */
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

/** Counted from the date that the job was not to begin before, or else from the put. */
function deadlineOf({ beginAfter, beginByMs }: JobOptions, putAt: number): number {
  return beginByMs === undefined ? 0 : (beginAfter ?? putAt) + beginByMs;
}

/** Its turn has come: into the line of its queue, now or when its date comes. */
export function enqueue(decision: Decision, job: JobRecord): void {
  const { state, now } = decision;
  requireStatus(job, 'new');
  if (job.role === 'part' && job.quotas.length > 0) share(state, job, heldAbove(state, job));
  state.change(job, (row) => {
    row.status = 'pending';
    if (row.beginAfter <= now) return joinLine(state, row);
    row.dueAt = row.beginAfter;
    // Whatever becomes of it before its date, it has had its turn (`notePart`).
    row.eligible = state.nextPosition();
  });
  tellJob(decision, 'put', job);
}

/** Its date has come. */
export function becomeDue(decision: Decision, job: JobRecord): void {
  const { state } = decision;
  state.change(job, (row) => {
    row.dueAt = 0;
    if (!takesTurns(row)) joinLine(state, row);
  });
  if (takesTurns(job)) runCallback(decision, job);
}

/** Takes the job out of its line, for its callable to be run or its parts to be put. */
export function claim(decision: Decision, job: JobRecord, agent: string): void {
  const { state } = decision;
  takePlaces(state, job);
  if (job.stage === 'parts') beginWaiting(decision, job);
  else start(decision, job, agent);
}

/** A whole has its turn: its parts are put in line, and it waits for them. */
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

/** Claims the job's call. */
export function start(decision: Decision, job: JobRecord, agent: string): void {
  const { state, now, effects } = decision;
  // Where the claim itself counts as the start, the record says so before any code of the job runs.
  const policy = policyOf(state, job, agent);
  const isStart = job.alone || policy === 'never';
  state.change(job, (row) => {
    const run = row.ownRun;
    row.queued = false;
    row.front = false;
    run.claimed = true;
    run.fence++;
    run.agent = agent;
    if (run.attempts === 0) row.awaitedCallbacks = row.callbacks;
    run.begun = isStart;
    if (isStart) noteStart(row, now);
    else if (row.status !== 'active') row.status = 'assigned';
  });
  const gate = job.level === 'memory' ? 'decided' : policy === 'never' ? 'synced' : 'written';
  effects.push({ type: 'run', gate, job: job.id, fence: job.fence });
  if (isStart) tellJob(decision, 'started', job);
}

/** The start is known, before or with the end. */
export function begin(decision: Decision, job: JobRecord, at: number): void {
  if (job.begun) return;
  decision.state.change(job, (row) => {
    row.ownRun.begun = true;
    noteStart(row, at);
  });
  tellJob(decision, 'started', job, at);
}

function noteStart(row: JobRow, at: number): void {
  const run = row.ownRun;
  row.status = 'active';
  run.attempts++;
  run.firstStartAt ||= at;
  run.lastStartAt = at;
}

/** It may have begun under its claim, and when is not known. */
export function countAttempt({ state }: Decision, job: JobRecord): void {
  state.change(job, (row) => {
    row.ownRun.attempts++;
  });
}

/** Whoever claimed it has it no more. */
function noteUnclaimed(row: JobRow): void {
  const run = row.ownRun;
  run.claimed = false;
  run.begun = false;
  row.suspect = false;
  row.alone = false;
}

function joinLine(state: State, row: JobRow): void {
  row.queued = true;
  row.eligible = state.nextPosition();
}

/** The job's call is over; of one that was not known to have begun, `begunAt` tells when it had. */
export function conclude(
  decision: Decision,
  job: JobRecord,
  outcome: OutcomeKind,
  result: Payload | null,
  begunAt?: number,
): void {
  const { state, now, effects } = decision;
  const isStart = begunAt !== undefined && !job.begun;
  state.change(job, (row) => {
    if (isStart) noteStart(row, begunAt);
    noteUnclaimed(row);
    row.status = 'callbacks';
    row.stage = 'call';
    row.asked = null;
    row.queued = false;
    row.places = none;
    row.dueAt = 0;
    const run = row.ownRun;
    run.outcome = outcome;
    run.result = result;
    run.endAt = now;
    if (run.attempts === 0) row.awaitedCallbacks = row.callbacks;
    if (row.callbacks === 0 && row.form === 'call') noteCompleted(row, now);
  });
  if (isStart) tellJob(decision, 'started', job, begunAt);
  effects.push({ type: 'deliver', gate: levelGate(job.level), job });
  tellJob(decision, outcome === 'failure' ? 'failed' : 'completed', job);
  for (const waiting of state.waitingFor(job)) conclude(decision, waiting, outcome, result);
  if (isWhole(job)) endParts(decision, job);
  if (job.status === 'completed') completed(decision, job);
  else goOn(decision, job);
  if (job.role === 'part') notePart(decision, job);
}

/** It was to end as cancelled, whatever it did; and nobody has it any more. */
export function concludeCancelled(decision: Decision, job: JobRecord): void {
  conclude(decision, job, 'failure', cancelledFailure(decision));
}

/** Nothing of the job is left to do. */
export function complete(decision: Decision, job: JobRecord): void {
  decision.state.change(job, (row) => noteCompleted(row, decision.now));
  completed(decision, job);
}

function noteCompleted(row: JobRow, now: number): void {
  row.status = 'completed';
  row.ownRun.completedAt = now;
}

function completed(decision: Decision, job: JobRecord): void {
  if (takesTurns(job)) callbackCompleted(decision, job);
}

/**
 * Back into the line: in front of it with its places, or at its time without them. Nothing of it
 * has run, or it is to run again.
 */
export function putBack(decision: Decision, job: JobRecord, change: (row: JobRow) => void = nothing): void {
  const { state } = decision;
  state.change(job, (row) => {
    noteUnclaimed(row);
    if (row.form === 'call') row.status = 'pending';
    row.stage = 'call';
    row.ownRun.result = null;
    row.dueAt = 0;
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
 * A run is over, and the job's own policy is to say what becomes of it: it keeps its quotas'
 * places, and nobody has it.
 */
export function holdForPolicy(
  { state }: Decision,
  job: JobRecord,
  failure: Payload,
  change: (row: JobRow) => void,
): void {
  state.change(job, (row) => {
    noteUnclaimed(row);
    row.stage = 'policy';
    row.ownRun.result = failure;
    change(row);
  });
}

/** It is suspected of nothing any more, and others may run beside it. */
export function clear({ state }: Decision, job: JobRecord): void {
  state.change(job, (row) => {
    row.suspect = false;
    row.alone = false;
  });
}

/**
 * A claimed job that surely has not begun, whatever its claim was counted as: nothing has happened.
 */
export function giveBack(decision: Decision, job: JobRecord): void {
  const { begun, suspect, alone } = job;
  putBack(decision, job, (row) => {
    row.suspect = suspect;
    row.alone = alone;
    if (begun) row.ownRun.attempts--;
  });
}

/** Takes the outcome of a job that it returned. */
export function waitForInner(decision: Decision, job: JobRecord, inner: JobRecord): void {
  const { state } = decision;
  const above = new Set<Id>();
  for (let one: JobRecord | undefined = job; one !== undefined; one = state.job(one.parent)) above.add(one.id);
  if (waitsFor(state, inner, above)) throw new JobStatusError('a job cannot return itself, or a job that waits for it');
  raise(state, inner, job.level);
  state.change(job, (row) => {
    row.inner = inner.id;
  });
  if (inner.outcome !== 'none') return conclude(decision, job, inner.outcome, inner.result);
  state.change(job, (row) => {
    row.stage = 'inner';
    noteUnclaimed(row);
  });
  share(state, inner, heldAbove(state, inner));
}

/** Ends the job, at once where it is not running, and what it waits for that nobody else awaits. */
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
  conclude(decision, job, 'failure', failure);
  if (inner !== undefined && inner.outcome === 'none' && state.waitingFor(inner).length === 0) cancel(decision, inner);
}

/** What a cancelled job fails with. */
export function cancelledFailure({ failure }: Decision): Payload {
  return failure(new JobCancelledError('the job was cancelled'));
}

/** It is to begin, now or again: unless its deadline was before it ever did. */
export function expireIfLate(decision: Decision, job: JobRecord): void {
  if (job.attempts === 0 && job.deadline !== 0 && job.deadline < decision.now) expire(decision, job);
}

/** The job was not begun in time. */
export function expire(decision: Decision, job: JobRecord): void {
  conclude(
    decision,
    job,
    'failure',
    decision.failure(new JobExpiredError('the job was not begun before its deadline')),
  );
}

/** Ends a job that has not begun. */
export function failJob(decision: Decision, job: JobRecord, failure: Payload): void {
  requireNotBegun(job);
  conclude(decision, job, 'failure', failure);
}

/** Changes what a job asks for, before it begins. */
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
  // A job's order in its line changes only out of it.
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
      // One that is in line already keeps its place; one that waits for a date becomes due, and
      // joins the line, at once.
      if (row.status === 'pending' && (isLater || row.dueAt !== 0)) row.dueAt = isLater ? beginAfter : now;
    }
    if (beginByMs !== undefined) row.deadline = deadlineOf({ beginAfter: row.beginAfter || row.putAt, beginByMs }, 0);
    if (args !== undefined) row.args = args;
  });
  checkQuotas(state, job);
  if (quotas !== undefined && job.status === 'pending') share(state, job, heldAbove(state, job));
}

/** Out of its queue; `new` again. */
export function remove({ state }: Decision, job: JobRecord, queue = job.queue): void {
  if (job.queue !== queue) {
    const names = [job.queue, queue].map((name) => JSON.stringify(name));
    throw new JobStatusError(`the job is in the queue ${names[0]}, not in ${names[1]}: remove it from there`);
  }
  requireStatus(job, 'pending');
  if (job.role !== 'root' || state.waitingFor(job).length > 0)
    throw new JobStatusError('the job is awaited by another');
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
  if (!waits) throw new JobStatusError(`the job is ${job.status}: it has begun`);
}

/** It was begun before, and is to be begun again at a time. */
function waitsForRetry({ status, attempts, dueAt, stage }: JobRecord): boolean {
  return status === 'pending' && attempts > 0 && dueAt !== 0 && stage !== 'policy';
}

/** A call made in the wrong status changes nothing. */
function requireStatus(job: JobRecord, status: JobRecord['status']): void {
  if (job.status !== status) throw new JobStatusError(`the job is ${job.status}, not ${status}`);
}
