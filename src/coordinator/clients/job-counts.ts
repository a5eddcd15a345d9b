/** The number of remembered jobs, from the tallies. */
import { tallyCells } from '../../core/state/tallies.js';
import type { View } from '../../core/state/view.js';

export interface JobCounts {
  readonly jobs: number;
  /** The number of those that are not completed. */
  readonly unfinished: number;
}

/** Counts the jobs as users know them, without templates of schedules and chunks of maps. */
export function countJobs(view: View): JobCounts {
  let jobs = 0;
  let unfinished = 0;
  for (const { counts } of view.tallies()) {
    for (const [index, cell] of tallyCells.entries()) {
      jobs += counts[index]!;
      if (cell?.status !== 'completed') unfinished += counts[index]!;
    }
  }
  return { jobs, unfinished };
}
