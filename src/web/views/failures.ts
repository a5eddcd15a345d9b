/** Failed jobs in groups. */
import type { FailureGroup, JobQuery } from '../../protocol/monitor.js';
import { filterFrom, numberFrom, sinceFrom } from './filter.js';
import type { Sections, ViewContext } from './view.js';

export interface ShownFailures {
  readonly groups: readonly FailureGroup[];
  readonly others: number;
  readonly complete: boolean;
  /** The steps of time in which the jobs of a group are counted, and the begin of the first one. */
  readonly stepMs: number;
  readonly from: string | undefined;
}

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
/** About as many steps are shown. */
const steps = 24;

export async function failures(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const filter = new URLSearchParams(query);
  filter.delete('since');
  const since = query.get('since');
  const limit = numberFrom(query, 'limit', 50, 1000);
  const asked = filterFrom(filter);
  return { failures: await failuresSince(context, since === null ? undefined : sinceFrom(since), limit, asked) };
}

/** Groups by error, its place, callable and queue. The answer may be some seconds old. */
export function failuresSince(
  { callsheet, memo }: ViewContext,
  since: Date | undefined,
  limit: number,
  filter: JobQuery = {},
): Promise<ShownFailures> {
  const key = `failures ${since?.getTime()} ${limit} ${JSON.stringify(filter)}`;
  return memo.get(key, 3000, async () => {
    const stepMs =
      since === undefined ? dayMs : Math.ceil(Math.max(1, Date.now() - since.getTime()) / steps / minuteMs) * minuteMs;
    const { groups, others, complete } = await callsheet.monitor.failures({
      by: ['error', 'frame', 'callable', 'queue'],
      stepMs,
      filter,
      limit,
      ...(since === undefined ? {} : { since }),
    });
    const shown = groups.map((group) => ({ ...group, message: group.message?.slice(0, mostMessage) }));
    return { groups: shown, others, complete, stepMs, from: since?.toISOString() };
  });
}

const mostMessage = 500;
