/** The running jobs. */
import type { RunningJob } from '../../protocol/status.js';
import type { Runtime } from '../../runtime/runtime.js';

export type ShownRun = Omit<RunningJob, 'ranMs' | 'dispatcher'>;

export interface RunRows {
  readonly items: readonly ShownRun[];
  readonly others: number;
}

/** The running jobs, those that run longest first. */
export async function activeRows(callsheet: Runtime, limit: number): Promise<RunRows> {
  const rows = [...(await callsheet.monitor.active())];
  rows.sort((a, b) => ((a.started ?? '9') < (b.started ?? '9') ? -1 : 1));
  const items = rows.slice(0, limit).map(({ ranMs: _, dispatcher: __, ...run }) => run);
  return { items, others: rows.length - items.length };
}
