/** Jobs as rows of a list, and the orders in which lists walk over them. */
import { idToText } from '../../codec/id.js';
import { parentOf } from '../../core/map.js';
import { agentName, isTemplate, type JobRecord } from '../../core/records.js';
import { dateOf } from '../../core/state/indices.js';
import type { View } from '../../core/state/view.js';
import type { JobOrder, JobRow, PlaceInOrder, WireFilter } from '../../protocol/monitor.js';
import { onlyName } from '../../protocol/name-pattern.js';
import { outcomeOf } from './job-filter.js';

export const isoTime = (time: number) => (time === 0 ? undefined : new Date(time).toISOString());

/** `true` for a record that is no job to users: a chunk of a map, or the template of a schedule. */
export const isInternal = (job: JobRecord) => job.form === 'chunk' || isTemplate(job);

export function rowOf(view: View, job: JobRecord): JobRow {
  const { id, callable, queue, status, role, priority, attempts, agent } = job;
  const parent = parentOf(view, job);
  return {
    ...{ id: idToText(id), callable, queue, status, outcome: outcomeOf(job), role },
    parent: parent === '' ? undefined : idToText(parent),
    ...{ priority, attempts, argumentBytes: job.args?.byteLength ?? 0 },
    agent: agentName(agent) || undefined,
    put: isoTime(job.putAt)!,
    due: isoTime(dateOf(job)),
    started: isoTime(job.firstStartAt),
    ended: isoTime(job.endAt),
    completed: isoTime(job.completedAt),
    retryOf: job.retryOf === '' ? undefined : idToText(job.retryOf),
    retriedBy: job.retriedBy === '' ? undefined : idToText(job.retriedBy),
  };
}

/** About the bytes of a row as text. */
export const rowBytes = ({ callable, queue }: JobRow) => 400 + callable.length + queue.length;

export function placeOf(job: JobRecord): PlaceInOrder {
  const { dueAt, priority, front, alone, eligible, id, putAt, completedAt } = job;
  return { dueAt, priority, front, alone, eligible, id, putAt, completedAt };
}

/** A walk, in short steps. Yields `undefined` after a step that found no job. */
export type JobWalk = IterableIterator<JobRecord | undefined>;

/**
 * Walks the jobs among which those that fit the filter are, in an order, behind a place. Few jobs
 * are looked at if the filter names a parent or one queue's line.
 */
export function* walkIn(view: View, filter: WireFilter, order: JobOrder, after: PlaceInOrder | undefined): JobWalk {
  if (filter.parent !== undefined && (order === 'oldest' || order === 'newest'))
    return yield* walkMembers(view, filter.parent, order === 'newest', after);
  const isForgotten = after !== undefined && view.job(after.id) === undefined;
  switch (order) {
    case 'claim':
      return yield* view.line(queueInLine(filter), after);
    case 'oldest':
      for (const job of view.jobsAfter(after?.id ?? ''))
        yield isForgotten && job.putAt <= after.putAt ? undefined : job;
      return;
    case 'newest':
      for (const job of view.jobsBefore(after?.id ?? ''))
        yield isForgotten && job.putAt >= after.putAt ? undefined : job;
      return;
    case 'completed': {
      const isPassed = (job: JobRecord) => after !== undefined && !isLaterCompleted(after, job);
      for (const job of bothCompleted(view)) yield isPassed(job) ? undefined : job;
    }
  }
}

/** The queue whose line is asked for. A name with a star may be given as it is. */
export function queueInLine({ queue }: WireFilter): string {
  return onlyName(queue as string) ?? (queue as string);
}

/**
 * Walks the parts of a job by their indices, then its callbacks; or backwards. The folded items of
 * a map have no records.
 */
export function* walkMembers(view: View, parent: string, backwards: boolean, after?: PlaceInOrder): JobWalk {
  const above = view.job(parent);
  if (above === undefined) return;
  const parts = above.form === 'map' ? view.parts(above).map((chunk) => view.parts(chunk)) : [view.parts(above)];
  const lists = [...parts, view.callbacks(above)];
  const last = after === undefined ? undefined : view.job(after.id);
  // A folded item is gone, while others of its map are there.
  const isPassed = (job: JobRecord) =>
    after !== undefined && last === undefined && (backwards ? !comesBefore(job, after) : !comesBefore(after, job));
  const step = backwards ? -1 : 1;
  const at = last === undefined ? -1 : lists.findIndex((list) => list[last.index] === last);
  let index = at >= 0 ? at : backwards ? lists.length - 1 : 0;
  for (let from = at >= 0 ? last!.index + step : undefined; index in lists; index += step, from = undefined) {
    const list = lists[index]!;
    for (let one = from ?? (backwards ? list.length - 1 : 0); one in list; one += step) {
      const job = list[one]!;
      yield isPassed(job) || view.job(job.id) !== job ? undefined : job;
    }
    yield undefined;
  }
}

const comesBefore = (a: Pick<JobRecord, 'putAt' | 'id'>, b: Pick<JobRecord, 'putAt' | 'id'>) =>
  a.putAt < b.putAt || (a.putAt === b.putAt && a.id < b.id);

type Ended = Pick<JobRecord, 'completedAt' | 'id'>;
const isLaterCompleted = (a: Ended, b: Ended) =>
  a.completedAt > b.completedAt || (a.completedAt === b.completedAt && a.id > b.id);

/** Merges the succeeded and the failed roots, the last one completed first. */
function* bothCompleted(view: View): IterableIterator<JobRecord> {
  const [succeeded, failed] = [view.lastCompleted('succeeded'), view.lastCompleted('failed')];
  let [a, b] = [succeeded.next(), failed.next()];
  while (!a.done || !b.done) {
    if (b.done || (!a.done && isLaterCompleted(a.value, b.value))) {
      yield a.value;
      a = succeeded.next();
    } else {
      yield b.value;
      b = failed.next();
    }
  }
}
