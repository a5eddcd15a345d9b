/** The parts of a whole by their states, in cells along their order. */
import type { JobRecord } from '../../core/records.js';
import type { MonitorQuery, PartCounts, PartsReport } from '../../protocol/monitor.js';
import type { Inquiry } from '../inquiries.js';
import type { FullJobContext } from './full-job.js';
import { outcomeOf } from './job-filter.js';
import { isoTime, walkMembers } from './job-rows.js';
import { requireJob } from './remembered.js';

type Counts = { -readonly [at in keyof PartCounts]: PartCounts[at] };
type PartsQuery = Extract<MonitorQuery, { type: 'parts' }>;

/** The places of the states in `PartCounts`. */
const place = { succeeded: 0, failed: 1, running: 2, left: 3 } as const;
type Place = (typeof place)[keyof typeof place];

export function* partCells({ records, now, infoOf }: FullJobContext, query: PartsQuery): Inquiry<PartsReport> {
  const { view } = records;
  const whole = requireJob(view, query.job);
  const places: Place[] = [];
  for (const member of walkMembers(view, whole.id, false)) {
    yield;
    if (member?.role === 'callback') break;
    if (member !== undefined) places.push(placeOf(member));
  }
  // Folded items come first: a map folds those that are done, in their order.
  const folded = Math.max(0, infoOf(whole).parts - places.length);
  const all = folded + places.length;
  const count = Math.min(query.cells, all);
  const begin = (cell: number) => Math.ceil((cell * all) / count);
  const cells = Array.from({ length: count }, (_, cell): Counts => {
    const here = Math.min(folded, begin(cell + 1)) - begin(cell);
    return [0, 0, 0, 0, Math.max(0, here)];
  });
  const totals: Counts = [0, 0, 0, 0, folded];
  for (const [index, at] of places.entries()) {
    yield;
    cells[Math.floor(((folded + index) * count) / all)]![at]++;
    totals[at]++;
  }
  return { cells, totals, asOf: isoTime(now())! };
}

function placeOf(job: JobRecord): Place {
  const [outcome, { status }] = [outcomeOf(job), job];
  if (outcome !== 'none') return outcome === 'value' ? place.succeeded : place.failed;
  return status === 'active' || status === 'assigned' || status === 'callbacks' ? place.running : place.left;
}
