/** One job in full, with the jobs that it is related to. */
import { idToText } from '../../codec/id.js';
import type { Id, JobRecord, Payload } from '../../core/records.js';
import { tickOf } from '../../core/schedules.js';
import type { View } from '../../core/state/view.js';
import type { JobInfo } from '../../protocol/job-info.js';
import type { BadRun, CallbackTree, FullJobForm, JobRow, MonitorQuery, WireFullJob } from '../../protocol/monitor.js';
import type { Records } from '../../store/store.js';
import type { PastRun } from '../claiming/run-history.js';
import type { Inquiry } from '../inquiries.js';
import { outcomeOf } from './job-filter.js';
import { isoTime, placeOf, rowOf, walkMembers } from './job-rows.js';
import { requireJob } from './remembered.js';

/** The most parts, callbacks and waiting jobs in an answer, and the most bytes of annotations. */
const most = { parts: 100, callbacks: 100, depth: 10, waiting: 100, annotationBytes: 256 * 1024 };

type FullJobQuery = Extract<MonitorQuery, { type: 'fullJob' }>;

export interface FullJobContext {
  readonly records: Records;
  readonly now: () => number;
  readonly infoOf: (job: JobRecord) => JobInfo;
  readonly threadOf: (job: Id) => number | undefined;
  readonly pastRuns: (job: Id) => readonly PastRun[];
  readonly linesOf: (job: Id) => readonly string[];
}

export function* fullJob(context: FullJobContext, { job: id, log }: FullJobQuery): Inquiry<WireFullJob> {
  const { records, now, infoOf, threadOf, pastRuns, linesOf } = context;
  const { view } = records;
  const job = requireJob(view, id);
  const parts: JobRow[] = [];
  let lastPart: JobRecord | undefined;
  let hasMore = false;
  for (const member of walkMembers(view, job.id, false)) {
    yield;
    if (member === undefined) continue;
    hasMore = member.role !== 'callback' && parts.length === most.parts;
    if (member.role === 'callback' || hasMore) break;
    parts.push(rowOf(view, member));
    lastPart = member;
  }
  const tree = new Tree(view);
  const callbacks = yield* tree.below(job, 1);
  const above = view.job(rowOf(view, job).parent === undefined ? '' : job.parent);
  const whole = above?.form === 'chunk' ? view.job(above.parent) : above;
  const waiting = view.waitingFor(job);
  return {
    info: infoOf(job),
    ...{ form: job.form as FullJobForm, role: job.role, outcome: outcomeOf(job), thread: threadOf(job.id) },
    parent: whole === undefined ? undefined : rowOf(view, whole),
    parts,
    lastPart: hasMore && lastPart !== undefined ? placeOf(lastPart) : undefined,
    callbacks,
    areAllCallbacks: tree.isWhole,
    returnedBy: waiting.slice(0, most.waiting).map(({ id }) => idToText(id)),
    runs: pastRuns(id).map(badRun),
    lines: log ? linesOf(id) : [],
    schedule: scheduleOf(job),
    ...annotationsOf(records, job.id),
    argumentBytes: bytesOf(job.args),
    resultBytes: job.outcome === 'none' ? 0 : bytesOf(job.result),
    asOf: isoTime(now())!,
  };
}

const badRun = ({ attempt, thread, startedAt, endedAt, end, error }: PastRun): BadRun => ({
  ...{ attempt, thread, end, error: error || undefined },
  ...{ started: isoTime(startedAt), ended: isoTime(endedAt)! },
});

const bytesOf = (payload: Payload | null) => payload?.byteLength ?? 0;

function scheduleOf(job: JobRecord): WireFullJob['schedule'] {
  const tick = tickOf(job);
  return tick && { name: tick.name, tick: isoTime(tick.at)! };
}

function annotationsOf(records: Records, job: Id): Pick<WireFullJob, 'annotations' | 'areAllAnnotations'> {
  const annotations: Record<string, Uint8Array> = {};
  let left = most.annotationBytes;
  for (const { name, value } of records.view.annotationsOf(job)) {
    left -= value.byteLength + name.length;
    if (left < 0) return { annotations, areAllAnnotations: false };
    annotations[name] = records.bytes(value);
  }
  return { annotations, areAllAnnotations: true };
}

/** The callbacks below a job, up to a depth and a number. */
class Tree {
  readonly #view: View;
  #left = most.callbacks;
  isWhole = true;

  constructor(view: View) {
    this.#view = view;
  }

  *below(job: JobRecord, depth: number): Generator<unknown, CallbackTree[]> {
    const found: CallbackTree[] = [];
    // The sides of a pair stand in the place of its parts.
    const sides = job.form === 'choice' ? this.#view.parts(job) : [];
    for (const one of [...sides, ...this.#view.callbacks(job)]) {
      yield;
      if (depth > most.depth || --this.#left < 0) {
        this.isWhole = false;
        break;
      }
      found.push({ ...rowOf(this.#view, one), callbacks: yield* this.below(one, depth + 1) });
    }
    return found;
  }
}
