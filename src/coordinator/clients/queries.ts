/** The answers to queries of clients and running jobs. Queries only read the view. */

import { mainAgent } from '../../core/agent.js';
import { pingsOf } from '../../core/dispatchers.js';
import { countItems } from '../../core/map.js';
import { policyOf } from '../../core/policy.js';
import { queueNames, requireQueue } from '../../core/queue.js';
import {
  type AgentRecord,
  agentDispatcher,
  agentKey,
  agentName,
  type Id,
  type JobRecord,
  nobody,
  quotaName,
  type ScheduleRecord,
  type SettingRecord,
} from '../../core/records.js';
import { requireSchedule, scheduleOf, tickOf } from '../../core/schedules.js';
import { dateOf } from '../../core/state/indices.js';
import type { View } from '../../core/state/view.js';
import { JobStatusError, UnknownAgentError } from '../../errors.js';
import type { JobInfo } from '../../protocol/job-info.js';
import type {
  AgentInfo,
  DispatcherInfo,
  LinePage,
  Query,
  QueueInfo,
  QuotaInfo,
  ScheduleInfo,
  TickInfo,
  WalkingQuery,
} from '../../protocol/messages.js';
import type { StatusQuery } from '../../protocol/status.js';
import type { Records } from '../../store/store.js';
import type { Build } from '../claiming/build.js';
import { pieceOf } from '../claiming/outcome-bytes.js';
import type { Runs } from '../claiming/runs.js';
import type { Context } from '../context.js';
import type { Inquiry } from '../inquiries.js';
import type { Parts } from '../parts.js';
import type { AgentQuestions } from '../questions/agent-questions.js';
import type { QuestionsPort } from '../questions/questions-port.js';
import type { Statistics } from '../statistics/statistics.js';
import type { BoundedQueues } from './bounded-queues.js';
import { type ExplainingContext, explain } from './explaining.js';
import { countJobs } from './job-counts.js';
import { monitoring } from './monitoring.js';
import { requireJob } from './remembered.js';
import { type StatusContext, statusOf } from './status.js';

/** The parts of the coordinator that a query may read. */
export interface QueryContext extends Pick<Context, 'store' | 'dispatcher' | 'now'> {
  readonly records: Records;
  isRunning(job: Id): boolean;
  readonly agentQuestions: Pick<AgentQuestions, 'awaitedBy' | 'problemOf'>;
  readonly build: Pick<Build, 'lacksFor'>;
  readonly bounded: Pick<BoundedQueues, 'count'>;
}

const walkingTypes: ReadonlySet<string> = new Set<WalkingQuery['type']>([
  'line',
  'jobs',
  'fullJob',
  'parts',
  'explain',
  'active',
  'queueStatus',
  'threads',
  'status',
  'failures',
  'counts',
  'bulkCount',
  'stats',
  'functions',
  'totals',
]);

export const isWalking = (query: Query | WalkingQuery): query is WalkingQuery => walkingTypes.has(query.type);

const statusTypes: ReadonlySet<string> = new Set<StatusQuery['type']>(['active', 'queueStatus', 'threads', 'status']);

const isStatusQuery = (query: WalkingQuery): query is StatusQuery => statusTypes.has(query.type);

type InquiryContext = Omit<QueryContext, 'isRunning' | 'build' | 'agentQuestions'> &
  ExplainingContext &
  StatusContext &
  Pick<Parts, 'build' | 'agentQuestions'> & {
    readonly statistics: Statistics;
    readonly runs: Pick<Runs, 'history' | 'lines'>;
    readonly questions: QuestionsPort;
  };

export function inquiryFor(context: InquiryContext, query: WalkingQuery): Inquiry<unknown> {
  const { records, now, statistics, questions } = context;
  if (query.type === 'line') return linePage(records.view, query);
  const threadOf = (job: Id) => context.runs.pool.threadOf(job);
  const infoOf = (job: JobRecord) => jobInfo({ ...context, isRunning: (id) => threadOf(id) !== undefined }, job);
  if (query.type === 'explain') return explain(context, query.job);
  if (isStatusQuery(query)) return statusOf(context, query);
  const pastRuns = (job: Id) => context.runs.history.of(job);
  const linesOf = (job: Id) => context.runs.lines.of(job);
  const { threadTimes } = context.runs;
  const own = { infoOf, threadOf, pastRuns, linesOf };
  return monitoring({ records, now, statistics, threadTimes, questions, ...own }, query);
}

export function answer(context: QueryContext, query: Query): unknown {
  const { view } = context.records;
  switch (query.type) {
    case 'job':
      return jobInfo(context, requireJob(view, query.job));
    case 'arguments': {
      const { args } = requireJob(view, query.job);
      return args === null ? null : context.records.bytes(args);
    }
    case 'annotations':
      requireJob(view, query.job);
      return Object.fromEntries(
        view.annotationsOf(query.job).map(({ name, value }) => [name, context.records.bytes(value)]),
      );
    case 'completed':
      return pieceOf(context.records, requireJob(view, query.job), query.from, query.reader);
    case 'queues':
      return queueNames(view);
    case 'queue':
      return queueInfo(context, query.queue);
    case 'quotas':
      return quotas(view, query.queue);
    case 'agents':
      requireQueue(view, query.queue);
      return agents(context, view.settingsOf(query.queue), () => true);
    case 'completedBy': {
      const key = agentKey(query.dispatcher, query.queue, query.name);
      if (view.setting(key) === undefined)
        throw new UnknownAgentError(`there is no agent named ${JSON.stringify(query.name)}`);
      return view
        .completedBy(key)
        .filter(({ completedAt }) => completedAt >= query.from && completedAt < query.to)
        .slice(0, query.limit)
        .map(({ id }) => id);
    }
    case 'dispatchers':
      return dispatchers(context);
    case 'schedules':
      return schedules(view, query.name);
    case 'tick':
      return tickInfo(view, requireJob(view, query.job));
    case 'figures':
      return { ...context.store.figures, jobs: countJobs(view).jobs };
  }
}

function schedules(view: View, name: string | undefined): ScheduleInfo[] {
  if (name !== undefined) return [scheduleInfo(requireSchedule(view, name))];
  const found: ScheduleInfo[] = [];
  for (const setting of view.settings()) if (setting.kind === 'schedule') found.push(scheduleInfo(setting));
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function scheduleInfo(there: ScheduleRecord): ScheduleInfo {
  const { kind: _kind, template: _template, series: _series, digest: _digest, zones: _zones, ...info } = there;
  return info;
}

function tickInfo(view: View, job: JobRecord): TickInfo | null {
  let root = job;
  while (root.parent !== '') root = requireJob(view, root.parent);
  const tick = tickOf(root);
  if (tick === undefined) return null;
  const there = scheduleOf(view, tick.name);
  const missed = there?.lastAt === tick.at ? there.lastMissed : 0;
  return { ...tick, previousSuccess: there?.successAt ?? 0, missed };
}

/** Returns the job if it is a map: only a map can be fed. */
export function requireMap(view: View, id: Id): JobRecord {
  const job = requireJob(view, id);
  if (job.form !== 'map') throw new JobStatusError('the job is not a map, so it takes no items');
  return job;
}

/** Finds a page of a queue's line. */
function* linePage(
  view: View,
  { queue, skip, count, after }: Extract<WalkingQuery, { type: 'line' }>,
): Inquiry<LinePage> {
  requireQueue(view, queue);
  const jobs: Id[] = [];
  let left = skip;
  for (const job of view.line(queue, after)) {
    if (job !== undefined && left-- <= 0) {
      jobs.push(job.id);
      const { dueAt, priority, front, alone, eligible, id } = job;
      if (jobs.length === count) return { jobs, last: { dueAt, priority, front, alone, eligible, id } };
    }
    yield;
  }
  return { jobs, last: undefined };
}

function jobInfo(context: QueryContext, job: JobRecord): JobInfo {
  const { records, isRunning } = context;
  return {
    owner: job.owner,
    status: job.status === 'assigned' && isRunning(job.id) ? 'active' : job.status,
    callable: job.callable,
    unknownCallable: context.build.lacksFor(job),
    queue: job.queue,
    agent: agentName(job.agent),
    dispatcher: agentDispatcher(job.agent) === nobody ? '' : agentDispatcher(job.agent),
    level: job.level,
    priority: job.priority,
    timeoutMs: job.timeoutMs,
    unique: job.unique,
    policy: policyOf(records.view, job, job.agent || agentKey(context.dispatcher, job.queue, mainAgent)),
    awaits: awaitsOf(context, job),
    quotas: job.quotas,
    inner: job.inner,
    retryOf: job.retryOf,
    retriedBy: job.retriedBy,
    ...partsOf(records.view, job),
    open: job.open && job.outcome === 'none',
    callbacks: job.callbacks,
    callbacksDone: job.callbacksDone,
    attempts: job.attempts,
    errors: job.errors,
    interruptions: job.interruptions,
    putAt: job.putAt,
    beginAfter: job.beginAfter,
    dueAt: dateOf(job),
    deadline: job.deadline,
    firstStartAt: job.firstStartAt,
    lastStartAt: job.lastStartAt,
    endAt: job.endAt,
    completedAt: job.completedAt,
  };
}

/** Returns the functions whose answers the job waits for. */
function awaitsOf({ records, agentQuestions }: QueryContext, job: JobRecord): JobInfo['awaits'] {
  if (job.stage === 'policy' && job.asked !== null) {
    const { policy, askedAt, problem } = job.asked;
    return [{ callable: policy, agent: '', since: askedAt, problem, againAt: job.dueAt }];
  }
  return agentQuestions.awaitedBy(records.view, job).map(({ agent, ...waits }) => ({ agent: agent.name, ...waits }));
}

/** Returns a map's items as its parts: its chunks are internal. */
function partsOf(view: View, job: JobRecord): Pick<JobInfo, 'parts' | 'partsDone'> {
  if (job.form !== 'map') return { parts: job.parts, partsDone: job.partsDone };
  const { taken, done } = countItems(view, job);
  return { parts: taken, partsDone: done };
}

function queueInfo({ records: { view }, bounded }: QueryContext, name: string): QueueInfo {
  const { paused, bound } = requireQueue(view, name);
  const length = view.queued(name) + view.scheduled(name);
  return { name, length, unfinished: view.unfinished(name), paused, bound, putsWaiting: bounded.count(name) };
}

/** Returns the quotas of a queue. A keyed quota holds the jobs of all its keys. */
function quotas(view: View, queue: string): QuotaInfo[] {
  requireQueue(view, queue);
  const found: QuotaInfo[] = [];
  for (const setting of view.settingsOf(queue)) {
    if (setting.kind !== 'quota') continue;
    const { name, size, rate, ratePeriodMs } = setting;
    const holders = view.heldQuotas(queue).filter((key) => quotaName(key) === name);
    const ids = holders.flatMap((key) => Array.from(view.holders(queue, key), ({ id }) => id));
    found.push({ name, size, rate, ratePeriodMs, holders: ids });
  }
  return found;
}

function agents(
  { records: { view }, agentQuestions }: QueryContext,
  settings: Iterable<SettingRecord>,
  isAsked: (agent: AgentRecord) => boolean,
): AgentInfo[] {
  const found: AgentInfo[] = [];
  for (const setting of settings) {
    if (setting.kind !== 'agent' || !isAsked(setting)) continue;
    const { dispatcher, queue, name, size, filter, chooser = null, retry } = setting;
    const running = Array.from(view.running(agentKey(dispatcher, queue, name)), ({ id }) => id);
    const problem = agentQuestions.problemOf(setting) ?? null;
    found.push({ dispatcher, queue, name, size, filter, chooser, retry, running, problem });
  }
  return found.sort((a, b) => (a.queue < b.queue || (a.queue === b.queue && a.name < b.name) ? -1 : 1));
}

function dispatchers(context: QueryContext): DispatcherInfo[] {
  const { records, store, dispatcher, now } = context;
  const { view } = records;
  const { isExclusive } = store;
  const found: DispatcherInfo[] = [];
  for (const setting of view.settings()) {
    if (setting.kind !== 'dispatcher') continue;
    const { id, host, pid, active, activatedAt } = setting;
    // An exclusive store needs no pings, so an active dispatcher answers for itself.
    const lastPingAt = isExclusive && active && id === dispatcher ? now() : (pingsOf(view, id)?.at ?? activatedAt);
    const its = agents(context, view.settings(), (agent) => agent.dispatcher === id);
    found.push({ id, host, pid, active, activatedAt, lastPingAt, agents: its });
  }
  return found;
}
