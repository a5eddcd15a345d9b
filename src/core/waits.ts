/**
 * Jobs that wait for others: the consequences for levels, places and the order of ends.
 *
 * A job waits for one that it returned, a whole for its parts, and a job whose turn has not come
 * for those before it.
 */
import { type Id, type JobRecord, type Level, levels } from './records.js';
import { isOpenCallback, keptBy, neededPlaces, placeKey } from './state/indices.js';
import type { State } from './state/state.js';
import type { View } from './state/view.js';

/**
 * Raises the level of a job, its whole, and every job that these wait for: a durable job must not
 * depend on a weaker one.
 */
export function raise(state: State, job: JobRecord, level: Level): void {
  if (levels.indexOf(level) <= levels.indexOf(job.level)) return;
  state.change(job, (row) => {
    row.level = level;
  });
  for (const member of [...state.parts(job), ...state.callbacks(job)]) raise(state, member, level);
  for (const id of [job.parent, job.inner]) {
    const other = state.job(id);
    if (other !== undefined) raise(state, other, level);
  }
}

/** `true` if the job is one of `others`, or its call cannot end before one of them continues. */
export function waitsFor(
  view: View,
  job: JobRecord,
  others: ReadonlySet<Id>,
  seen = new Set<Id>(),
  next: typeof awaitedBy = awaitedBy,
): boolean {
  if (others.has(job.id)) return true;
  if (seen.has(job.id)) return false;
  seen.add(job.id);
  return next(view, job).some((one) => waitsFor(view, one, others, seen, next));
}

/** `true` if `inner`, returned by the job, cannot end before the job ends. */
export function endsAfter(view: View, inner: JobRecord, job: JobRecord): boolean {
  const above = view.lineage(job);
  const [root, innerRoot] = [above.at(-1)!, view.lineage(inner).at(-1)!];
  // Each job that waits for it is in its tree, or waits for a job of that tree.
  if (root.awaiters === 0 && innerRoot.id !== root.id) return false;
  return waitsFor(view, inner, new Set(above.map(({ id }) => id)));
}

/**
 * Counts a job more, or less, that waits for the job that it returned, or that has its list. The
 * jobs above both do not count it.
 */
export function countAwaiters(state: State, inner: Id, job: JobRecord, by: 1 | -1): void {
  const awaited = state.job(inner);
  if (awaited === undefined) return;
  for (const one of state.lineageApart(awaited, job)) {
    state.change(one, (row) => {
      row.awaiters += by;
    });
  }
}

/**
 * Lets go of the jobs that a forgotten job and its members returned: they have their lists, or
 * still wait.
 */
export function releaseLists(state: State, job: JobRecord): void {
  const returned = keptBy(job);
  if (returned !== '') countAwaiters(state, returned, job, -1);
  for (const part of state.parts(job)) releaseLists(state, part);
  for (const callback of state.callbacks(job)) releaseLists(state, callback);
}

/** `true` if the job waits for `other`, or for a place in a quota that `other` may free. */
export function mayWaitFor(view: View, job: JobRecord, other: Id): boolean {
  const looked = new Set<string>();
  const next = (_: View, one: JobRecord) => [...awaitedBy(view, one), ...holdersBefore(view, one, looked)];
  return waitsFor(view, job, new Set([other]), new Set(), next);
}

/** `true` if a job in line needs a place in a full quota. */
export function isHeldBack(view: View, job: JobRecord): boolean {
  return holdersBefore(view, job, new Set()).next().done === false;
}

/** Yields the holders of the full quotas that a job in line needs, each quota only once. */
function* holdersBefore(view: View, job: JobRecord, looked: Set<string>): Generator<JobRecord, void> {
  if (!job.queued || job.quotas.length === 0) return;
  for (const quota of neededPlaces(job)) {
    const key = placeKey(job.queue, quota);
    if (looked.has(key)) continue;
    looked.add(key);
    const { size = Number.POSITIVE_INFINITY } = view.quota(job.queue, quota) ?? {};
    if (view.held(job.queue, quota) >= size) yield* view.holders(job.queue, quota);
  }
}

/** Returns the jobs that a job waits for to begin, to end, and to pass on a turn. */
function awaitedBy(view: View, job: JobRecord): readonly JobRecord[] {
  const inner = job.stage === 'inner' ? view.job(job.inner) : undefined;
  const awaited: JobRecord[] = [];
  if (job.outcome === 'none') awaited.push(...view.parts(job), ...(inner === undefined ? [] : [inner]));
  else if (job.callbacksDone < job.callbacks) awaited.push(...view.callbacks(job).filter(isOpenCallback));
  const above = job.status === 'new' ? view.job(job.parent) : undefined;
  if (above === undefined) return awaited;
  if (job.role === 'part') {
    // A part's turn comes after that of its whole; in a serial, after the parts before it.
    const before = above.form === 'serial' ? view.parts(above).slice(0, job.index) : [];
    return [...awaited, ...before, ...(above.status === 'new' ? [above] : [])];
  }
  return [...awaited, above, ...view.callbacks(above).slice(0, job.index)];
}

/**
 * Yields the job, and all that must run before its call is over, as far as known; with the holders
 * of the places that it needs. Yields them lazily, because a whole may have many parts.
 */
export function* neededFor(
  view: View,
  job: JobRecord,
  seen = new Set<Id>(),
  looked = new Set<string>(),
): Generator<JobRecord, void> {
  if (seen.has(job.id)) return;
  seen.add(job.id);
  yield job;
  for (const holder of holdersBefore(view, job, looked)) yield* neededFor(view, holder, seen, looked);
  const inner = job.stage === 'inner' ? view.job(job.inner) : undefined;
  if (inner !== undefined) yield* neededFor(view, inner, seen, looked);
  const above = job.status === 'new' ? view.job(job.parent) : undefined;
  if (above !== undefined) yield* neededFor(view, above, seen, looked);
  if (job.outcome === 'none') for (const part of view.parts(job)) yield* neededFor(view, part, seen, looked);
  // A serial continues after these.
  else if (job.status !== 'completed') for (const one of view.callbacks(job)) yield* neededFor(view, one, seen, looked);
}

/** Returns the places, in the job's queue or in `queue`, of all jobs that wait for this one. */
export function heldAbove(
  view: View,
  job: JobRecord,
  queue = job.queue,
  held = new Set<string>(),
): ReadonlySet<string> {
  const parent = view.job(job.parent);
  // A composition waits for the callbacks that its part had at its start, and for no later ones.
  const isLate = parent?.role === 'part' && job.role === 'callback' && job.index >= parent.awaitedCallbacks;
  for (const above of parent === undefined || isLate ? view.waitingFor(job) : [parent, ...view.waitingFor(job)]) {
    heldFrom(view, above, queue, held);
  }
  return held;
}

/** Returns the places, in this queue, of a job and of all that wait for it. */
export function heldFrom(view: View, job: JobRecord, queue: string, held = new Set<string>()): ReadonlySet<string> {
  // A quota of the same name in another queue is another quota.
  if (job.queue === queue) for (const place of job.places) held.add(place);
  return heldAbove(view, job, queue, held);
}

/** Lets a job and its parts share these places, too, which jobs that wait for it hold. */
export function share(state: State, job: JobRecord, places: ReadonlySet<string>): void {
  if (places.size === 0) return;
  const shared = job.quotas.filter((quota) => places.has(quota) || job.shared.includes(quota));
  if (shared.length > job.shared.length) {
    // The places that it needs determine its lane.
    const { queued } = job;
    state.change(job, (row) => {
      row.queued = false;
    });
    state.change(job, (row) => {
      row.shared = shared;
      row.queued = queued;
    });
  }
  for (const part of state.unendedParts(job)) share(state, part, places);
}
