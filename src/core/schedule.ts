/**
 * Schedules: each puts a job at its ticks.
 *
 * The ticks are computed outside (time zones are no business of the core), and come with the
 * commands. A schedule holds the next tick to handle. `fire` names it and the one after it: so
 * each tick is handled once, whatever crashes and however many hosts try, and it is one change with
 * the put of its job.
 *
 * The job to put is kept as the arguments of a held job, the template. It is bound to `nobody`: no
 * dispatcher can claim it, and no command of a user may touch it.
 */
import { CallsheetError } from '../errors.js';
import { checkSpecs } from './bounds.js';
import type { Command, Tick } from './commands.js';
import { type Decision, tellSchedule } from './decision.js';
import { cancel, createJob, expireIfLate } from './job.js';
import { requireQueue } from './queue.js';
import { type Id, type JobRecord, nobody, type ScheduleRecord, type ScheduleSpec, scheduleKey } from './records.js';
import { isAnyLive, liveWith, requireSchedule, scheduleOf, tickKey } from './schedules.js';
import type { State } from './state/state.js';

const mostRecent = 20;

const noRuns = {
  ...{ lastAt: 0, lastMissed: 0, successAt: 0, fired: 0, missedCount: 0, skipped: 0 },
  ...{ live: [], waiting: '', recent: [], paused: false },
};

/** Adds a schedule, or changes the one of this name. Ignored if it is the same. */
export function setSchedule(decision: Decision, command: Extract<Command, { type: 'setSchedule' }>): void {
  const { state } = decision;
  const { settings, template, sample, nextAt, zones, owner, level } = command;
  const { name, queue } = settings;
  requireQueue(state, queue);
  checkSpecs(state, queue, [sample]);
  const there = scheduleOf(state, name);
  if (there?.digest === settings.digest) {
    if (there.declared !== settings.declared) save(state, { ...there, declared: settings.declared });
    return;
  }
  const place = { owner, queue, level, role: 'root', parent: '', index: 0, only: nobody } as const;
  createJob(decision, { ...held, ...template, callable: sample.callable }, place);
  forgetTemplate(state, there);
  const keepsTime = there !== undefined && isSameSpec(there.spec, settings.spec);
  save(state, {
    kind: 'schedule',
    ...(there ?? noRuns),
    ...settings,
    template: template.id,
    series: there?.series ?? template.id,
    nextAt: keepsTime ? there.nextAt : nextAt,
    ...(keepsTime ? {} : { zones }),
  });
}

const held = { form: 'call', options: {}, parts: [], callbacks: [] } as const;

function isSameSpec(a: ScheduleSpec, b: ScheduleSpec): boolean {
  if (a.from !== b.from || a.until !== b.until) return false;
  return 'cron' in a
    ? 'cron' in b && a.cron === b.cron && a.zone === b.zone
    : 'everyMs' in b && a.everyMs === b.everyMs && a.anchor === b.anchor;
}

/** Removes a schedule. Its jobs stay, but one that waits for others to end is cancelled. */
export function removeSchedule(decision: Decision, name: string): void {
  const { state } = decision;
  const there = requireSchedule(state, name);
  cancelAll(decision, [there.waiting]);
  state.set(scheduleKey(name), undefined);
  forgetTemplate(state, there);
}

/** `nextAt` is the first tick after a pause: ticks during the pause are not missed. */
export function pauseSchedule({ state }: Decision, command: Extract<Command, { type: 'pauseSchedule' }>): void {
  const { name, paused, nextAt, zones } = command;
  const there = requireSchedule(state, name);
  if (there.paused !== paused) {
    save(state, { ...there, paused, nextAt: paused ? there.nextAt : nextAt, ...(paused ? {} : { zones }) });
  }
}

/** Ignored if the schedule was changed meanwhile. */
export function renewTick({ state }: Decision, command: Extract<Command, { type: 'renewTick' }>): void {
  const { name, at, nextAt, zones } = command;
  const there = scheduleOf(state, name);
  if (there?.nextAt === at) save(state, { ...there, nextAt, zones });
}

/** Handles the next tick. Ignored if another process was faster. */
export function fire(decision: Decision, command: Extract<Command, { type: 'fire' }>): void {
  const { state } = decision;
  const { name, at, last: lastAt, next, zones, missed, tick, owner } = command;
  const there = scheduleOf(state, name);
  if (there === undefined || there.paused || there.nextAt !== at) return;
  save(state, { ...there, nextAt: next, zones, lastAt, lastMissed: missed, missedCount: there.missedCount + missed });
  if (missed > 0) tellSchedule(decision, 'missed', name, lastAt, missed);
  // It may have been filled in before its time.
  if (tick === null || state.job(tick.job.id) !== undefined) return;
  const { overlap } = there;
  if (overlap === 'replace') replaceJobs(decision, there);
  // Cancelling has changed it.
  const now = scheduleOf(state, name)!;
  const isBusy = overlap !== 'allow' && isAnyLive(state, now.live);
  if (!isBusy || (overlap !== 'skip' && now.waiting === '')) return run(decision, name, tick, owner, isBusy);
  save(state, { ...now, skipped: now.skipped + 1 });
  tellSchedule(decision, 'skipped', name, tick.at);
}

/** Runs ticks on request, whatever else runs. A tick that has a job already is left out. */
export function runTicks(decision: Decision, { name, ticks, owner }: Extract<Command, { type: 'runTicks' }>): void {
  requireSchedule(decision.state, name);
  for (const tick of ticks)
    if (decision.state.job(tick.job.id) === undefined) putTick(decision, name, tick, owner, false);
}

/** Puts the job of a tick as `putTick` does. The schedule goes on if it can no longer be put. */
function run(decision: Decision, name: string, tick: Tick, owner: Id, waits: boolean): void {
  const { state, now, effects } = decision;
  const mark = state.begin(now);
  const before = effects.length;
  try {
    putTick(decision, name, tick, owner, waits);
  } catch (error) {
    // A quota that the job names was removed.
    if (!(error instanceof CallsheetError)) throw error;
    state.rollback(mark);
    effects.length = before;
    const message = `the job of schedule ${JSON.stringify(name)} could not be put: ${error.message}`;
    const { template } = requireSchedule(state, name);
    effects.push({ type: 'log', gate: 'synced', level: 'error', message, job: template });
  }
}

/** Puts the job of a tick, or holds it until the live ones are completed. */
function putTick(decision: Decision, name: string, { at, job: spec }: Tick, owner: Id, waits: boolean): void {
  const { state } = decision;
  const there = scheduleOf(state, name)!;
  const { queue, template, fired } = there;
  const { level } = state.job(template)!;
  const options = { ...spec.options, unique: tickKey({ name, at }) };
  const place = { owner, queue, level, role: 'root', parent: '', index: 0, only: '' } as const;
  const job = createJob(decision, { ...spec, options }, place, !waits);
  const recent = [...there.recent, { at, job: job.id }].slice(-mostRecent);
  const live = waits ? there.live : liveWith(there, job.id);
  save(state, { ...there, fired: fired + 1, recent, live, waiting: waits ? job.id : there.waiting });
  if (!waits) expireIfLate(decision, job);
}

/** Cancels all jobs. The one that waited may have callbacks to run: the next waits for it too. */
function replaceJobs(decision: Decision, there: ScheduleRecord): void {
  const { state } = decision;
  cancelAll(decision, [...there.live, there.waiting]);
  const now = scheduleOf(state, there.name)!;
  if (now.waiting !== '') save(state, { ...now, live: [...now.live, now.waiting], waiting: '' });
}

function cancelAll(decision: Decision, ids: readonly Id[]): void {
  const isOpen = (job: JobRecord | undefined): job is JobRecord => job?.outcome === 'none' && !job.cancelled;
  for (const job of ids.map((id) => decision.state.job(id)).filter(isOpen)) cancel(decision, job);
}

function forgetTemplate(state: State, there: ScheduleRecord | undefined): void {
  const template = there && state.job(there.template);
  if (template !== undefined) state.forgetOpen(template);
}

function save(state: State, record: ScheduleRecord): void {
  state.set(scheduleKey(record.name), record);
}
