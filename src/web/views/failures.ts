/** Failed jobs in groups. */
import type { FailureGroup, JobQuery } from '../../protocol/monitor.js';
import { filterFrom, numberFrom, sinceFrom } from './filter.js';
import type { Sections, ViewContext } from './view.js';

export interface ShownFailures {
  readonly groups: readonly FailureGroup[];
  readonly others: number;
  readonly complete: boolean;
}

export async function failures(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const filter = new URLSearchParams(query);
  filter.delete('since');
  const since = query.get('since');
  const limit = numberFrom(query, 'limit', 50, 1000);
  const asked = filterFrom(filter);
  return { failures: await failuresSince(context, since === null ? undefined : sinceFrom(since), limit, asked) };
}

/** Groups by error, callable and queue. The answer may be some seconds old. */
export function failuresSince(
  { callsheet, memo }: ViewContext,
  since: Date | undefined,
  limit: number,
  filter: JobQuery = {},
): Promise<ShownFailures> {
  const key = `failures ${since?.getTime()} ${limit} ${JSON.stringify(filter)}`;
  return memo.get(key, 3000, async () => {
    const { groups, others, complete } = await callsheet.monitor.failures({
      by: ['error', 'callable', 'queue'],
      filter,
      limit,
      ...(since === undefined ? {} : { since }),
    });
    const shown = groups.map((group) => ({ ...group, message: group.message?.slice(0, mostMessage) }));
    return { groups: shown, others, complete };
  });
}

const mostMessage = 500;
