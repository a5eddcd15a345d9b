/** Queues with their rates. */
import type { QueueStatus } from '../../protocol/status.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { ViewContext } from './view.js';

export interface Rates {
  /** Puts and ends in a second, in the last whole minute and the present one. */
  readonly in: number;
  readonly out: number;
}

export type ShownQueue = Omit<QueueStatus, 'oldestMs' | 'agents' | 'quotas'> & {
  /** The time since which the job that waits longest could begin, in milliseconds. */
  readonly oldestSince: number | undefined;
  readonly rates: Rates | undefined;
};

export interface QueueRows {
  readonly items: readonly ShownQueue[];
  readonly others: number;
}

const minuteMs = 60_000;

/** Returns the first queues. */
export async function queueRows({ callsheet, memo }: ViewContext, now: number, limit: number): Promise<QueueRows> {
  const { items, others } = await callsheet.monitor.queues({ limit });
  const rates = await memo.get('rates', 5000, () => queueRates(callsheet, now));
  const rows = items.map(
    ({ oldestMs, agents: _, quotas: __, ...queue }): ShownQueue => ({
      ...queue,
      oldestSince: oldestMs === undefined ? undefined : Math.round((now - oldestMs) / 1000) * 1000,
      rates: rates.get(queue.name),
    }),
  );
  return { items: rows, others };
}

async function queueRates(callsheet: Runtime, now: number): Promise<ReadonlyMap<string, Rates>> {
  const from = Math.floor(now / minuteMs) * minuteMs - minuteMs;
  const rows = await callsheet.monitor.stats({}, { by: ['queue'], from: new Date(from) });
  const seconds = Math.max(1, (now - from) / 1000);
  const perSecond = (count: number) => Number((count / seconds).toPrecision(2));
  return new Map(
    rows.map(({ queue, put, succeeded, failed, cancelled, expired }) => [
      queue,
      { in: perSecond(put), out: perSecond(succeeded + failed + cancelled + expired) },
    ]),
  );
}
