/** A list of jobs that fit a filter, in pages. */
import { type CountRow, type JobOrder, type JobPage, type JobQuery, jobOrders } from '../../protocol/monitor.js';
import { HttpError } from '../http-error.js';
import { filterFrom, numberFrom } from './filter.js';
import { type ShownRow, shownRows } from './job-rows.js';
import type { Sections, ViewContext } from './view.js';

export interface JobsSections {
  readonly page: Omit<JobPage, 'items'> & { readonly items: readonly ShownRow[] };
  /** Jobs by status and outcome, of the queue and callable of the filter. */
  readonly counts: readonly CountRow[];
  /** The number of jobs that fit the filter, where no walk is needed to know it. */
  readonly matched: number | undefined;
}

/** The fields of a filter by which jobs are counted. */
const counted = ['queue', 'callable', 'status', 'outcome', 'role'];

export async function jobs(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const { callsheet } = context;
  const filter = filterFrom(query);
  const order = (query.get('order') ?? 'newest') as JobOrder;
  if (!jobOrders.includes(order))
    throw new HttpError(400, 'BAD_PARAMETER', `order must be one of ${jobOrders.join(', ')}`);
  const cursor = query.get('cursor');
  const limit = numberFrom(query, 'limit', 50, 1000);
  const { queue, callable } = filter;
  const kind = { ...(queue === undefined ? {} : { queue }), ...(callable === undefined ? {} : { callable }) };
  const [page, rows] = await Promise.all([
    callsheet.monitor.jobs(filter, { limit, order, ...(cursor === null ? {} : { cursor }) }),
    callsheet.monitor.counts(kind, { by: ['status', 'outcome', 'role'] }),
  ]);
  // The other orders list some jobs only.
  const isOfAll = order === 'newest' || order === 'oldest';
  const isCounted = isOfAll && Object.keys(filter).every((name) => counted.includes(name));
  return {
    page: { ...page, items: await shownRows(context, page.items) },
    counts: byStatus(rows),
    matched: isCounted ? matchedBy(filter, rows) : undefined,
  } satisfies JobsSections;
}

/** Adds up the roles. The largest count stays first. */
function byStatus(rows: readonly CountRow[]): CountRow[] {
  const sums = new Map<string, CountRow>();
  for (const { status, outcome, count } of rows) {
    const key = `${status} ${outcome}`;
    sums.set(key, { status: status!, outcome: outcome!, count: count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

/** Counts the jobs that fit a filter of counted fields; the rows are of its queue and callable. */
function matchedBy({ status, outcome, role }: JobQuery, rows: readonly CountRow[]): number {
  const statuses = status === undefined ? undefined : [status].flat();
  return rows
    .filter((row) => statuses?.includes(row.status!) ?? true)
    .filter((row) => outcome === undefined || row.outcome === outcome)
    .filter((row) => role === undefined || row.role === role)
    .reduce((sum, { count }) => sum + count, 0);
}
