/**
 * Quotas: limits on the jobs that run at a time, and on the jobs that begin in a period.
 *
 * A claimed job takes a place in each quota that it names. It gives its places back when its call
 * is over, or before a later retry; a retry at once keeps them, so that a quota of 1 keeps its
 * order. A returned job shares the places of the jobs that wait for it, and a job awaited in a
 * thread begins in them. The places stand in the jobs (`places`), and the counts are derived. A
 * quota whose definition was removed is ignored.
 */
import { UnknownQuotaError } from '../errors.js';
import { type JobRecord, quotaName } from './records.js';
import { neededPlaces } from './state/indices.js';
import type { State } from './state/state.js';
import type { View } from './state/view.js';

/** Refuses a quota that is not defined in the queue. */
export function checkQuotas(view: View, { queue, quotas }: Pick<JobRecord, 'queue' | 'quotas'>): void {
  for (const key of quotas) {
    const name = quotaName(key);
    if (view.quota(queue, key) === undefined) {
      throw new UnknownQuotaError(`the queue ${JSON.stringify(queue)} has no quota named ${JSON.stringify(name)}`);
    }
  }
}

/** Checks the quotas of a job and all its members before a put into `queue`. */
export function checkAllQuotas(view: View, job: JobRecord, queue: string): void {
  checkQuotas(view, { queue, quotas: job.quotas });
  for (const member of [...view.parts(job), ...view.callbacks(job)]) checkAllQuotas(view, member, queue);
}

/** Takes the places of a job that is claimed, except lent ones. Its start counts for all rates. */
export function takePlaces(state: State, job: JobRecord, lent: readonly string[]): void {
  if (job.quotas.length === 0) return;
  for (const key of neededPlaces(job)) state.spendRate(job.queue, key);
  holdPlaces(state, job, lent);
}

/** Takes all places that the job needs, except lent ones, even in a full quota. */
export function holdPlaces(state: State, job: JobRecord, lent: readonly string[]): void {
  const needed = neededPlaces(job).filter((key) => !lent.includes(key));
  if (needed.length === 0) return;
  state.change(job, (row) => {
    row.places = [...row.places, ...needed];
  });
}
