/**
 * The life of a job: all transitions of it, and only those.
 *
 *   status      entered when                                   left when
 *   new         it is made: a part before its turn             its turn comes (enqueue)
 *   pending     it is put, its turn came, or it is retried     it is claimed
 *   assigned    it is claimed; it may or may not have begun    it is known to have begun; its call is over; it goes back
 *   active      it is known to have begun; a composition:      its call is over; it is interrupted and retried
 *               its parts were put in line
 *   callbacks   its call is over, callbacks are not completed  the last of them completes
 *   completed   nothing of it is left to do                    never
 *
 * A composition waits for its parts in `active`, on no thread; then its callable, the postprocess, is queued and claimed as any
 * other, while what users see stays `active`.
 *
 * A claim is written before the job runs, its start only where that is worth a record: so a job found `assigned` after a crash
 * *may* have begun. It is a suspect: it runs again uncounted, but alone, and claimed as `active`, so that if it kills its process
 * once more that start counts (see `recovery.ts`).
 */
import { JobStatusError } from '../errors.js';
import type { Effect, Gate, JobSpec } from './commands.js';
import { partCompleted, putParts } from './composite.js';
import type { Id, JobRecord, JobRole, Level, OutcomeKind, Payload } from './records.js';
import type { State } from './state.js';

/** One decision: what it reads and changes, the time it is taken at, the effects it has. */
export interface Decision {
  readonly state: State;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly effects: Effect[];
}

/** Where a new job belongs. */
export interface Place {
  readonly owner: Id;
  readonly queue: string;
  readonly level: Level;
  readonly role: JobRole;
  readonly parent: Id;
  readonly index: number;
}

/** Makes a job and its parts, all `new`. */
export function createJob(decision: Decision, spec: JobSpec, place: Place): JobRecord {
  const { state, now } = decision;
  const job = state.insert({
    kind: 'job',
    id: spec.id,
    owner: place.owner,
    status: 'new',
    form: spec.form,
    role: place.role,
    stage: spec.form === 'call' ? 'call' : 'parts',
    callable: spec.callable,
    queue: place.queue,
    parent: place.parent,
    index: place.index,
    parts: spec.parts.length,
    partsDone: 0,
    callbacks: 0,
    callbacksDone: 0,
    level: place.level,
    policy: spec.policy,
    priority: spec.priority,
    queued: false,
    front: false,
    eligible: 0,
    fence: 0,
    claimed: false,
    begun: false,
    suspect: false,
    attempts: 0,
    interruptions: 0,
    outcome: 'none',
    putAt: now,
    firstStartAt: 0,
    lastStartAt: 0,
    endAt: 0,
    completedAt: 0,
    args: spec.args,
    result: null,
  });
  let index = 0;
  for (const part of spec.parts) createJob(decision, part, { ...place, role: 'part', parent: spec.id, index: index++ });
  return job;
}

/** Its turn has come: into the line of its queue. */
export function enqueue({ state }: Decision, job: JobRecord): void {
  requireStatus(job, 'new');
  state.update(job, { status: 'pending', queued: true, eligible: state.nextPosition() });
}

/** Takes the job out of its line, for its callable to be run or its parts to be put. */
export function claim(decision: Decision, job: JobRecord): void {
  const { state, now, effects } = decision;
  const fence = job.fence + 1;
  if (job.stage === 'parts') {
    const opened = {
      stage: 'waiting',
      queued: false,
      front: false,
      fence,
      ...started(job, now),
      begun: false,
    } as const;
    state.update(job, opened);
    return putParts(decision, job);
  }
  // Where the claim itself counts as the start, the record says so before any code of the job runs.
  const starts = job.suspect || job.policy === 'never';
  state.update(job, {
    queued: false,
    front: false,
    claimed: true,
    fence,
    ...(starts ? started(job, now) : { status: job.status === 'pending' ? ('assigned' as const) : job.status }),
  });
  const gate = job.level === 'memory' ? 'decided' : job.policy === 'never' ? 'synced' : 'written';
  effects.push({ type: 'run', gate, job: job.id, fence });
}

/** The start of a long job is known before its end. */
export function begin({ state }: Decision, job: JobRecord, at: number): void {
  if (!job.begun) state.update(job, started(job, at));
}

const started = (job: JobRecord, at: number) => ({
  status: 'active' as const,
  begun: true,
  attempts: job.attempts + 1,
  firstStartAt: job.firstStartAt || at,
  lastStartAt: at,
});

/** The job's call is over. */
export function conclude(decision: Decision, job: JobRecord, outcome: OutcomeKind, result: Payload | null): void {
  const { state, now, effects } = decision;
  state.update(job, {
    status: 'callbacks',
    stage: 'call',
    queued: false,
    claimed: false,
    begun: false,
    suspect: false,
    outcome,
    result,
    endAt: now,
  });
  effects.push({ type: 'settled', gate: levelGate(job.level), job: job.id });
  complete(decision, job);
}

/** Nothing of the job is left to do. */
function complete(decision: Decision, job: JobRecord): void {
  decision.state.update(job, { status: 'completed', completedAt: decision.now });
  if (job.role === 'part') partCompleted(decision, job);
}

/** Back into the line, in front of it: nothing of it has run, or it is to run again at once. */
export function putBack({ state }: Decision, job: JobRecord, patch: Partial<JobRecord> = {}): void {
  const status = job.form === 'call' ? 'pending' : job.status;
  state.update(job, { status, queued: true, front: true, claimed: false, begun: false, ...patch });
}

/** The gate behind which others may see what was decided at this level. */
export function levelGate(level: Level): Gate {
  return level === 'full' ? 'synced' : level === 'process' ? 'written' : 'decided';
}

/** A call made in the wrong status changes nothing. */
function requireStatus(job: JobRecord, status: JobRecord['status']): void {
  if (job.status !== status) throw new JobStatusError(`the job is ${job.status}, not ${status}`);
}
