/** The values beside a job's bytes by which a database finds its row. */
import type { Id, JobRecord } from '../../core/records.js';
import { memoryOf, timerOf } from '../../core/state/indices.js';
import type { Place } from '../../core/state/lanes.js';
import { tallyCellOf } from '../../core/state/tallies.js';
import { laneOf, placeOf } from './lanes.js';
import { indexKeysOf } from './wants.js';

export interface Columns {
  /** The keys, by `indexKey`, under which indices have the job. */
  readonly keys: readonly string[];
  /** The time at which `tick` has something to do with it; 0 for none. */
  readonly dueAt: number;
  /** Of a completed root; 0 for every other job. */
  readonly completedAt: number;
  /** `true` for a completed root that failed. */
  readonly failed: boolean;
  /** `true` if its list is the result of another job. It must not be forgotten before that one. */
  readonly awaited: boolean;
  /** See `tallyCellOf`. */
  readonly tallyCell: number;
  /** Bytes of arguments and result; 0 until the job is completed. */
  readonly completedBytes: number;
  readonly parent: Id;
  /** Its index among the parts, or the callbacks, of its parent. */
  readonly index: number;
  /** See `memoryOf`. */
  readonly memoryOf: Id;
  /** Its lane and its place there, while it is in line. */
  readonly line: { readonly lane: Id; readonly place: Place } | undefined;
}

export function columnsOf(job: JobRecord): Columns {
  return {
    keys: indexKeysOf(job),
    dueAt: timerOf(job),
    completedAt: rootCompletedAt(job),
    failed: isFailedRoot(job),
    awaited: job.awaiters > 0,
    tallyCell: tallyCellOf(job),
    completedBytes: completedBytes(job),
    parent: job.parent,
    index: job.index,
    memoryOf: memoryOf(job),
    line: job.queued ? { lane: laneOf(job).id, place: placeOf(job) } : undefined,
  };
}

export const rootCompletedAt = ({ role, completedAt }: JobRecord): number => (role === 'root' ? completedAt : 0);

export const isFailedRoot = ({ role, status, outcome }: JobRecord): boolean =>
  role === 'root' && status === 'completed' && outcome === 'failure';

export const completedBytes = ({ status, args, result }: JobRecord): number =>
  status === 'completed' ? (args?.byteLength ?? 0) + (result?.byteLength ?? 0) : 0;
