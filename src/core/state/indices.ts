/**
 * By what a job is found beside its id: told once, for the state and for stores that look their
 * jobs up by it. Empty or 0: by nothing.
 */
import { type JobRecord, takesTurns } from '../records.js';

export const placeKey = (queue: string, quota: string) => `${queue}\n${quota}`;
export const uniqueKey = (queue: string, unique: string) => `${queue}\n${unique}`;

/** When something is to happen to it by itself. Its deadline counts until it has begun. */
export function timerOf(job: JobRecord): number {
  if (job.claimed || job.outcome !== 'none' || (job.status === 'new' && job.role === 'root')) return 0;
  const deadline = job.attempts === 0 ? job.deadline : 0;
  if (job.dueAt === 0 || deadline === 0) return job.dueAt || deadline;
  return Math.min(job.dueAt, deadline);
}

/** The job whose outcome it takes. */
export function awaitedBy({ outcome, stage, inner }: JobRecord): string {
  return outcome === 'none' && stage === 'inner' ? inner : '';
}

/** The key under which it is the one that is put. */
export function liveUnique({ outcome, role, unique, status, queue }: JobRecord): string {
  return unique !== '' && outcome === 'none' && role === 'root' && status !== 'new' ? uniqueKey(queue, unique) : '';
}

/** The only dispatcher that may claim it, as long as that matters. */
export function boundTo({ outcome, only }: JobRecord): string {
  return outcome === 'none' ? only : '';
}

/** The agent that it is with. */
export function agentOf({ claimed, status, agent }: JobRecord): string {
  return claimed || status === 'callbacks' ? agent : '';
}

/** Whether its queue still has something to do for it. */
export function isUnfinished({ role, status }: JobRecord): boolean {
  return role === 'root' && status !== 'completed' && status !== 'new';
}

/**
 * Whether its queue is busy with it, even when the root that it belongs to is completed: its call
 * runs, or a callback is not done.
 */
export function isAtWork(job: JobRecord): boolean {
  return job.claimed || (takesTurns(job) && job.status !== 'new' && job.status !== 'completed');
}

/**
 * The agent whose place the job keeps while its callbacks run; a callback runs in the place of the
 * job above it, its own callbacks too.
 */
export function calledBackFor({ status, role, agent }: JobRecord): string {
  return status === 'callbacks' && (role === 'root' || role === 'part') ? agent : '';
}

/** The quotas in which the job still needs a place. */
export function neededPlaces({ quotas, shared, places }: JobRecord): readonly string[] {
  if (quotas.length === 0) return quotas;
  return quotas.filter((key) => !shared.includes(key) && !places.includes(key));
}
