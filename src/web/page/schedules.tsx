/** Schedules: their ticks and their last jobs. */

import { useRef } from 'preact/hooks';
import type { SchedulesSections, ShownSchedule } from '../views/schedules.js';
import { Action, act } from './act.js';
import { Card, JobLink, Loaded, Table, Time } from './elements.js';
import { dateText, durationText, intervalText, plural, queueText, timeText } from './format.js';
import type { Json } from './json.js';
import { useView } from './live.js';
import { go } from './router.js';

export function SchedulesPage() {
  const seen = useView<SchedulesSections>('schedules', new URLSearchParams());
  return (
    <Card title="Schedules" class="wide">
      <Loaded seen={seen}>
        {({ schedules: { items, others } }) => (
          <>
            <Table
              label="Schedules"
              stacks
              columns={['schedule', 'ticks', 'next', 'last', 'puts', 'last jobs', 'act']}
              empty="There is no schedule. queue.schedule(name, job, { cron }) adds one."
              rows={items.map((one) => ({ key: one.details.name, cells: cellsOf(one) }))}
            />
            {others > 0 && <p class="dim">and {plural(others, 'more schedule')}</p>}
          </>
        )}
      </Loaded>
    </Card>
  );
}

/** Puts the jobs of ticks that have passed. */
function Backfill({ name }: { name: string }) {
  const form = useRef<HTMLFormElement>(null);
  return (
    <Action
      label="Backfill…"
      of={name}
      hasFields
      question={
        <>
          <p>Put a job of {name} for each tick of a time that has none yet, at most 1,000?</p>
          <form ref={form} class="fields" onSubmit={(event) => event.preventDefault()}>
            <label>
              from, a date such as 2030-01-31T09:00Z
              <input name="from" />
            </label>
            <label>
              to
              <input name="to" defaultValue="now" />
            </label>
          </form>
        </>
      }
      run={() =>
        act({ action: 'backfill schedule', schedule: name, ...Object.fromEntries(new FormData(form.current!)) })
      }
    />
  );
}

function cellsOf({ details, next, history }: Json<ShownSchedule>) {
  const { name, queue, cron, zone, everyMs, paused, lastAt, lastSuccessAt, fired, missedCount, skipped, overlap } =
    details;
  const shift = zone === undefined || cron === undefined ? undefined : nextShift(zone, Date.now());
  const isElsewhere = zone !== undefined && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [
    <span key="name">
      <strong>{name}</strong>
      <br />
      <span class="dim">queue {queueText(queue)}</span>
    </span>,
    <span key="ticks">
      <code>{cron ?? `every ${intervalText(everyMs!)}`}</code>
      {zone !== undefined && ` ${zone}`}
      <br />
      <span class="dim">overlap: {overlap}</span>{' '}
      {shift !== undefined && (
        <span class="dim note">
          clocks go {shift.minutes > 0 ? 'forward' : 'back'} {durationText(Math.abs(shift.minutes) * 60_000)}{' '}
          <Time at={new Date(shift.at).toISOString()} />: a fixed time in{' '}
          {shift.minutes > 0 ? 'the gap runs once, right after it' : 'the repeated time runs once, the first time'}
        </span>
      )}
    </span>,
    <span key="next">
      {paused && <strong>paused</strong>}
      <ol class="plain">
        {next.map((at) => (
          <li key={at}>
            <Time at={at} />
            {isElsewhere && (
              <span class="dim note">
                {dateText(at, zone)} {zone}
              </span>
            )}
          </li>
        ))}
      </ol>
    </span>,
    <span key="last">
      <Time at={lastAt} />
      {lastSuccessAt !== undefined && (
        <>
          <br />
          <span class="dim">last success {timeText(lastSuccessAt)}</span>
        </>
      )}
    </span>,
    <span key="puts">
      {plural(fired, 'job')}
      <br />
      <span class="dim">
        {missedCount} missed, {skipped} skipped
      </span>
    </span>,
    <ol key="history" class="plain">
      {history.map(({ at, id }) => (
        <li key={id}>
          {timeText(at)} <JobLink id={id} />
        </li>
      ))}
    </ol>,
    <span key="act" class="buttons">
      <Action
        label="Run now…"
        of={name}
        question={<p>Put a job of {name} now, besides its ticks?</p>}
        run={() => act({ action: 'trigger schedule', schedule: name })}
        onDone={(result) => go(`jobs/${(result as { id: string }).id}`)}
      />
      <Backfill name={name} />
      {paused ? (
        <Action label="Resume" of={name} run={() => act({ action: 'resume schedule', schedule: name })} />
      ) : (
        <Action
          label="Pause…"
          of={name}
          question={<p>Pause {name}? Its ticks pass until it is resumed.</p>}
          run={() => act({ action: 'pause schedule', schedule: name })}
        />
      )}
    </span>,
  ];
}

const offsets = new Map<string, Intl.DateTimeFormat>();

/** Minutes by which the clocks of a zone are ahead of UTC. */
function offsetOf(zone: string, at: number): number {
  const format = offsets.get(zone) ?? new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  offsets.set(zone, format);
  const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

const dayMs = 86_400_000;
const shifts = new Map<string, { readonly at: number; readonly minutes: number } | undefined>();

/** The next change of the clocks of a zone within a year, to the minute. */
function nextShift(zone: string, now: number) {
  const key = `${zone} ${Math.floor(now / dayMs)}`;
  if (shifts.has(key)) return shifts.get(key);
  const before = offsetOf(zone, now);
  let day = 1;
  while (day < 366 && offsetOf(zone, now + day * dayMs) === before) day++;
  let [low, high] = [now + (day - 1) * dayMs, now + day * dayMs];
  const minutes = offsetOf(zone, high) - before;
  while (high - low > 1000) {
    const middle = (low + high) / 2;
    if (offsetOf(zone, middle) === before) low = middle;
    else high = middle;
  }
  const shift = minutes === 0 ? undefined : { at: Math.round(high / 60_000) * 60_000, minutes };
  shifts.set(key, shift);
  return shift;
}
