/** The state of this runtime, its queues and its running jobs. */
import { hostname } from 'node:os';
import { idToText } from '../../codec/id.js';
import { queueOf } from '../../core/queue.js';
import {
  type AgentRecord,
  agentDispatcher,
  agentKey,
  agentName,
  type JobRecord,
  type JobStatus,
  jobStatuses,
  type QuotaRecord,
} from '../../core/records.js';

import { type Tally, tallyCells } from '../../core/state/tallies.js';
import type { View } from '../../core/state/view.js';
import { nameMatcher } from '../../protocol/name-pattern.js';
import { progressName } from '../../protocol/progress.js';
import type {
  AgentStatus,
  QueueStatus,
  QueuesPage,
  QuotaStatus,
  RuntimeStatus,
  StatusQuery,
  ThreadsReport,
  ThreadWork,
  WireRunningJob,
} from '../../protocol/status.js';
import type { Records } from '../../store/store.js';
import type { Runs } from '../claiming/runs.js';
import type { Context } from '../context.js';
import type { Inquiry } from '../inquiries.js';
import type { Parts } from '../parts.js';
import type { RecentTimes } from '../recent-times.js';
import type { Statistics } from '../statistics/statistics.js';
import { ownVersion } from '../version.js';
import { isoTime } from './job-rows.js';

export interface StatusContext extends Pick<Context, 'store' | 'dispatcher' | 'now' | 'monotonic'> {
  readonly records: Records;
  readonly runs: Pick<Runs, 'pool' | 'expectedMs' | 'expectations' | 'awaitedInside' | 'threadTimes'>;
  readonly agentQuestions: Pick<Parts['agentQuestions'], 'problemOf'>;
  readonly bounded: Pick<Parts['bounded'], 'count'>;
  readonly callers: Pick<Parts['callers'], 'others'>;
  readonly claimsNot: () => 'closing' | 'inactive' | undefined;
  readonly turns: RecentTimes;
  readonly statistics: Pick<Statistics, 'notePending'>;
  readonly openedAt: number;
}

export function statusOf(context: StatusContext, query: StatusQuery): Inquiry<unknown> {
  switch (query.type) {
    case 'active':
      return active(context);
    case 'queueStatus':
      return queues(context, query);
    case 'threads':
      return threads(context, query.since);
    case 'status':
      return status(context);
  }
}

const mostExpected = 1000;

/** The work of the threads of this process. */
function* threads({ runs, now }: StatusContext, since: number): Inquiry<ThreadsReport> {
  const { threadTimes } = runs;
  const found: ThreadWork[] = [];
  for (const [thread, spans] of threadTimes.since(since)) {
    yield;
    const shown = spans.map(({ from, to, job, ...span }) => ({
      ...{ from: isoTime(from)!, to: isoTime(to)!, job: idToText(job) },
      ...span,
    }));
    found.push({ thread, spans: shown });
  }
  const ended = threadTimes.ended.map(({ thread, at, error, message, job, callable, attempt }) => ({
    ...{ thread: thread || undefined, at: isoTime(at)!, error, message },
    ...{ job: job === '' ? undefined : idToText(job), callable: callable || undefined, attempt: attempt || undefined },
  }));
  const usage = runs.pool.usage?.() ?? [];
  const expected = Array.from(runs.expectations, ([callable, ms]) => ({ callable, ms })).slice(0, mostExpected);
  return { threads: found, usage, expected, ended, asOf: isoTime(now())! };
}

/** The running jobs: of this process by its threads, of others by the starts that are recorded. */
function* active(context: StatusContext): Inquiry<WireRunningJob[]> {
  const { records, dispatcher, runs } = context;
  const { view } = records;
  const rows: WireRunningJob[] = [];
  for (const { thread, run } of runs.pool.running()) {
    const job = view.job(run.job);
    if (job !== undefined) rows.push(runningRow(context, job, thread));
  }
  for (const agent of view.busyAgents()) {
    yield;
    if (agentDispatcher(agent) === dispatcher) continue;
    for (const job of view.running(agent)) if (job.claimed && job.begun) rows.push(runningRow(context, job, undefined));
  }
  return rows;
}

function runningRow({ records, now, runs }: StatusContext, job: JobRecord, thread: number | undefined): WireRunningJob {
  const { id, callable, queue, agent, attempts, begun, lastStartAt, timeoutMs, cancelled } = job;
  const expectedMs = runs.expectedMs(callable);
  const progress = records.view.annotation(id, progressName)?.value;
  return {
    ...{ id: idToText(id), callable, queue, agent: agentName(agent), thread, cancelled },
    dispatcher: idToText(agentDispatcher(agent)),
    attempt: attempts + (begun ? 0 : 1),
    started: begun ? isoTime(lastStartAt) : undefined,
    ranMs: begun ? Math.max(0, now() - lastStartAt) : undefined,
    expectedMs: Number.isFinite(expectedMs) ? expectedMs : undefined,
    timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
    awaits: runs.awaitedInside(id).map(idToText),
    progress: progress && records.bytes(progress),
  };
}

/** Places that are taken, by queue and quota. */
type Taken = ReadonlyMap<string, ReadonlyMap<string, { keys: number; places: number }>>;

function* queues(
  context: StatusContext,
  { queue: names, limit }: Extract<StatusQuery, { type: 'queueStatus' }>,
): Inquiry<QueuesPage> {
  const { records, now } = context;
  const { view } = records;
  const { version } = view;
  const isAsked = nameMatcher(names);
  const found = isAsked('') ? [''] : [];
  for (const setting of view.settings()) {
    if (setting.kind === 'queue' && setting.name !== '' && isAsked(setting.name)) found.push(setting.name);
    yield;
  }
  const taken = yield* placesTaken(view);
  const items: QueueStatus[] = [];
  for (const name of found.slice(0, limit)) {
    const since = yield* oldestSince(view, name);
    // The queue may be gone.
    if (queueOf(view, name) !== undefined) items.push(queueStatus(context, name, since, taken));
  }
  const others = Math.max(0, found.length - limit);
  return { items, others, asOf: isoTime(now())!, exact: view.version === version };
}

function* placesTaken(view: View): Generator<unknown, Taken> {
  const taken = new Map<string, Map<string, { keys: number; places: number }>>();
  for (const { queue, quota, places } of view.takenPlaces()) {
    yield;
    const ofQueue = taken.get(queue) ?? new Map<string, { keys: number; places: number }>();
    taken.set(queue, ofQueue);
    const of = ofQueue.get(quota) ?? { keys: 0, places: 0 };
    ofQueue.set(quota, of);
    of.keys++;
    of.places += places;
  }
  return taken;
}

/** Returns since when a job in line could have begun; 0 for none. */
function* oldestSince(view: View, queue: string): Generator<unknown, number> {
  let oldest = 0;
  for (const { putAt, beginAfter } of view.laneHeads(queue)) {
    const since = Math.max(putAt, beginAfter);
    if (oldest === 0 || since < oldest) oldest = since;
    yield;
  }
  return oldest;
}

function queueStatus(context: StatusContext, name: string, since: number, taken: Taken): QueueStatus {
  const { records, bounded, now } = context;
  const { view } = records;
  const { paused, pausedAt, bound } = queueOf(view, name)!;
  const settings = [...view.settingsOf(name)];
  return {
    ...{ name, length: view.queued(name), later: view.scheduled(name), running: view.atWork(name) },
    unfinished: view.unfinished(name),
    ...{ paused, pausedSince: isoTime(pausedAt) },
    bound: bound === 0 ? undefined : bound,
    putsWaiting: bounded.count(name),
    oldestMs: since === 0 ? undefined : Math.max(0, now() - since),
    agents: settings.filter((one) => one.kind === 'agent').map((agent) => agentStatus(context, agent)),
    quotas: settings
      .filter((one) => one.kind === 'quota')
      .map((quota) => quotaStatus(quota, taken.get(name)?.get(quota.name))),
  };
}

function agentStatus({ records, agentQuestions }: StatusContext, agent: AgentRecord): AgentStatus {
  const { dispatcher, queue, name, size, filter } = agent;
  const used = records.view.running(agentKey(dispatcher, queue, name)).size;
  return {
    name,
    dispatcher: idToText(dispatcher),
    size,
    used,
    filter,
    problem: agentQuestions.problemOf(agent)?.message,
  };
}

function quotaStatus(
  { name, size, rate, ratePeriodMs }: QuotaRecord,
  { keys, places } = { keys: 0, places: 0 },
): QuotaStatus {
  return { name, size, rate: rate === 0 ? undefined : { count: rate, periodMs: ratePeriodMs }, keys, places };
}

/** All but the time of the answer, which the client measures. */
function* status(context: StatusContext): Inquiry<Omit<RuntimeStatus, 'answerMs'>> {
  const { store, statistics, records, dispatcher, now, monotonic, runs, callers, claimsNot, turns, openedAt } = context;
  const { view } = records;
  const jobs = Object.fromEntries(jobStatuses.map((one) => [one, 0])) as Record<JobStatus, number>;
  const tallies: Tally[] = [];
  for (const tally of view.tallies()) {
    yield;
    tallies.push(tally);
    const { counts } = tally;
    for (const [index, count] of counts.entries()) {
      const cell = tallyCells[index];
      if (cell !== undefined) jobs[cell.status] += count;
    }
  }
  let queues = 1;
  const dispatchers = { active: 0, inactive: 0 };
  for (const setting of view.settings()) {
    yield;
    if (setting.kind === 'queue' && setting.name !== '') queues++;
    if (setting.kind === 'dispatcher') dispatchers[setting.active ? 'active' : 'inactive']++;
  }
  if (!store.isExclusive) statistics.notePending(tallies);
  const { pool } = runs;
  return {
    id: idToText(dispatcher),
    state: claimsNot() ?? 'running',
    ...{ opened: isoTime(openedAt)!, asOf: isoTime(now())!, pid: process.pid, host: hostname() },
    versions: { callsheet: ownVersion(), node: process.versions.node },
    ...{ clients: callers.others, queues, dispatchers, jobs },
    threads: { size: pool.size, most: pool.mostThreads, running: pool.running().length, claimed: pool.out },
    turns: turns.of(monotonic()),
    store: { takesWork: store.takesWork, ...store.figures },
  };
}
