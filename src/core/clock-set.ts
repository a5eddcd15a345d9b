/**
 * Adapts times after the wall clock was set: dates stay, and durations continue as if nothing had
 * happened.
 *
 *   a date (`beginAfter`)                  stays; is due if the clock has passed it
 *   a delay (`beginAfter`, retry, policy)  moves with the clock
 *   a deadline                             moves with the clock; behind a future date it stays,
 *                                          and keeps its distance if the clock passes that date
 *   a rate                                 moves with the clock
 *
 * The time that a policy sets for the next run counts as a delay: the record does not distinguish
 * the two.
 */
import type { Decision } from './decision.js';
import type { JobRecord } from './records.js';

export function clockSet({ state, now }: Decision, byMs: number): void {
  for (const job of state.jobs()) {
    if ((job.outcome !== 'none' && job.cursor === 0) || (job.dueAt === 0 && job.deadline === 0 && job.beginAfter === 0))
      continue;
    const { beginAfter, dueAt, deadline } = timesSince(job, byMs, now);
    if (beginAfter === job.beginAfter && dueAt === job.dueAt && deadline === job.deadline) continue;
    state.change(job, (row) => {
      row.beginAfter = beginAfter;
      row.dueAt = dueAt;
      row.deadline = deadline;
    });
  }
  state.shiftRates(byMs);
}

type Times = Pick<JobRecord, 'beginAfter' | 'dueAt' | 'deadline'>;

function timesSince({ beginAfter, delayed, dueAt, deadline }: JobRecord, byMs: number, now: number): Times {
  const moved = (time: number) => (time === 0 ? 0 : time + byMs);
  const isAhead = beginAfter > now - byMs;
  if (!isAhead || delayed) {
    const begin = isAhead ? moved(beginAfter) : beginAfter;
    return { beginAfter: begin, dueAt: moved(dueAt), deadline: moved(deadline) };
  }
  const distance = deadline - beginAfter;
  return { beginAfter, dueAt, deadline: deadline === 0 ? 0 : Math.max(deadline, now + distance) };
}
