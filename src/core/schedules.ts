/** Look-ups of schedules, and the end of their jobs. Their transitions are in `schedule.ts`. */
import { UnknownScheduleError } from '../errors.js';
import { type Decision, tellSchedule } from './decision.js';
import { type Id, type JobRecord, type ScheduleRecord, scheduleKey } from './records.js';
import type { State } from './state/state.js';
import type { SettingsView, View } from './state/view.js';

export function scheduleOf(view: SettingsView, name: string): ScheduleRecord | undefined {
  return view.setting(scheduleKey(name)) as ScheduleRecord | undefined;
}

export function requireSchedule(view: SettingsView, name: string): ScheduleRecord {
  const there = scheduleOf(view, name);
  if (there === undefined) throw new UnknownScheduleError(`there is no schedule named ${JSON.stringify(name)}`);
  return there;
}

/** The schedule and the tick of a job. */
export interface TickOf {
  readonly name: string;
  readonly at: number;
}

const keyStart = 'schedule ';

/** Returns the unique key of a tick's job. It names the tick, so the job needs no other field. */
export const tickKey = ({ name, at }: TickOf) => `${keyStart}${name} ${at}`;

/** Returns the tick whose job has this unique key; `undefined` for any other job. */
export function tickOf({ role, unique }: Pick<JobRecord, 'role' | 'unique'>): TickOf | undefined {
  if (role !== 'root' || !unique.startsWith(keyStart)) return undefined;
  const end = unique.lastIndexOf(' ');
  return { name: unique.slice(keyStart.length, end), at: Number(unique.slice(end + 1)) };
}

/** `true` if any of these jobs is not completed. Some may have been lost in a crash. */
export function isAnyLive(view: View, jobs: readonly Id[]): boolean {
  return jobs.some((id) => (view.job(id)?.status ?? 'completed') !== 'completed');
}

/** The most live jobs that a schedule remembers. */
const mostLive = 100;

/** Returns the live jobs of the schedule with one more. */
export const liveWith = ({ live }: ScheduleRecord, id: Id): readonly Id[] => [...live, id].slice(-mostLive);

/** Counts a job that runs a tick again among the live ones of its schedule. */
export function joinTick(state: State, job: JobRecord): void {
  const tick = tickOf(job);
  const there = tick && scheduleOf(state, tick.name);
  if (there !== undefined) state.set(scheduleKey(there.name), { ...there, live: liveWith(there, job.id) });
}

/** Notes that a root is completed. Returns the job that waited for that; empty if none did. */
export function endTick(decision: Decision, job: JobRecord): Id {
  const tick = tickOf(job);
  const there = tick && scheduleOf(decision.state, tick.name);
  if (there === undefined) return '';
  const isWaiting = there.waiting === job.id;
  if (!isWaiting && !there.live.includes(job.id)) return '';
  const live = there.live.filter((id) => id !== job.id);
  const isNext = there.waiting !== '' && !isWaiting && !isAnyLive(decision.state, live);
  const next = isNext ? there.waiting : '';
  const isFailure = job.outcome === 'failure';
  const pauses = isFailure && there.pauseOnFailure && !there.paused;
  decision.state.set(scheduleKey(there.name), {
    ...there,
    live: next === '' ? live : [next],
    waiting: isWaiting || next !== '' ? '' : there.waiting,
    successAt: isFailure ? there.successAt : Math.max(there.successAt, tick!.at),
    paused: there.paused || pauses,
  });
  if (pauses) tellSchedule(decision, 'paused', there.name, tick!.at);
  return next;
}
