/** The metrics of a runtime. */
import type { DurationTotals, KindTotals } from '../protocol/monitor.js';
import type { QueueStatus } from '../protocol/status.js';
import type { Runtime } from '../runtime/runtime.js';
import { type Buckets, type Labels, OpenMetrics } from './open-metrics.js';

const counters: readonly (readonly [field: keyof KindTotals & string, help: string])[] = [
  ['put', 'Jobs put.'],
  ['started', 'Runs that are over. A job that ends without one, as a composition can, adds none.'],
  ['succeeded', 'Jobs that succeeded.'],
  ['failed', 'Jobs that failed, without the cancelled and the expired ones.'],
  ['cancelled', 'Jobs that were cancelled.'],
  ['expired', 'Jobs that did not begin before their deadline.'],
  ['retried', 'Runs whose error led to another run.'],
  ['interrupted', 'Runs that lost their thread or process.'],
];
/** Queues beyond these are summed up as `*`. */
const mostQueues = 200;
/** Classes of durations: 1 ms, 3 ms and so on to about 70 minutes. */
const classes = { first: 1, last: 22 };

/**
 * Returns the metrics of a runtime as text of OpenMetrics 1.0, for a route of your own; the page
 * has them at `metrics`. Counters count since the runtime was opened. Labels are bounded: no ids,
 * no keys, at most 200 queues and 200 pairs of queue and callable; others have `*`.
 *
 * @example
 * app.get('/metrics', async (request, response) => {
 *   response.type('application/openmetrics-text; version=1.0.0').send(await metrics(callsheet));
 * });
 */
export async function metrics(callsheet: Runtime): Promise<string> {
  const { monitor } = callsheet;
  const [totals, status, queues, counts, schedules] = await Promise.all([
    monitor.totals(),
    monitor.status(),
    monitor.queues({ limit: mostQueues }),
    monitor.counts({}, { by: ['queue', 'status'] }),
    callsheet.schedules(),
  ]);
  const text = new OpenMetrics();
  const { versions, threads, turns, store } = status;
  text.info('callsheet', 'The runtime.', { version: versions.callsheet, node: versions.node, id: status.id });
  for (const [field, help] of counters)
    text.counter(
      `callsheet_jobs_${field}`,
      help,
      totals.kinds.map((kind) => [labelsOf(kind), kind[field] as number]),
    );
  const durations = (of: 'wait' | 'run') => totals.kinds.map((kind) => [labelsOf(kind), bucketsOf(kind[of])] as const);
  text
    .histogram('callsheet_wait_seconds', 'From when a root could begin to its start.', durations('wait'))
    .histogram('callsheet_run_seconds', 'The last run of each job.', durations('run'))
    .gauge('callsheet_jobs', 'Remembered jobs by status.', jobsByStatus(counts));
  const queueGauge = (name: string, help: string, read: (queue: QueueStatus) => number | undefined) =>
    text.gauge(
      name,
      help,
      queues.items.map((queue) => [{ queue: queue.name }, read(queue)]),
    );
  queueGauge('callsheet_queue_due', 'Jobs in line.', ({ length }) => length);
  queueGauge('callsheet_queue_later', 'Jobs that wait for a date.', ({ later }) => later);
  queueGauge('callsheet_queue_running', 'Running jobs.', ({ running }) => running);
  queueGauge('callsheet_queue_paused', '1 if it is paused.', ({ paused }) => (paused ? 1 : 0));
  queueGauge('callsheet_oldest_pending_age_seconds', 'The longest wait of a job in line.', ({ oldestMs }) =>
    seconds(oldestMs ?? 0),
  );
  const agents = queues.items.flatMap((queue) => queue.agents.map((agent) => ({ queue: queue.name, ...agent })));
  const agentLabels = ({ queue, name, dispatcher }: (typeof agents)[number]) => ({ queue, agent: name, dispatcher });
  const quotas = queues.items.flatMap((queue) => queue.quotas.map((quota) => ({ queue: queue.name, ...quota })));
  const quotaLabels = ({ queue, name }: (typeof quotas)[number]) => ({ queue, quota: name });
  return text
    .gauge(
      'callsheet_agent_size',
      'The most jobs of an agent.',
      agents.map((one) => [agentLabels(one), one.size]),
    )
    .gauge(
      'callsheet_agent_used',
      'Jobs of an agent.',
      agents.map((one) => [agentLabels(one), one.used]),
    )
    .gauge(
      'callsheet_quota_size',
      'The limit of each key.',
      quotas.map((one) => [quotaLabels(one), one.size]),
    )
    .gauge(
      'callsheet_quota_taken',
      'Places taken, of all keys.',
      quotas.map((one) => [quotaLabels(one), one.places]),
    )
    .gauge('callsheet_threads', 'Threads.', [
      [{ state: 'running' }, threads.running],
      [{ state: 'idle' }, Math.max(0, threads.size - threads.running)],
    ])
    .counter('callsheet_thread_busy_seconds', 'Time in which threads ran jobs.', [[{}, seconds(totals.busyMs)]])
    .gauge('callsheet_turn_mean_seconds', 'Turns of the coordinator in the last minute or two.', [
      [{}, seconds(turns.meanMs)],
    ])
    .gauge('callsheet_turn_longest_seconds', 'The longest of these turns.', [[{}, seconds(turns.longestMs)]])
    .gauge('callsheet_last_sync_seconds', 'The last sync of the journal.', [[{}, seconds(store.lastSyncMs)]])
    .counter('callsheet_commits', 'Group commits.', [[{}, store.frames]])
    .counter('callsheet_syncs', 'Syncs of the journal.', [[{}, store.syncs]])
    .counter('callsheet_written_bytes', 'Bytes written to the journal.', [[{}, store.bytesWritten]])
    .counter('callsheet_snapshots', 'Snapshots.', [[{}, store.snapshots]])
    .gauge('callsheet_last_snapshot_seconds', 'The last snapshot, beside other work.', [
      [{}, seconds(store.lastSnapshotMs)],
    ])
    .gauge('callsheet_journal_bytes', 'The size of the journal on the disk.', [[{}, store.diskBytes]])
    .gauge('callsheet_disk_free_bytes', 'Free on the file system of the journal.', [[{}, store.freeBytes]])
    .gauge('callsheet_takes_work', '0 while the disk is full.', [[{}, store.takesWork ? 1 : 0]])
    .gauge('callsheet_clients', 'Clients in other processes.', [[{}, status.clients]])
    .counter(
      'callsheet_schedule_missed',
      'Ticks of a schedule that did not run.',
      schedules.slice(0, mostQueues).map(({ name, missedCount }) => [{ schedule: name }, missedCount]),
    )
    .toString();
}

const labelsOf = ({ queue, callable }: KindTotals): Labels => ({ queue, callable });
const seconds = (ms: number) => ms / 1000;

function bucketsOf({ count, sumMs, upTo }: DurationTotals): Buckets {
  const shown = upTo
    .map((there, index) => [seconds(2 ** index - 1), there] as const)
    .slice(classes.first, classes.last + 1);
  return { count, sum: seconds(sumMs), upTo: shown };
}

function jobsByStatus(
  counts: readonly { readonly queue?: string; readonly status?: string; readonly count: number }[],
): (readonly [Labels, number])[] {
  const names = new Set(
    Array.from(counts, ({ queue }) => queue!)
      .sort()
      .slice(0, mostQueues),
  );
  const sums = new Map<string, { readonly labels: Labels; count: number }>();
  for (const { queue = '', status = '', count } of counts) {
    const labels = { queue: names.has(queue) ? queue : '*', status };
    const key = JSON.stringify(labels);
    const sum = sums.get(key) ?? { labels, count: 0 };
    sum.count += count;
    sums.set(key, sum);
  }
  return Array.from(sums.values(), ({ labels, count }) => [labels, count]);
}
