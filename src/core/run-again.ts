/**
 * Retries on request: a copy of a failed job is put as a new job, and the failed one stays as it
 * is. Retries by policy, which run the same job again, are in `retry.ts`.
 *
 * Of a whole or a map, the copy keeps the outcomes of the parts that succeeded: only the others
 * run, and then the postprocess. The copy has these outcomes as its own, so it needs nothing of the
 * failed job, which may be forgotten at any time.
 */
import { JobStatusError } from '../errors.js';
import type { Command, JobOptions, JobSpec, RetriedChunk } from './commands.js';
import type { Decision } from './decision.js';
import { createJob, expireIfLate } from './job.js';
import { isFolded } from './map.js';
import { requireQueue } from './queue.js';
import { type Id, isWhole, type JobRecord } from './records.js';
import { joinTick } from './schedules.js';
import { hasListOf } from './state/indices.js';
import type { State } from './state/state.js';
import type { View } from './state/view.js';
import { countAwaiters } from './waits.js';

type Retry = Extract<Command, { type: 'retry' }>;
/** The extent of a copy. */
type Extent = Pick<Retry, 'parts' | 'callbacks'>;

/** Puts a copy of a failed job. Returns its id, or that of the live job with its unique key. */
export function retry(decision: Decision, job: JobRecord, command: Retry): Id {
  const { state } = decision;
  requireFailed(state, job);
  if (job.form === 'map' && command.parts === 'all')
    throw new JobStatusError('the items of a map that succeeded are forgotten: only the others can run again');
  const { queue, unique } = job;
  requireQueue(state, queue);
  const live = unique === '' ? undefined : state.uniqueJob(queue, unique);
  const made = live ?? putCopy(decision, job, command);
  state.change(job, (row) => {
    row.retriedBy = made.id;
  });
  return made.id;
}

/**
 * Returns the number of ids that the copy of a failed job needs, and the jobs whose copies will
 * run.
 */
export function planRetry(view: View, job: JobRecord, extent: Extent): { ids: number; run: readonly JobRecord[] } {
  requireFailed(view, job);
  const run: JobRecord[] = [];
  let ids = 0;
  const nextId = () => {
    ids++;
    return '';
  };
  rootSpec({ view, nextId, now: 0, chunks: none, run, kept: [], copied: [] }, job, extent);
  return { ids, run };
}

/** Refuses a job that has not failed, is no root, or was retried already. */
export function requireFailed(view: View, job: JobRecord): void {
  if (job.role !== 'root') {
    const root = rootOf(view, job);
    throw new JobStatusError(`the job belongs to another (${root.callable || root.form}): retry that one`);
  }
  if (job.outcome === 'none') throw new JobStatusError(`the job is ${job.status}: only a failed job can be retried`);
  if (job.form === 'map' && job.open) throw new JobStatusError('the input of the map did not end: put the map again');
  if (isGood(view, job)) throw new JobStatusError('the job succeeded: only a failed job can be retried');
  if (job.retriedBy !== '' && view.job(job.retriedBy) !== undefined)
    throw new JobStatusError('the job was retried already: retry the job that runs it again, see `retriedBy`');
}

function rootOf(view: View, job: JobRecord): JobRecord {
  let root = job;
  while (root.role !== 'root') root = view.job(root.parent)!;
  return root;
}

/**
 * `true` if nothing of a job needs to run again. A list is good if all its parts are; a folded
 * chunk keeps its failed items as its arguments.
 */
export function isGood(view: View, job: JobRecord): boolean {
  if (job.outcome !== 'list') return job.outcome === 'value';
  if (job.result !== null) return job.args === null;
  return view.parts(job).every((part) => isGood(view, part));
}

function putCopy(decision: Decision, job: JobRecord, command: Retry): JobRecord {
  const { state, now } = decision;
  const { owner, ids, args, options, chunks = none } = command;
  const [kept, copied]: [Kept[], Kept[]] = [[], []];
  let used = 0;
  const nextId = () => {
    const id = ids[used++];
    if (id === undefined) throw new JobStatusError('the job got callbacks or parts meanwhile: retry it again');
    return id;
  };
  const spec = rootSpec({ view: state, nextId, now, chunks, run: [], kept, copied }, job, command);
  const asked = { ...spec, args: args === undefined ? spec.args : args, options: { ...spec.options, ...options } };
  const { queue, level } = job;
  const made = createJob(decision, asked, { owner, queue, level, role: 'root', parent: '', index: 0, only: '' }, true);
  state.change(made, (row) => {
    row.retryOf = job.id;
    row.open = false;
  });
  for (const { id, of } of copied) countFolded(state, state.job(id)!, of);
  for (const one of kept) keepOutcome(state, one);
  joinTick(state, made);
  expireIfLate(decision, made);
  return made;
}

/** A part of the copy, and the part that it copies. */
interface Kept {
  readonly id: Id;
  readonly of: JobRecord;
}

interface Copying {
  readonly view: View;
  readonly nextId: () => Id;
  readonly now: number;
  /** Receives the jobs whose copies run. */
  readonly run: JobRecord[];
  readonly chunks: readonly RetriedChunk[];
  /** Receives the parts that keep their outcomes. */
  readonly kept: Kept[];
  /** Receives the chunks of a map with items that run. */
  readonly copied: Kept[];
}

/** The copy begins as soon as possible, and its deadline counts from now. */
function rootSpec(copying: Copying, job: JobRecord, { parts, callbacks }: Extent): JobSpec {
  const { beginAfter: _, delayed: __, ...options } = optionsOf(copying, job);
  const spec = specOf(copying, job, parts === 'all');
  return { ...spec, options, callbacks: callbacks === 'none' ? none : spec.callbacks };
}

function specOf(copying: Copying, job: JobRecord, all: boolean): JobSpec {
  const { view, nextId } = copying;
  const { form, callable, args, role } = job;
  const id = nextId();
  if (form === 'chunk') {
    copying.copied.push({ id, of: job });
    const { rest = args, items = none } = copying.chunks.find(({ chunk }) => chunk === job.id) ?? {};
    if (isFolded(job)) return { id, form, callable, args: rest, options: {}, parts: items, callbacks: none };
  } else copying.run.push(job);
  const copyOf = (part: JobRecord) =>
    !all && isWhole(job) && isGood(view, part) ? keptSpec(copying, part) : specOf(copying, part, all);
  return {
    ...{ id, form, callable, args },
    options: optionsOf(copying, job),
    parts: view.parts(job).map(copyOf),
    callbacks: view.callbacks(job).map((callback) => specOf(copying, callback, true)),
    ...((role === 'onSuccess' || role === 'onFailure') && { role }),
  };
}

/** A part that keeps its outcome needs its own parts only if they are its outcome. */
function keptSpec(copying: Copying, job: JobRecord): JobSpec {
  const { form, callable, args, outcome, result } = job;
  const id = copying.nextId();
  copying.kept.push({ id, of: job });
  const isList = outcome === 'list' && result === null;
  const parts = isList ? copying.view.parts(job).map((part) => keptSpec(copying, part)) : none;
  return { id, form, callable, args, options: {}, parts, callbacks: none };
}

/** Dates stay; a delay, and the time until a deadline, count from now. */
function optionsOf({ now }: Copying, job: JobRecord): JobOptions {
  const { priority, quotas, policy, log, timeoutMs, beginAfter, delayed, deadline, putAt, only, unique } = job;
  return {
    priority,
    quotas,
    ...(only !== '' && { only }),
    ...(policy !== '' && { policy }),
    ...(log !== '' && { log }),
    ...(timeoutMs !== 0 && { timeoutMs }),
    ...(unique !== '' && { unique }),
    ...(beginAfter !== 0 && { beginAfter: delayed ? now + beginAfter - putAt : beginAfter, delayed }),
    ...(deadline !== 0 && { beginByMs: Math.max(0, deadline - (beginAfter || putAt)) }),
  };
}

/** Counts the items of a chunk that are not among its parts: their outcomes are packed. */
function countFolded(state: State, chunk: JobRecord, { parts }: JobRecord): void {
  state.change(chunk, (row) => {
    row.partsDone = parts - row.parts;
    row.parts = parts;
  });
}

/** Returns the job of an item that a retry runs again. Its ids are empty. */
export function failedItem(view: View, item: JobRecord, now: number): JobSpec {
  return specOf({ view, nextId: () => '', now, chunks: none, run: [], kept: [], copied: [] }, item, true);
}

function keepOutcome(state: State, { id, of }: Kept): void {
  const part = state.job(id)!;
  state.change(part, (row) => {
    row.status = 'completed';
    row.stage = 'call';
    row.retryOf = of.id;
    row.counted = true;
    row.parts = of.parts;
    row.partsDone = of.partsDone;
    row.outcome = of.outcome;
    row.result = of.result;
    row.inner = of.inner;
    row.attempts = of.attempts;
    row.firstStartAt = of.firstStartAt;
    row.lastStartAt = of.lastStartAt;
    row.endAt = of.endAt;
    row.completedAt = of.completedAt;
  });
  if (hasListOf(part.inner, part)) countAwaiters(state, part.inner, part, 1);
  for (const { name, value } of state.annotationsOf(of.id)) state.annotate(id, name, value);
  const whole = state.job(part.parent)!;
  if (whole.outcome !== 'none') return;
  state.change(whole, (row) => {
    row.partsDone++;
  });
}

const none: readonly never[] = [];
