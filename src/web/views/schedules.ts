/** Schedules, with the ticks to come and the last jobs. */
import type { ScheduleDetails } from '../../runtime/schedules.js';
import type { Sections, ViewContext } from './view.js';

export interface ShownSchedule {
  readonly details: ScheduleDetails;
  readonly next: readonly Date[];
  readonly history: readonly { readonly at: Date; readonly id: string }[];
}

export interface SchedulesSections {
  readonly schedules: { readonly items: readonly ShownSchedule[]; readonly others: number };
}

const most = { schedules: 100, ticks: 5, jobs: 5 };

export async function schedules({ callsheet }: ViewContext): Promise<Sections> {
  const all = await callsheet.schedules();
  const items = await Promise.all(
    all.slice(0, most.schedules).map(async (details): Promise<ShownSchedule | undefined> => {
      try {
        const schedule = callsheet.schedule(details.name);
        const [next, history] = await Promise.all([schedule.next(most.ticks), schedule.history(most.jobs)]);
        return { details, next, history: history.map(({ at, job }) => ({ at, id: job.id })) };
      } catch {
        // It was removed meanwhile.
        return undefined;
      }
    }),
  );
  const there = items.filter((one) => one !== undefined);
  return { schedules: { items: there, others: all.length - items.length } } satisfies SchedulesSections;
}
