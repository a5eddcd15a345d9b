/**
 * Quotas: limits on the jobs that run at a time, and on the jobs that begin in a period.
 *
 * A claimed job takes a place in each quota that it names. It gives its places back when its call
 * is over, or before a later retry; a retry at once keeps them, so that a quota of 1 keeps its
 * order. A job shares the places of the jobs that wait for it. The places stand in the jobs
 * (`places`), and the counts are derived. A quota whose definition was removed is ignored.
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

/** Takes the places of a job that is claimed. */
export function takePlaces(state: State, job: JobRecord): void {
  if (job.quotas.length === 0) return;
  const needed = neededPlaces(job);
  for (const key of needed) state.spendRate(job.queue, key);
  if (needed.length === 0) return;
  state.change(job, (row) => {
    row.places = [...row.places, ...needed];
  });
}
