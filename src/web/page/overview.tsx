/** The overview: rates, latency, depth, threads, running jobs, queues, failures. */
import type { OverviewSections, Step } from '../views/overview.js';
import type { ShownRun } from '../views/running.js';
import { Action, act, canAct } from './act.js';
import { Bars, Chart, type Line } from './chart.js';
import { Age, Bar, Card, JobLink, Loaded, number, Table } from './elements.js';
import { FailureTable } from './failures.js';
import { bytesText, callableText, countText, durationText, isLate, journalText, rateText, shortId } from './format.js';
import { Gantt, windowsOf } from './gantt.js';
import type { Json } from './json.js';
import { useNow, useView } from './live.js';
import { QueueTable } from './queues.js';
import { Link, usePlace, withQuery } from './router.js';

type Seen = Json<OverviewSections>;

const ranges = ['15m', '1h', '24h'];

export function Overview() {
  const { query } = usePlace();
  const range = query.get('range') ?? '1h';
  const seen = useView<OverviewSections>('overview', new URLSearchParams({ range }));
  const now = useNow();
  return (
    <Loaded seen={seen}>
      {(sections) => {
        const { runtime, queues, active, failures } = sections;
        const at = Math.max(now, Date.parse(runtime.asOf));
        return (
          <>
            <Figures sections={sections} now={at} />
            <Card title="Threads, last minute" class="wide">
              <Gantt windows={windowsOf(sections)} active={active.items} size={runtime.threads.size} now={at} />
            </Card>
            <Card
              title="Rates and times"
              class="wide"
              tools={
                <nav class="chips" aria-label="Interval">
                  {ranges.map((name) => (
                    <Link
                      key={name}
                      to={withQuery('', query, { range: name === '1h' ? '' : name })}
                      aria-current={name === range ? 'page' : undefined}
                    >
                      {name}
                    </Link>
                  ))}
                </nav>
              }
            >
              <Charts sections={sections} />
            </Card>
            <Card title="Running">
              <Running runs={active.items} now={at} />
              {active.others > 0 && <p class="dim">and {countText(active.others)} more</p>}
            </Card>
            <Card title="Failures of the last hour, by error">
              <FailureTable failures={failures} />
              {failures.others > 0 && <p class="dim">and {countText(failures.others)} jobs in other groups</p>}
            </Card>
            <Card title="Queues" class="wide">
              <QueueTable queues={queues} now={at} />
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}

function Figures({ sections, now }: { sections: Seen; now: number }) {
  const { runtime, queues, present, history, failures } = sections;
  const { threads, store, turns } = runtime;
  const sum = (read: (queue: Seen['queues']['items'][number]) => number | undefined) =>
    queues.items.reduce((total, queue) => total + (read(queue) ?? 0), 0);
  const oldest = queues.items.reduce<number | undefined>(
    (least, { oldestSince }) => (oldestSince === undefined ? least : Math.min(least ?? oldestSince, oldestSince)),
    undefined,
  );
  const failed = failures.groups.reduce((total, { count }) => total + count, failures.others);
  const steps = present === undefined ? history.steps : [...history.steps, present];
  return (
    <dl class="figures">
      <Figure
        name="done"
        value={`${rateText(sum(({ rates }) => rates?.out))}/s`}
        more={`${rateText(sum(({ rates }) => rates?.in))}/s put`}
      >
        <Bars values={steps.slice(-20).map(({ succeeded, failed }) => succeeded + failed)} />
      </Figure>
      <Figure
        name="due"
        value={countText(sum(({ length }) => length))}
        more={
          oldest === undefined ? (
            `${countText(sum(({ later }) => later))} later`
          ) : (
            <>
              oldest <Age since={oldest} now={now} />
            </>
          )
        }
      />
      <Figure name="threads" value={`${threads.running}/${threads.size}`} more={loadText(threads)} />
      <Figure
        name="failed or cancelled, last hour"
        value={countText(failed)}
        kind={failed > 0 ? 'bad' : ''}
        more={failed > 0 ? <Link to="failures?since=1h">look</Link> : 'none'}
      />
      <Figure
        name="last sync"
        value={durationText(store.lastSyncMs)}
        more={`turn ${durationText(turns.meanMs)}, most ${durationText(turns.longestMs)}`}
      />
      <Figure
        name="journal"
        value={journalText(store.diskBytes)}
        more={freeText(store)}
        kind={store.takesWork ? '' : 'bad'}
      />
    </dl>
  );
}

function loadText({ running, size }: Seen['runtime']['threads']): string {
  if (size === 0) return 'none here';
  return running >= size ? 'all busy' : `${size - running} idle`;
}

function freeText({ takesWork, freeBytes, frames }: Seen['runtime']['store']): string {
  if (!takesWork) return 'disk full';
  return freeBytes === undefined ? `${countText(frames)} commits` : `${bytesText(freeBytes)} free`;
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly more: preact.ComponentChildren;
  readonly kind?: string;
  readonly children?: preact.ComponentChildren;
}

function Figure({ name, value, more, kind = '', children }: FigureProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class={`value ${kind}`}>{value}</span>
        <span class="more">{more}</span>
        {children}
      </dd>
    </div>
  );
}

function Charts({ sections }: { sections: Seen }) {
  const { history, present, runtime } = sections;
  const { stepMs, from } = history;
  const byTime = new Map(
    [...history.steps, ...(present === undefined ? [] : [present])].map((step) => [step.at, step]),
  );
  const end = Math.floor(Date.parse(runtime.asOf) / stepMs) * stepMs;
  const times: number[] = [];
  for (let at = from; at <= end; at += stepMs) times.push(at);
  const steps = times.map((at) => byTime.get(at));
  const seconds = times.map((at) => Math.max(1, at === end ? (Date.parse(runtime.asOf) - at) / 1000 : stepMs / 1000));
  const rate = (read: (step: Step) => number) =>
    steps.map((step, at) => (step === undefined ? 0 : read(step) / seconds[at]!));
  const quantile = (of: 'wait' | 'run', at: 0 | 1 | 2) => steps.map((step) => step?.[of]?.[at]);
  const latency = (of: 'wait' | 'run'): Line[] => [
    { name: 'half', kind: 'p50', values: quantile(of, 0) },
    { name: '95%', kind: 'p95', values: quantile(of, 1) },
    { name: '99%', kind: 'p99', values: quantile(of, 2) },
  ];
  const pending = pendingAt(steps, history.pendingBefore, runtime.jobs.pending);
  const common = { times, hasPresent: true };
  return (
    <div class="charts">
      <Chart
        {...common}
        title="Jobs in a second"
        format={rateText}
        lines={[
          { name: 'put', kind: 'put', values: rate(({ put }) => put) },
          { name: 'succeeded', kind: 'good', values: rate(({ succeeded }) => succeeded) },
          { name: 'failed', kind: 'bad', values: rate(({ failed }) => failed) },
        ]}
      />
      <Chart
        {...common}
        title="Pending jobs"
        format={countText}
        lines={[{ name: 'in line, or waiting for a date', kind: 'put', values: pending }]}
      />
      <Chart {...common} log title="Wait until the start" format={durationText} lines={latency('wait')} />
      <Chart {...common} log title="Run" format={durationText} lines={latency('run')} />
    </div>
  );
}

/** The pending jobs at the end of each step. They are stored only where they change. */
function pendingAt(
  steps: readonly (Json<Step> | undefined)[],
  before: number | undefined,
  now: number,
): (number | undefined)[] {
  let last = before;
  return steps.map((step, at) => {
    last = at === steps.length - 1 ? now : (step?.pending ?? last);
    return last;
  });
}

export function Running({ runs, now }: { runs: readonly Json<ShownRun>[]; now: number }) {
  return (
    <Table
      label="Running jobs"
      columns={['job', 'callable', 'thread', number('for'), number('expected'), 'progress', ...(canAct ? ['act'] : [])]}
      empty="No job runs now."
      rows={runs.map((run) => {
        const { id, callable, thread, started, expectedMs, progress, cancelled, awaits } = run;
        const ranMs = started === undefined ? 0 : now - Date.parse(started);
        return {
          key: id,
          cells: [
            <JobLink key="id" id={id} />,
            callableText(callable),
            thread ?? 'elsewhere',
            durationText(ranMs),
            <span key="expected">
              {durationText(expectedMs)}
              {isLate(ranMs, expectedMs) && <strong class="bad"> late</strong>}
            </span>,
            <span key="progress">
              {progress !== undefined && <ProgressOf progress={progress} />}
              {cancelled && 'stopping '}
              {awaits.length > 0 && `waits for ${awaits.length}`}
            </span>,
            ...(canAct ? [<CancelButton key="act" id={id} />] : []),
          ],
        };
      })}
    />
  );
}

/** Cancels a job after a question. */
export function CancelButton({ id }: { id: string }) {
  return (
    <Action
      label="Cancel…"
      danger
      question={
        <p>
          Cancel job <code>{shortId(id)}</code>? Its failure is JobCancelledError.
        </p>
      }
      run={() => act({ action: 'cancel', job: id })}
    />
  );
}

export function ProgressOf({ progress }: { progress: NonNullable<Json<ShownRun>['progress']> }) {
  const { done, total, message } = progress;
  return (
    <>
      {total !== undefined && total > 0 ? <Bar part={done / total} label="progress" /> : countText(done)}
      {message !== undefined && ` ${message}`}
    </>
  );
}
