/**
 * The keys under which indices have a job: one definition for the state and for stores that look
 * jobs up in a database. A job with an empty key, or 0, is not in that index.
 */
import { type Id, isTemplate, type JobRecord, takesTurns } from '../records.js';

export const placeKey = (queue: string, quota: string) => `${queue}\n${quota}`;
export const uniqueKey = (queue: string, unique: string) => `${queue}\n${unique}`;

/** Returns the time of the job's next timer. Its deadline counts until the job begins. */
export function timerOf(job: JobRecord): number {
  if (job.cursor !== 0) return job.dueAt;
  if (job.claimed || job.outcome !== 'none' || (job.status === 'new' && job.role === 'root')) return 0;
  const deadline = job.attempts === 0 ? job.deadline : 0;
  if (job.dueAt === 0 || deadline === 0) return job.dueAt || deadline;
  return Math.min(job.dueAt, deadline);
}

/**
 * Returns the date for which the job waits to join its line; 0 for none. The timer of a policy, a
 * chunk or a whole with a cursor is the time to ask again.
 */
export function dateOf({ stage, form, dueAt, cursor }: Pick<JobRecord, 'stage' | 'form' | 'dueAt' | 'cursor'>): number {
  return stage === 'policy' || form === 'chunk' || cursor !== 0 ? 0 : dueAt;
}

/** Returns the returned job whose outcome the job waits for. */
export function awaitedBy({ outcome, stage, inner }: JobRecord): string {
  return outcome === 'none' && stage === 'inner' ? inner : '';
}

/** `true` if the outcome of a job that returned `inner` is the list of that job. */
export function hasListOf(inner: string, { outcome, result }: Pick<JobRecord, 'outcome' | 'result'>): boolean {
  return inner !== '' && outcome === 'list' && result === null;
}

/** Returns the job that has this one among its awaiters; '' for none. */
export function keptBy(job: JobRecord): string {
  return awaitedBy(job) || (hasListOf(job.inner, job) ? job.inner : '');
}

/** Returns the unique key under which the job is live. */
export function liveUnique({ outcome, role, unique, status, queue }: JobRecord): string {
  return unique !== '' && outcome === 'none' && role === 'root' && status !== 'new' ? uniqueKey(queue, unique) : '';
}

/** Whether a map needs the process that put it: without a key, no other can put it and feed it. */
export function needsFeeder({ form, open, outcome, unique }: JobRecord): boolean {
  return form === 'map' && open && outcome === 'none' && unique === '';
}

/** Returns the dispatcher with which the job's call ends: only that may claim it, or feeds it. */
export function boundTo(job: JobRecord): string {
  if (job.only !== '') return job.outcome === 'none' ? job.only : '';
  return needsFeeder(job) ? job.owner : '';
}

/** Returns the process with which a root of level `memory` ends; '' for any other job. */
export function memoryOf(job: JobRecord): Id {
  return job.role === 'root' && job.level === 'memory' && !isTemplate(job) ? job.owner : '';
}

/** Returns the agent that claimed the job, or in whose place its callbacks run. */
export function agentOf({ claimed, status, agent }: JobRecord): string {
  return claimed || status === 'callbacks' ? agent : '';
}

/** `true` if the job is a root that its queue has not completed. */
export function isUnfinished({ role, status }: JobRecord): boolean {
  return role === 'root' && status !== 'completed' && status !== 'new';
}

/**
 * `true` if the job runs, or is a callback that is not done. Its queue is busy with it, even if the
 * root above is completed.
 */
export function isAtWork(job: JobRecord): boolean {
  return job.claimed || (takesTurns(job) && job.status !== 'new' && job.status !== 'completed');
}

/**
 * Returns the agent whose place the job keeps while its callbacks run. A callback, and its own
 * callbacks, run in the place of the job above.
 */
export function calledBackFor({ status, role, agent }: JobRecord): string {
  return status === 'callbacks' && (role === 'root' || role === 'part') ? agent : '';
}

/** `true` for a callback that waits for its time, as between two runs. */
export function isResting(job: JobRecord): boolean {
  return job.dueAt !== 0 && !job.claimed && job.outcome === 'none' && takesTurns(job);
}

/** `true` for a part that its whole has not counted. */
export const isOpenPart = ({ role, counted }: JobRecord) => role === 'part' && !counted;

/** `true` for a part whose call is not over. */
export const isUnendedPart = ({ role, outcome }: JobRecord) => role === 'part' && outcome === 'none';

/** `true` for a callback that the job above has to run, or waits for. */
export const isOpenCallback = ({ role, status }: JobRecord) => role === 'callback' && status !== 'completed';

/** Returns the quotas in which the job still needs a place. */
export function neededPlaces({
  quotas,
  shared,
  places,
}: Pick<JobRecord, 'quotas' | 'shared' | 'places'>): readonly string[] {
  if (quotas.length === 0) return quotas;
  return quotas.filter((key) => !shared.includes(key) && !places.includes(key));
}
