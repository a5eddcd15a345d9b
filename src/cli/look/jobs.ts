/** `callsheet jobs`: lists jobs. */
import type { JobOrder, JobRow } from '../../protocol/monitor.js';
import { onlyName } from '../../protocol/name-pattern.js';
import { CommandError, exitCodes } from '../exit.js';
import { type FilterOptions, filterFrom } from '../filters.js';
import type { Session } from '../session.js';
import { jobColumns } from './columns.js';

export interface JobsOptions extends FilterOptions {
  readonly limit: number;
  readonly cursor?: string;
  readonly order: JobOrder;
  readonly withNext?: boolean;
}

const mostRows = 1000;

export async function jobs({ callsheet, out }: Session, options: JobsOptions): Promise<number> {
  const { limit, order } = options;
  if (order === 'claim' && (options.queue?.length !== 1 || onlyName(options.queue[0]!) === undefined))
    throw new CommandError(exitCodes.usage, '--order claim is the line of one queue: name it with --queue');
  const { queue, ...filter } = (await filterFrom(callsheet, options)) ?? {};
  const query = { ...filter, ...(queue === undefined ? {} : { queue: queue.length === 1 ? queue[0]! : queue }) };
  const found: JobRow[] = [];
  let { cursor } = options;
  let asOf = '';
  do {
    const most = Math.min(limit - found.length, mostRows);
    const page = await callsheet.monitor.jobs(query, {
      limit: most,
      order,
      ...(cursor === undefined ? {} : { cursor }),
    });
    cursor = page.next;
    asOf = page.asOf;
    found.push(...page.items);
  } while (cursor !== undefined && found.length < limit);
  out.rows(found, jobColumns(out, asOf), 'no job fits');
  if (cursor === undefined) return exitCodes.done;
  if (out.isJson && options.withNext) out.json({ $next: cursor });
  else out.note(`there may be more: --limit ${limit * 10}, or --json --with-next and --cursor`);
  return exitCodes.done;
}
