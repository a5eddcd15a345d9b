/** The parts of a composition in one strip, however many they are. */
import type { JobDetails } from '../../definition/job-details.js';
import type { JobRow } from '../../protocol/monitor.js';
import type { ViewContext } from './view.js';

/**
 * Numbers of parts that follow one another. The folded ones come first: items of a map that are
 * done, and have no records any more.
 */
export type Cell = readonly [succeeded: number, failed: number, running: number, left: number, folded: number];

export interface Strip {
  readonly cells: readonly Cell[];
  readonly totals: Cell;
  /** `false` if there are more parts than were looked at. */
  readonly complete: boolean;
}

const most = { cells: 240, parts: 100_000, page: 1000 };
const keptMs = 2000;

export function stripOf(context: ViewContext, id: string, details: JobDetails): Promise<Strip> {
  const { parts, partsDone, endAt } = details;
  const key = `strip ${id} ${parts} ${partsDone} ${endAt?.getTime()}`;
  // A large one takes some hundred milliseconds, so it is looked at less often.
  return context.memo.get(key, keptMs + parts / 10, () => readStrip(context, id, parts));
}

async function readStrip({ callsheet }: ViewContext, id: string, parts: number): Promise<Strip> {
  const classes: number[] = [];
  let cursor: string | undefined;
  do {
    const options = { order: 'oldest', limit: most.page, ...(cursor === undefined ? {} : { cursor }) } as const;
    const page = await callsheet.monitor.jobs({ parent: id, role: 'part' }, options);
    for (const row of page.items) classes.push(classOf(row));
    cursor = page.next;
  } while (cursor !== undefined && classes.length < most.parts);
  const complete = cursor === undefined;
  const folded = complete ? Math.max(0, parts - classes.length) : 0;
  const all = folded + classes.length;
  const count = Math.min(most.cells, all);
  const cells: [number, number, number, number, number][] = Array.from({ length: count }, () => [0, 0, 0, 0, 0]);
  const totals: [number, number, number, number, number] = [0, 0, 0, 0, folded];
  for (let index = 0; index < folded; index++) cells[Math.floor((index * count) / all)]![4]++;
  for (const [index, one] of classes.entries()) {
    cells[Math.floor(((folded + index) * count) / all)]![one]!++;
    totals[one]!++;
  }
  return { cells, totals, complete };
}

function classOf({ outcome, status }: JobRow): number {
  if (outcome === 'value') return 0;
  if (outcome === 'failure') return 1;
  return status === 'active' || status === 'assigned' || status === 'callbacks' ? 2 : 3;
}
