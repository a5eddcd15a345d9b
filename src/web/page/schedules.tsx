/** Schedules: their ticks and their last jobs. */
import type { SchedulesSections, ShownSchedule } from '../views/schedules.js';
import { Action, act } from './act.js';
import { Card, JobLink, Loaded, Table, Time } from './elements.js';
import { durationText, plural, queueText, timeText } from './format.js';
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

function cellsOf({ details, next, history }: Json<ShownSchedule>) {
  const { name, queue, cron, zone, everyMs, paused, lastAt, lastSuccessAt, fired, missedCount, skipped, overlap } =
    details;
  const isElsewhere = zone !== undefined && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [
    <span key="name">
      <strong>{name}</strong>
      <br />
      <span class="dim">queue {queueText(queue)}</span>
    </span>,
    <span key="ticks">
      <code>{cron ?? `every ${durationText(everyMs)}`}</code>
      {zone !== undefined && ` ${zone}`}
      <br />
      <span class="dim">overlap: {overlap}</span>
    </span>,
    <span key="next">
      {paused && (
        <strong>
          <span aria-hidden="true">⏸</span> paused
        </strong>
      )}
      <ol class="plain">
        {next.map((at) => (
          <li key={at}>
            <Time at={at} />
            {isElsewhere && <span class="dim"> ({inZone(at, zone)})</span>}
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
        question={<p>Put a job of {name} now, besides its ticks?</p>}
        run={() => act({ action: 'trigger schedule', schedule: name })}
        onDone={(result) => go(`jobs/${(result as { id: string }).id}`)}
      />
      {paused ? (
        <Action label="Resume" run={() => act({ action: 'resume schedule', schedule: name })} />
      ) : (
        <Action
          label="Pause…"
          question={<p>Pause {name}? Its ticks pass until it is resumed.</p>}
          run={() => act({ action: 'pause schedule', schedule: name })}
        />
      )}
    </span>,
  ];
}

const inZone = (at: string, zone: string) =>
  new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(new Date(at));
