/** All queues, and one of them with its agents, quotas and next jobs. */
import type { Explanation } from '../../protocol/explanation.js';
import type { JobRow } from '../../protocol/monitor.js';
import type { Agent } from '../../runtime/dispatcher.js';
import type { Quota } from '../../runtime/queue.js';
import type { Runtime } from '../../runtime/runtime.js';
import { type QueueRows, queueRows } from './queue-rows.js';
import { runtimeOf } from './runtime-status.js';
import type { Sections, ViewContext } from './view.js';

export type ShownAgent = Omit<Agent, 'running' | 'retry'> & {
  readonly running: number;
  /** `true` if its size can be changed here without loss of its other settings. */
  readonly resizable: boolean;
};

export interface ShownQuota extends Omit<Quota, 'holders'> {
  readonly places: number;
  /** Of the first 100 holders, by key; jobs without a key have `''`. */
  readonly keys: readonly { readonly key: string; readonly jobs: readonly string[] }[];
}

export interface NextJob {
  readonly row: JobRow;
  readonly summary: string;
  readonly reasons: Explanation['reasons'];
}

export interface QueuesSections {
  readonly queues: QueueRows;
  readonly agents?: readonly ShownAgent[];
  readonly quotas?: readonly ShownQuota[];
  readonly next?: readonly NextJob[];
}

const most = { queues: 200, next: 20, holders: 100 };

export async function queues(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const { callsheet } = context;
  const now = Date.parse((await runtimeOf(context)).asOf);
  const name = query.get('name');
  const rows = await queueRows(context, now, most.queues);
  if (name === null) return { queues: rows };
  const queue = callsheet.queue(name);
  const [agents, quotas, next] = await Promise.all([
    queue.agents(),
    queue.quotas(),
    callsheet.monitor.next(name, { limit: most.next }),
  ]);
  return {
    queues: rows,
    agents: agents.map(shownAgent),
    quotas: await Promise.all(quotas.map((quota) => shownQuota(context, name, quota))),
    next: (await Promise.all(next.map((row) => explained(callsheet, row)))).filter((one) => one !== undefined),
  } satisfies QueuesSections;
}

function shownAgent({ running, retry, ...agent }: Agent): ShownAgent {
  const isPlain = agent.chooser === undefined && agent.filter?.by === undefined && Object.keys(retry).length === 0;
  return { ...agent, running: running.length, resizable: isPlain };
}

async function shownQuota(
  { callsheet, memo }: ViewContext,
  queue: string,
  { holders, ...quota }: Quota,
): Promise<ShownQuota> {
  const keys = await memo.get(`holders ${JSON.stringify([queue, quota.name])}`, 2000, async () => {
    const found = new Map<string, string[]>();
    for (const id of holders.slice(0, most.holders)) {
      const details = await callsheet
        .job(id)
        .details()
        .catch(() => undefined);
      const key = details?.quotas.find(({ name }) => name === quota.name)?.key ?? '';
      found.set(key, [...(found.get(key) ?? []), id]);
    }
    return Array.from(found, ([key, jobs]) => ({ key, jobs }));
  });
  return { ...quota, places: holders.length, keys };
}

/** A job may begin, or be forgotten, before it is explained. */
async function explained(callsheet: Runtime, row: JobRow): Promise<NextJob | undefined> {
  try {
    const { summary, reasons } = await callsheet.monitor.explain(row.id);
    return { row, summary, reasons };
  } catch {
    return undefined;
  }
}
