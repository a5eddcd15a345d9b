/** The jobs of bulk actions. */
import type { JobRecord } from '../../core/records.js';
import type { BulkAction } from '../../protocol/monitor.js';
import type { Store } from '../../store/store.js';
import type { Inquiry } from '../inquiries.js';
import { jobMatcher } from './job-filter.js';
import { isInternal, type JobWalk, walkIn } from './job-rows.js';

type BulkStore = Pick<Store, 'state' | 'bytes'>;

/** A bulk action on its way. */
export class Bulk {
  readonly action: BulkAction;
  /** The jobs on which it acts that are left; `undefined` after a step that found none. */
  readonly jobs: JobWalk;
  isEnded = false;

  constructor(store: BulkStore, action: BulkAction) {
    this.action = action;
    this.jobs = jobsOf(store, action);
  }

  end(): void {
    this.isEnded = true;
    this.jobs.return?.();
  }
}

/** Counts the jobs on which the action would act. */
export function* bulkCount(store: BulkStore, action: BulkAction): Inquiry<number> {
  let count = 0;
  for (const job of jobsOf(store, action)) {
    if (job !== undefined) count++;
    yield;
  }
  return count;
}

/**
 * Walks the jobs that are there now and on which the action acts; `undefined` after a step without
 * one. A job that a retry put, and that has failed since, is not among them.
 */
function* jobsOf(store: BulkStore, { type, filter }: BulkAction): JobWalk {
  const { state } = store;
  const { position } = state;
  const isAsked = jobMatcher(store, { role: 'root', ...filter });
  const isOpen = {
    retry: ({ outcome, retriedBy, eligible }: JobRecord) =>
      outcome === 'failure' && retriedBy === '' && eligible <= position,
    cancel: ({ outcome, cancelled }: JobRecord) => outcome === 'none' && !cancelled,
    forget: ({ status }: JobRecord) => status === 'completed',
  }[type];
  let left = state.size;
  for (const job of walkIn(state, filter, 'oldest', undefined)) {
    if (job !== undefined && left-- === 0) return;
    yield job !== undefined && isOpen(job) && !isInternal(job) && isAsked(job) ? job : undefined;
  }
}
