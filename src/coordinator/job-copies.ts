/** Copies of jobs as they are sent. */
import { newId } from '../codec/id.js';
import type { WireJob } from '../protocol/messages.js';

/** Returns a job with new ids whose delays count from `byMs` later. */
export function copyOf([, form, callable, args, options, parts, callbacks, role]: WireJob, byMs: number): WireJob {
  const { beginAfter, delayed } = options ?? {};
  const moved = delayed ? { ...options, beginAfter: beginAfter! + byMs } : options;
  const copies = (jobs: WireJob[]) => jobs.map((job) => copyOf(job, byMs));
  const copy: WireJob = [newId(), form, callable, args, moved, copies(parts), copies(callbacks)];
  if (role !== undefined) copy.push(role);
  return copy;
}
