/** The parts of a composition in one strip, however many they are. */
import type { JobDetails } from '../../definition/job-details.js';
import type { PartCounts } from '../../protocol/monitor.js';
import type { ViewContext } from './view.js';

export interface Strip {
  readonly cells: readonly PartCounts[];
  readonly totals: PartCounts;
}

const mostCells = 240;
const keptMs = 2000;

export function stripOf({ callsheet, memo }: ViewContext, id: string, details: JobDetails): Promise<Strip> {
  const { parts, partsDone, endAt } = details;
  const key = `strip ${id} ${parts} ${partsDone} ${endAt?.getTime()}`;
  // The cost grows with the parts, so very many are looked at less often.
  return memo.get(key, keptMs + parts / 10, async () => {
    const { cells, totals } = await callsheet.monitor.parts(id, { cells: mostCells });
    return { cells, totals };
  });
}
