/** The jobs of bulk actions. */
import type { JobRecord } from '../../core/records.js';
import type { BulkAction } from '../../protocol/monitor.js';
import type { Records } from '../../store/store.js';
import { type Inquiry, Pause } from '../inquiries.js';
import { jobMatcher } from './job-filter.js';
import { isInternal, walkIn } from './job-rows.js';
import { type AskWhere, Where } from './where.js';

interface BulkJobsContext {
  readonly records: Records;
  readonly questions: AskWhere;
}

/** A walk that pauses while a function is asked. */
type BulkWalk = Generator<JobRecord | Pause | undefined, void>;

/** A bulk action on its way. */
export class Bulk {
  readonly action: BulkAction;
  /** The jobs on which it acts that are left; `undefined` after a step that found none. */
  readonly jobs: BulkWalk;
  isEnded = false;
  done = 0;
  refused = 0;

  constructor(context: BulkJobsContext, action: BulkAction) {
    this.action = action;
    this.jobs = jobsOf(context, action);
  }

  end(): void {
    this.isEnded = true;
    this.jobs.return(undefined);
  }
}

/** Counts the jobs on which the action would act. */
export function* bulkCount(context: BulkJobsContext, action: BulkAction): Inquiry<number> {
  let count = 0;
  for (const job of jobsOf(context, action)) {
    if (job !== undefined && !(job instanceof Pause)) count++;
    yield job instanceof Pause ? job : undefined;
  }
  return count;
}

/**
 * Walks the jobs that are there now and on which the action acts; `undefined` after a step without
 * one. A job that a retry put, and that has failed since, is not among them.
 */
function* jobsOf({ records, questions }: BulkJobsContext, { type, filter }: BulkAction): BulkWalk {
  const { view } = records;
  const { position } = view;
  const isAsked = jobMatcher(records, { role: 'root', ...filter });
  const isOpen = {
    retry: ({ outcome, retriedBy, eligible }: JobRecord) =>
      outcome === 'failure' && retriedBy === '' && eligible <= position,
    cancel: ({ outcome, cancelled }: JobRecord) => outcome === 'none' && !cancelled,
    forget: ({ status }: JobRecord) => status === 'completed',
  }[type];
  const where = filter.where === undefined ? undefined : new Where(records, questions, filter.where);
  /** They may have changed while the function was asked. */
  function* taken(from: Where): BulkWalk {
    for (const job of yield* from.taken()) if (isOpen(job)) yield job;
  }
  let left = view.size;
  for (const job of walkIn(view, filter, 'oldest', undefined)) {
    if (job !== undefined && left-- === 0) break;
    const fits = job !== undefined && isOpen(job) && !isInternal(job) && isAsked(job);
    if (fits && where !== undefined) where.add(job);
    yield fits && where === undefined ? job : undefined;
    if (where?.isFull) yield* taken(where);
  }
  if (where !== undefined) yield* taken(where);
}
