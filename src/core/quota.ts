/**
 * Quotas: how many jobs that name one may run at a time, and how many may begin in a period.
 *
 * A job takes a place in each quota it names when it is claimed, and gives them back when its call
 * is over or it is to be retried later; a retry at once keeps them, so that a quota of 1 keeps its
 * order. A job that another waits for shares that one's places. Who has a place is said by the jobs
 * (`places`); the counts are derived. A quota whose definition was removed is ignored.
 */
import { UnknownQuotaError } from '../errors.js';
import { type JobRecord, quotaName } from './records.js';
import { neededPlaces } from './state/indices.js';
import type { State } from './state/state.js';
import type { View } from './state/view.js';

/** Every quota that a job names is defined in its queue. */
export function checkQuotas(view: View, { queue, quotas }: Pick<JobRecord, 'queue' | 'quotas'>): void {
  for (const key of quotas) {
    const name = quotaName(key);
    if (view.quota(queue, key) === undefined) {
      throw new UnknownQuotaError(`the queue ${JSON.stringify(queue)} has no quota named ${JSON.stringify(name)}`);
    }
  }
}

/**
 * The same for a job that is in no queue, and for all that belongs to it, when it is put into this
 * one.
 */
export function checkAllQuotas(view: View, job: JobRecord, queue: string): void {
  checkQuotas(view, { queue, quotas: job.quotas });
  for (const member of [...view.parts(job), ...view.callbacks(job)]) checkAllQuotas(view, member, queue);
}

/** The job is claimed. */
export function takePlaces(state: State, job: JobRecord): void {
  if (job.quotas.length === 0) return;
  const needed = neededPlaces(job);
  for (const key of needed) state.spendRate(job.queue, key);
  if (needed.length === 0) return;
  state.change(job, (row) => {
    row.places = [...row.places, ...needed];
  });
}
