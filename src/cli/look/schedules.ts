/** `callsheet schedules`: recurring jobs, with their next and last runs. */
import type { ScheduleDetails } from '../../runtime/schedules.js';
import { exitCodes } from '../exit.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { age, count, duration, escaped, queueName } from '../words.js';
import { stateOf } from './columns.js';

const ticksShown = 5;

/** Lists all schedules, or shows one with its next ticks and its last jobs. */
export async function schedules(session: Session, name: string | undefined): Promise<number> {
  const { callsheet, out } = session;
  if (name !== undefined) return one(session, name);
  const now = new Date().toISOString();
  out.rows(await callsheet.schedules(), columns(now), 'there are no schedules');
  return exitCodes.done;
}

async function one({ callsheet, out }: Session, name: string): Promise<number> {
  const schedule = callsheet.schedule(name);
  const details = await schedule.details();
  const next = await schedule.next(ticksShown);
  const history = await schedule.history();
  const runs = await Promise.all(
    history.map(async ({ at, job }) => ({ at, id: job.id, state: await stateOfJob(callsheet.monitor, job.id) })),
  );
  if (out.isJson) out.json({ ...details, next, history: runs });
  else show(out, details, next, runs);
  return exitCodes.done;
}

/** Returns the state of a job, which may be forgotten. */
async function stateOfJob(monitor: Session['callsheet']['monitor'], id: string): Promise<string> {
  const { items } = await monitor.jobs({ id }, { limit: 1 });
  return items[0] === undefined ? 'forgotten' : stateOf(items[0]);
}

function show(
  out: Output,
  details: ScheduleDetails,
  next: readonly Date[],
  runs: readonly { readonly at: Date; readonly id: string; readonly state: string }[],
): void {
  const now = new Date().toISOString();
  out.table([details], columns(now));
  for (const at of next) out.line(`next  ${at.toISOString()}  ${age(at.toISOString(), now)}`);
  for (const { at, id, state } of runs) out.line(`ran   ${at.toISOString()}  ${id}  ${state}`);
}

const columns = (now: string): readonly Column<ScheduleDetails>[] => [
  { title: 'NAME', of: ({ name }) => escaped(name), cut: true },
  { title: 'QUEUE', of: ({ queue }) => queueName(queue), cut: true },
  { title: 'EVERY', of: rule, cut: true },
  { title: 'NEXT', of: ({ paused, nextAt }) => (paused ? 'paused' : age(nextAt?.toISOString(), now)), right: true },
  { title: 'LAST', of: ({ lastAt }) => age(lastAt?.toISOString(), now), right: true },
  { title: 'LAST OK', of: ({ lastSuccessAt }) => age(lastSuccessAt?.toISOString(), now), right: true },
  { title: 'JOBS', of: ({ fired }) => count(fired), right: true },
  { title: 'MISSED', of: ({ missedCount }) => count(missedCount), right: true },
  { title: 'SKIPPED', of: ({ skipped }) => count(skipped), right: true },
];

const rule = ({ cron, zone, everyMs }: ScheduleDetails) =>
  cron === undefined ? duration(everyMs!) : `${cron} ${zone}`;
