/** One job: why it does not run, its way so far, its values, and the jobs around it. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { exactly } from '../exact-name.js';
import type { JobSections, ShownValue } from '../views/job.js';
import type { Strip } from '../views/strip.js';
import { Action, act } from './act.js';
import { ChangeFields, changesIn } from './change.js';
import {
  Age,
  Card,
  Code,
  callbackText,
  JobLink,
  Loaded,
  number,
  Sentence,
  Status,
  Table,
  Time,
  withoutPairs,
} from './elements.js';
import { between, bytesText, callableText, countText, durationText, plural, queueText } from './format.js';
import { Graph } from './graph.js';
import { JobTable } from './jobs.js';
import type { Json } from './json.js';
import { useNow, useView } from './live.js';
import { CancelButton, ProgressOf } from './overview.js';
import { go, Link } from './router.js';

type Seen = Json<JobSections>;

/** A longer table of parts is closed at first. */
const mostOpen = 12;

export function JobPage({ id }: { id: string }) {
  const seen = useView<JobSections>('job', new URLSearchParams({ id }));
  return (
    <Loaded seen={seen}>
      {(sections) => {
        const { job, explanation, failure, progress, annotations, strip } = sections;
        const { details } = job;
        const notes = Object.entries(annotations);
        return (
          <>
            <Card
              class="wide"
              title={
                <>
                  {callableText(details.callable)} <Status status={details.status} outcome={job.outcome} />
                </>
              }
              tools={<Tools sections={sections} />}
            >
              <p class="why">
                <Sentence text={explanation.summary} />
              </p>
              <Reasons reasons={explanation.reasons} />
              {explanation.position !== undefined && (
                <p class="dim">
                  {explanation.position >= 10_000 ? 'At least ' : ''}
                  {explanation.position === 0 ? 'First' : `${plural(explanation.position, 'job')} before it`} in its
                  line
                </p>
              )}
              {progress !== undefined && <ProgressOf progress={progress} />}
              <Timeline sections={sections} />
              <p class="dim">
                job <code>{job.id}</code>, queue{' '}
                <Link to={`queues?${new URLSearchParams({ name: details.queue })}`}>{queueText(details.queue)}</Link>,{' '}
                {details.durability}, priority {details.priority}
                {details.unique !== undefined && (
                  <>
                    , unique <code>{details.unique}</code>
                  </>
                )}
                {details.quotas.length > 0 &&
                  `, quotas ${details.quotas.map(({ name, key }) => (key === undefined ? name : `${name}[${key}]`)).join(', ')}`}
                {details.timeoutMs !== undefined && `, at most ${durationText(details.timeoutMs)}`}
              </p>
            </Card>
            {failure !== undefined && (
              <Card title="Failure" class="wide">
                <p>
                  <strong class="bad">{failure.name}</strong>: {failure.message}
                </p>
                {failure.causes.map(({ name, message }) => (
                  <p key={name + message}>
                    caused by <strong>{name}</strong>: {message}
                  </p>
                ))}
                {failure.alike > 1 && (
                  <p>
                    <Link
                      to={`jobs?${new URLSearchParams({ error: failure.frame ?? failure.name, callable: exactly(details.callable), outcome: 'failure' })}`}
                    >
                      {plural(failure.alike - 1, 'other')} failed{' '}
                      {failure.frame === undefined ? 'with this error' : `like this, ${failure.frame}`}
                    </Link>
                  </p>
                )}
                <pre>{failure.text}</pre>
              </Card>
            )}
            {(strip !== undefined || job.parent !== undefined || job.callbacks.length > 0) && (
              <Card title="Graph" class="wide">
                <Graph sections={sections} />
              </Card>
            )}
            {strip !== undefined && (
              <Card title={`Parts: ${countText(details.partsDone)} of ${countText(details.parts)} done`} class="wide">
                <StripOf strip={strip} />
                {job.parts.length > 0 && (
                  <details open={job.parts.length <= mostOpen}>
                    <summary>
                      Table of {job.moreParts === undefined ? 'all' : 'the first'} {plural(job.parts.length, 'part')}
                    </summary>
                    <JobTable rows={job.parts} empty="" />
                  </details>
                )}
                {job.moreParts !== undefined && (
                  <Link to={`jobs?${new URLSearchParams({ parent: job.id, role: 'part', order: 'oldest' })}`}>
                    All parts
                  </Link>
                )}
              </Card>
            )}
            <Card title={`Arguments, ${bytesText(job.argumentBytes)}`}>
              <Value value={sections.arguments} />
            </Card>
            <Card title={`Result${job.outcome === 'value' ? `, ${bytesText(job.resultBytes)}` : ''}`}>
              {job.outcome === 'value' ? <Value value={sections.result} /> : <p class="empty">It has no result.</p>}
            </Card>
            {notes.length > 0 && (
              <Card title="Annotations">
                {notes.map(([name, value]) => (
                  <div key={name}>
                    <h3>{name}</h3>
                    <Value value={value} />
                  </div>
                ))}
              </Card>
            )}
            <Around sections={sections} />
            {job.runs.length > 0 && (
              <Card title="Runs that failed or were interrupted">
                <Table
                  label="Runs"
                  columns={[number('attempt'), number('thread'), 'end', 'error', number('for'), 'at']}
                  empty=""
                  rows={job.runs.map(({ attempt, thread, end, error, started, ended }) => ({
                    key: `${attempt} ${ended}`,
                    cells: [
                      attempt,
                      thread,
                      end,
                      error ?? '–',
                      durationText(between(started, ended)),
                      <Time key="at" at={ended} />,
                    ],
                  }))}
                />
              </Card>
            )}
            <Card title="Log, newest first" class="wide">
              <Log lines={sections.log} />
            </Card>
            <Card title="Record" class="wide">
              <details>
                <summary>All details</summary>
                <Code value={job} />
              </details>
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}

/** The reasons with their times. The summary has the sentence of the only one. */
function Reasons({ reasons }: Pick<Seen['explanation'], 'reasons'>) {
  const now = useNow();
  const isOnly = reasons.length === 1;
  const shown = reasons.filter(({ since, estimate }) => !isOnly || since !== undefined || estimate !== undefined);
  if (shown.length === 0) return null;
  return (
    <ul>
      {shown.map(({ code, text, since, estimate }) => (
        <li key={code + text}>
          {!isOnly && <Sentence text={text} />}
          {since !== undefined && (
            <span class="dim">
              {isOnly ? 'since' : ', since'} <Time at={since} /> (<Age since={since} now={now} />)
            </span>
          )}
          {estimate !== undefined && (
            <span class="dim">
              {isOnly && since === undefined ? '' : ', '}
              {leftText(Date.parse(estimate) - now)}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

const leftText = (ms: number) => (ms < 1000 ? 'may end at any time' : `ends in about ${durationText(ms)}`);

/** Statuses in which a job can be changed. */
const changeable = ['new', 'pending', 'assigned'];

function Tools({ sections }: { sections: Seen }) {
  const { job } = sections;
  const fields = useRef<HTMLFormElement>(null);
  const isOver = job.outcome !== 'none';
  const isRetried = job.details.retriedBy !== undefined;
  return (
    <span class="buttons">
      {changeable.includes(job.details.status) && (
        <Action
          label="Change…"
          hasFields
          question={
            <>
              <p>Change this job before it begins. Empty fields stay as they are.</p>
              <ChangeFields sections={sections} form={fields} isRetry={false} />
            </>
          }
          run={async () => act({ action: 'change', job: job.id, ...changesIn(fields.current!, sections) })}
        />
      )}
      {!isOver && <CancelButton id={job.id} />}
      {job.outcome === 'failure' && job.role === 'root' && !isRetried && (
        <Action
          label="Retry…"
          hasFields
          question={
            <>
              <p>Run it again, as a new job{job.details.parts > 0 && ', with the parts that did not succeed'}?</p>
              <details>
                <summary>With other arguments or options</summary>
                <ChangeFields sections={sections} form={fields} isRetry />
              </details>
            </>
          }
          run={async () => act({ action: 'retry', job: job.id, ...changesIn(fields.current!, sections) })}
          onDone={(result) => go(`jobs/${(result as { id: string }).id}`)}
        />
      )}
    </span>
  );
}

function Value({ value }: { value: Json<ShownValue> }) {
  if (value === undefined) return <p class="empty">None.</p>;
  if ('hidden' in value) return <p class="empty">{value.hidden}</p>;
  return <Code value={value.value} />;
}

const levelKinds: Readonly<Record<string, string>> = { warn: 'warn', error: 'bad', fatal: 'bad' };

function Log({ lines }: { lines: Seen['log'] }) {
  if (lines.length === 0)
    return <p class="empty">It has logged nothing in this process, or only below the level of its log.</p>;
  const attempts = new Set(lines.map(({ attempt }) => attempt));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll short" tabIndex={0} aria-label="Log">
      <ol class="plain log">
        {lines.toReversed().map(({ at, level, attempt, message, fields }, index) => (
          <li key={`${at} ${lines.length - index}`}>
            <Time at={at} /> <span class={levelKinds[level] ?? 'dim'}>{level}</span>{' '}
            {attempts.size > 1 && <span class="dim">attempt {attempt ?? '–'} </span>}
            {message} {Object.keys(fields).length > 0 && <code class="dim">{JSON.stringify(fields)}</code>}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The steps of a job's life, with the time between them. */
function Timeline({ sections: { job, explanation } }: { sections: Seen }) {
  const now = new Date(useNow()).toISOString();
  const { details, runs, outcome } = job;
  // The end of the job stands for it.
  const isLastFailure = (attempt: number, end: string) =>
    outcome === 'failure' && end !== 'interrupted' && attempt === details.attempts;
  type Step = readonly [what: string, at: string | undefined, kind?: string];
  const steps: Step[] = [
    ['put', details.putAt],
    ['due', details.beginAfter],
    ['first start', details.firstStartAt],
    ...runs
      .filter(({ attempt, end }) => !isLastFailure(attempt, end))
      .map(
        ({ end, error, thread, ended }): Step => [
          `${end}${error === undefined ? '' : `: ${error}`} in thread ${thread}`,
          ended,
          'bad',
        ],
      ),
    ['last start', details.lastStartAt === details.firstStartAt ? undefined : details.lastStartAt],
    [outcome === 'failure' ? 'failed' : 'succeeded', details.endAt, outcome === 'failure' ? 'bad' : 'good'],
    ['callbacks done', details.completedAt === details.endAt ? undefined : details.completedAt],
  ];
  const there = steps
    .filter((step): step is [string, string, string?] => step[1] !== undefined)
    .sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
  const isOpen = details.completedAt === undefined;
  return (
    <ol class="timeline">
      {there.map(([what, at, kind], index) => (
        <li key={what + at} class={kind}>
          <strong>{what}</strong>
          <Time at={at} />
          {index > 0 && <span class="dim">+{durationText(between(there[index - 1]![1], at))}</span>}
        </li>
      ))}
      {isOpen && (
        <li class="now">
          <strong>{explanation.state}</strong>
          <span class="dim">for {durationText(between(there.at(-1)?.[1], now))}</span>
        </li>
      )}
    </ol>
  );
}

const classes = [
  ['succeeded', 'good', '✓'],
  ['failed', 'bad', '✗'],
  ['running', 'busy', '▶'],
  ['left', 'left', '…'],
  ['folded', 'folded', '▤'],
] as const;

const foldedAt = classes.findIndex(([name]) => name === 'folded');

/** All parts in order, in at most 240 cells: each has the colours of its parts, failures on top. */
function StripOf({ strip: { cells, totals } }: { strip: Json<Strip> }) {
  // The gaps are narrow, also between few cells.
  const cellWidth = 1 - Math.min(0.1, cells.length / 500);
  return (
    <div>
      <svg
        class="strip"
        viewBox={`0 0 ${cells.length} 10`}
        preserveAspectRatio="none"
        role="img"
        aria-label="The parts in order: the list below counts them"
      >
        {cells.map((cell, at) => {
          const all = cell.reduce((sum, count) => sum + count, 0);
          let y = 0;
          // A failure among very many parts must stay visible.
          const shares = [1, 2, 3, 0, 4].map(
            (one) => [one, one === 1 && cell[1] > 0 ? Math.max(0.3, cell[1] / all) : cell[one]! / all] as const,
          );
          return shares.map(([one, share]) => {
            if (share === 0 || y >= 10) return null;
            const height = Math.min(10 - y, share * 10);
            y += height;
            return (
              <rect
                key={`${at} ${one}`}
                class={classes[one]![1]}
                x={at}
                y={y - height}
                width={cellWidth}
                height={height}
              />
            );
          });
        })}
      </svg>
      <ul class="legend">
        {classes.map(([name, kind, sign], at) =>
          totals[at] === 0 && (name === 'folded' || totals[foldedAt]! > 0) ? null : (
            <li key={name} class={kind}>
              <span aria-hidden="true">{sign}</span> {countText(totals[at]!)} {name}
              {name === 'folded' && ': done, and no jobs of their own any more'}
            </li>
          ),
        )}
      </ul>
    </div>
  );
}

function Around({ sections: { job } }: { sections: Seen }) {
  const { details } = job;
  const one = (name: string, id: string | undefined): [string, ComponentChildren][] =>
    id === undefined ? [] : [[name, <JobLink key={name} id={id} />]];
  const facts: [string, ComponentChildren][] = [
    ...(job.parent === undefined ? [] : one(job.role === 'callback' ? 'callback of' : 'part of', job.parent.id)),
    ...one('runs again', details.retryOf),
    ...one('run again by', details.retriedBy),
    ...one('returned', details.returned),
    ...job.returnedBy.flatMap((id) => one('returned by', id)),
  ];
  if (job.schedule !== undefined)
    facts.push([
      'tick of',
      <Link key="schedule" to="schedules">
        {job.schedule.name}
      </Link>,
    ]);
  if (facts.length === 0 && job.callbacks.length === 0) return null;
  return (
    <Card title="Jobs around it">
      <ul class="plain">
        {facts.map(([name, value]) => (
          <li key={name}>
            <span class="dim">{name}</span> {value}
          </li>
        ))}
      </ul>
      {job.callbacks.length > 0 && (
        <>
          <h3>Callbacks</h3>
          <Tree rows={job.callbacks} />
          {!job.areAllCallbacks && <p class="dim">and more</p>}
        </>
      )}
    </Card>
  );
}

function Tree({ rows }: { rows: Seen['job']['callbacks'] }) {
  return (
    <ul class="tree">
      {withoutPairs(rows).map((row) => (
        <li key={row.id}>
          <JobLink id={row.id} /> {callbackText(row)} <Status status={row.status} outcome={row.outcome} />
          {row.callbacks.length > 0 && <Tree rows={row.callbacks} />}
        </li>
      ))}
    </ul>
  );
}
