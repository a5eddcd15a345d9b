/** `callsheet status`: the runtime, its queues and what runs, on one screen. */

import type { StatRow } from '../../protocol/monitor.js';
import type { QueueStatus, QueuesPage, RunningJob, RuntimeStatus } from '../../protocol/status.js';
import { exitCodes } from '../exit.js';
import type { Output } from '../output.js';
import { placeField, placeName } from '../place.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { age, callableName, count, counted, duration, escaped, plain, queueName, size } from '../words.js';

const rateMs = 5 * 60_000;

/** The answers that the screen shows. */
export interface Snapshot {
  readonly status: RuntimeStatus;
  readonly queues: QueuesPage;
  readonly active: readonly RunningJob[];
  /** The sums of the last minutes, by queue and callable. A database has none of all its hosts. */
  readonly stats: readonly StatRow[] | undefined;
}

export async function snapshotOf({ callsheet, place }: Pick<Session, 'callsheet' | 'place'>): Promise<Snapshot> {
  const { monitor } = callsheet;
  const status = await monitor.status();
  const from = new Date(Date.parse(status.asOf) - rateMs);
  const asked = 'directory' in place ? monitor.stats({}, { from }) : undefined;
  const [queues, active, stats] = await Promise.all([monitor.queues(), monitor.active(), asked]);
  return { status, queues, active, stats };
}

export async function status(session: Session): Promise<number> {
  const { out, place, isLive } = session;
  const snapshot = await snapshotOf(session);
  if (out.isJson) {
    const { status, queues, active, stats } = snapshot;
    out.json({
      ...placeField(place),
      ...('directory' in place ? { id: status.id } : {}),
      isLive,
      ...(isLive && 'directory' in place ? status : ofRecords(status)),
      queueList: queues.items,
      moreQueues: queues.others,
      active,
      lastFiveMinutes: stats,
    });
    return exitCodes.done;
  }
  for (const line of headLines(snapshot, session)) out.line(line);
  out.line();
  out.table(snapshot.queues.items, queueColumns(snapshot, out));
  if (snapshot.queues.others > 0) out.line(`… ${counted(snapshot.queues.others, 'queue')} more`);
  if (snapshot.active.length === 0) return exitCodes.done;
  out.line();
  out.table(snapshot.active, activeColumns());
  return exitCodes.done;
}

/** The part of the status that records tell, without the process that reads them. */
const ofRecords = ({ asOf, jobs, queues, dispatchers }: RuntimeStatus) => ({ asOf, jobs, queues, dispatchers });

/** Returns the first lines: the place, the jobs, and the process that has the place, if one has. */
export function headLines({ status }: Snapshot, { place, isLive }: Pick<Session, 'place' | 'isLive'>): string[] {
  const name = escaped(placeName(place));
  const jobs = `jobs     ${jobCounts(status.jobs)}`;
  if (!isLive) return [`${name}: read from its journal`, jobs];
  if ('directory' in place) return runtimeLines(status, name, jobs);
  const { active, inactive } = status.dispatchers;
  return [`${name}: ${counted(active, 'dispatcher')} at work${inactive === 0 ? '' : `, ${inactive} not`}`, jobs];
}

function jobCounts(jobs: RuntimeStatus['jobs']): string {
  const counts = Object.entries(jobs).filter(([, number]) => number > 0);
  return counts.map(([name, number]) => `${count(number)} ${name}`).join(', ') || 'none';
}

function runtimeLines(status: RuntimeStatus, name: string, jobs: string): string[] {
  const { threads, turns, store } = status;
  const { longestSyncMs, lastSyncMs, diskBytes, freeBytes, takesWork } = store;
  const free = freeBytes === undefined ? '' : `, ${size(freeBytes)} free`;
  return [
    `${name}: ${status.state}, pid ${status.pid} on ${plain(status.host)} for ${age(status.opened, status.asOf)}, callsheet ${status.versions.callsheet}, ${counted(status.clients, 'client')}`,
    jobs,
    `threads  ${threads.running} of ${threads.size} run a job${threads.claimed > threads.running ? `, ${threads.claimed - threads.running} claimed` : ''}`,
    `store    ${size(diskBytes)}${free}, last sync ${duration(lastSyncMs)}, longest ${duration(longestSyncMs)}, longest turn ${duration(turns.longestMs)}${takesWork ? '' : ', THE DISK IS FULL: no job begins'}`,
  ];
}

export function queueColumns(snapshot: Snapshot, out: Output): readonly Column<QueueStatus>[] {
  const places = ({ name, size, keys, places }: QueueStatus['quotas'][number]) =>
    `${escaped(name)} ${places}/${size}${keys > 1 ? ` in ${keys} keys` : ''}`;
  return [
    { title: 'QUEUE', of: ({ name, paused }) => `${queueName(name)}${paused ? out.style('yellow', ' paused') : ''}` },
    { title: 'LINE', of: ({ length }) => count(length), right: true },
    { title: 'LATER', of: ({ later }) => count(later), right: true },
    { title: 'RUN', of: ({ running }) => count(running), right: true },
    { title: 'OLDEST', of: ({ oldestMs }) => (oldestMs === undefined ? '–' : duration(oldestMs)), right: true },
    ...rateColumns(snapshot),
    { title: 'QUOTAS', of: ({ quotas }) => quotas.map(places).join(', '), cut: true },
    { title: 'PROBLEM', of: ({ agents }) => plain(agents.map(({ problem }) => problem ?? '').join(' ')), cut: true },
  ];
}

function rateColumns({ stats, status }: Snapshot): readonly Column<QueueStatus>[] {
  if (stats === undefined) return [];
  const sum = (name: string, of: (row: StatRow) => number) =>
    stats.filter(({ queue }) => queue === name).reduce((all, row) => all + of(row), 0);
  const seconds = Math.min(rateMs, Math.max(1000, Date.parse(status.asOf) - Date.parse(status.opened))) / 1000;
  const rate = (title: string, of: (row: StatRow) => number): Column<QueueStatus> => ({
    title,
    of: ({ name }) => rateText(sum(name, of) / seconds),
    right: true,
  });
  return [
    rate('IN/S', ({ put }) => put),
    rate('OUT/S', ({ succeeded, failed }) => succeeded + failed),
    { title: 'FAILED/5M', of: ({ name }) => count(sum(name, ({ failed }) => failed)), right: true },
  ];
}

function rateText(rate: number): string {
  return rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : count(Math.round(rate));
}

export function activeColumns(): readonly Column<RunningJob>[] {
  return [
    { title: 'THREAD', of: ({ thread }) => thread?.toString() ?? '–', right: true },
    { title: 'RUNNING', of: ({ id }) => id },
    { title: 'CALLABLE', of: ({ callable }) => callableName(callable), cut: true },
    { title: 'FOR', of: ({ ranMs }) => (ranMs === undefined ? '–' : duration(ranMs)), right: true },
    { title: 'USUALLY', of: ({ expectedMs }) => (expectedMs === undefined ? '–' : duration(expectedMs)), right: true },
    { title: 'PROGRESS', of: ({ progress }) => progressText(progress), cut: true },
  ];
}

function progressText(progress: RunningJob['progress']): string {
  if (progress === undefined) return '';
  const { done, total, message } = progress;
  const part = total === undefined || total === 0 ? count(done) : `${Math.floor((100 * done) / total)}%`;
  return message === undefined ? part : `${part} ${plain(message)}`;
}
