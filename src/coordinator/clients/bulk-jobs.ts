/** The jobs of bulk actions. */
import type { JobRecord } from '../../core/records.js';
import type { BulkAction } from '../../protocol/monitor.js';
import type { Records } from '../../store/store.js';
import type { Inquiry } from '../inquiries.js';
import { jobMatcher } from './job-filter.js';
import { isInternal, type JobWalk, walkIn } from './job-rows.js';

/** A bulk action on its way. */
export class Bulk {
  readonly action: BulkAction;
  /** The jobs on which it acts that are left; `undefined` after a step that found none. */
  readonly jobs: JobWalk;
  isEnded = false;
  done = 0;
  refused = 0;

  constructor(records: Records, action: BulkAction) {
    this.action = action;
    this.jobs = jobsOf(records, action);
  }

  end(): void {
    this.isEnded = true;
    this.jobs.return?.();
  }
}

/** Counts the jobs on which the action would act. */
export function* bulkCount(records: Records, action: BulkAction): Inquiry<number> {
  let count = 0;
  for (const job of jobsOf(records, action)) {
    if (job !== undefined) count++;
    yield;
  }
  return count;
}

/**
 * Walks the jobs that are there now and on which the action acts; `undefined` after a step without
 * one. A job that a retry put, and that has failed since, is not among them.
 */
function* jobsOf(records: Records, { type, filter }: BulkAction): JobWalk {
  const { view } = records;
  const { position } = view;
  const isAsked = jobMatcher(records, { role: 'root', ...filter });
  const isOpen = {
    retry: ({ outcome, retriedBy, eligible }: JobRecord) =>
      outcome === 'failure' && retriedBy === '' && eligible <= position,
    cancel: ({ outcome, cancelled }: JobRecord) => outcome === 'none' && !cancelled,
    forget: ({ status }: JobRecord) => status === 'completed',
  }[type];
  let left = view.size;
  for (const job of walkIn(view, filter, 'oldest', undefined)) {
    if (job !== undefined && left-- === 0) return;
    yield job !== undefined && isOpen(job) && !isInternal(job) && isAsked(job) ? job : undefined;
  }
}
