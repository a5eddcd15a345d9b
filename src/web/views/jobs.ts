/** A list of jobs that fit a filter, in pages. */
import { type CountRow, type JobOrder, type JobPage, jobOrders } from '../../protocol/monitor.js';
import { HttpError } from '../http-error.js';
import { filterFrom, numberFrom } from './filter.js';
import type { Sections, ViewContext } from './view.js';

export interface JobsSections {
  readonly page: JobPage;
  /** Jobs by status and outcome, of the queue and callable of the filter. */
  readonly counts: readonly CountRow[];
}

export async function jobs({ callsheet }: ViewContext, query: URLSearchParams): Promise<Sections> {
  const filter = filterFrom(query);
  const order = (query.get('order') ?? 'newest') as JobOrder;
  if (!jobOrders.includes(order))
    throw new HttpError(400, 'BAD_PARAMETER', `order must be one of ${jobOrders.join(', ')}`);
  const cursor = query.get('cursor');
  const limit = numberFrom(query, 'limit', 50, 1000);
  const { queue, callable } = filter;
  const kind = { ...(queue === undefined ? {} : { queue }), ...(callable === undefined ? {} : { callable }) };
  const [page, counts] = await Promise.all([
    callsheet.monitor.jobs(filter, { limit, order, ...(cursor === null ? {} : { cursor }) }),
    callsheet.monitor.counts(kind, { by: ['status', 'outcome'] }),
  ]);
  return { page, counts } satisfies JobsSections;
}
