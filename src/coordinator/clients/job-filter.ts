/** Filters of jobs: the one place that knows which jobs fit. */
import { parentOf } from '../../core/map.js';
import { agentDispatcher, agentName, type Id, type JobRecord, quotaName } from '../../core/records.js';
import { dateOf } from '../../core/state/indices.js';
import type { CountedOutcome, Interval, KindFilter, WireFilter } from '../../protocol/monitor.js';
import { nameMatcher } from '../../protocol/name-pattern.js';
import type { Records } from '../../store/store.js';

/** Returns a test of jobs. */
export function jobMatcher(records: Records, filter: WireFilter): (job: JobRecord) => boolean {
  const { view } = records;
  const isKind = kindMatcher(filter);
  const { status, outcome, role, error, parent, agent, dispatcher, quota, unique, retried, annotation } = filter;
  const { id: digits, put, due, started, ended, completed } = filter;
  const errors = typeof error === 'string' ? [error] : error;
  const statuses = status === undefined || typeof status === 'string' ? status && [status] : status;
  const hasAnnotation = annotation === undefined ? undefined : annotationMatcher(records, annotation);
  return (job) =>
    (digits === undefined || digitsOf(job.id).startsWith(digits)) &&
    (statuses === undefined || statuses.includes(job.status)) &&
    (outcome === undefined || outcomeOf(job) === outcome) &&
    (role === undefined || job.role === role) &&
    (errors === undefined || (job.outcome === 'failure' && hasName(job, errors))) &&
    (unique === undefined || job.unique === unique) &&
    (retried === undefined || (job.retriedBy !== '') === retried) &&
    (agent === undefined || (job.agent !== '' && agentName(job.agent) === agent)) &&
    (dispatcher === undefined || (job.agent !== '' && agentDispatcher(job.agent) === dispatcher)) &&
    (quota === undefined || job.quotas.some((key) => key === quota || quotaName(key) === quota)) &&
    isWithin(put, job.putAt) &&
    isWithin(due, dateOf(job)) &&
    isWithin(started, job.firstStartAt) &&
    isWithin(ended, job.endAt) &&
    isWithin(completed, job.completedAt) &&
    isKind(job.queue, job.callable) &&
    (parent === undefined || parentOf(view, job) === parent) &&
    (hasAnnotation === undefined || hasAnnotation(job));
}

const digitsOf = (id: Id) => Buffer.from(id, 'latin1').toString('hex');

function hasName({ errorNames }: JobRecord, names: readonly string[]): boolean {
  return errorNames.split('\n').some((name) => names.includes(name));
}

function annotationMatcher(
  records: Records,
  { name, value }: NonNullable<WireFilter['annotation']>,
): (job: JobRecord) => boolean {
  return ({ id }) => {
    const there = records.view.annotation(id, name);
    if (there === undefined || value === undefined) return there !== undefined;
    return there.value.byteLength === value.byteLength && Buffer.compare(records.bytes(there.value), value) === 0;
  };
}

function isWithin(interval: Interval<number> | undefined, time: number): boolean {
  if (interval === undefined) return true;
  const { from = 1, to = Number.POSITIVE_INFINITY } = interval;
  return time !== 0 && time >= from && time < to;
}

/** A list is a value, too. */
export const outcomeOf = ({ outcome }: JobRecord): CountedOutcome =>
  outcome === 'none' || outcome === 'failure' ? outcome : 'value';

/** Returns a test of a queue and a callable. */
export function kindMatcher({ queue, callable }: KindFilter): (queue: string, callable: string) => boolean {
  const [isQueue, isCallable] = [nameMatcher(queue), nameMatcher(callable)];
  return (queue, callable) => isQueue(queue) && isCallable(callable);
}
