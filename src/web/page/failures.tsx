/** Failed jobs in groups. */
import { exactly } from '../exact-name.js';
import type { ShownFailures } from '../views/failures.js';
import { BulkAction, canAct } from './act.js';
import { Bars } from './chart.js';
import { Card, JobLink, Loaded, number, Table, Time } from './elements.js';
import { callableText, countText, queueText } from './format.js';
import type { Json } from './json.js';
import { useView } from './live.js';
import { Link, usePlace, withQuery } from './router.js';

type Group = Json<ShownFailures>['groups'][number];

/** The place stands for the error that is thrown there. */
const filterOf = ({ error = '', frame = '', callable = '', queue = '' }: Group) =>
  new URLSearchParams({
    ...{ outcome: 'failure', error: frame || error },
    ...{ callable: exactly(callable), queue: exactly(queue) },
  }).toString();

interface TableProps {
  readonly failures: Json<ShownFailures>;
  readonly actions?: boolean;
}

export function FailureTable({ failures, actions = false }: TableProps) {
  const { groups } = failures;
  const times = stepsOf(failures, Date.now());
  return (
    <Table
      label="Failures by error"
      columns={[
        number('jobs'),
        'over time',
        'error',
        'callable',
        'message of the last',
        'last',
        ...(actions ? ['queue', 'first', 'act'] : []),
      ]}
      empty="No job has failed. Failed jobs are remembered for 30 days unless retention says otherwise."
      rows={groups.map((group) => {
        const { error, frame, callable, queue, count, example, message, first, last } = group;
        const filter = filterOf(group);
        return {
          key: `${error} ${frame} ${callable} ${queue}`,
          cells: [
            <Link key="count" to={`jobs?${filter}`}>
              {countText(count)}
            </Link>,
            <Counts key="counts" group={group} times={times} />,
            <span key="error">
              <span class="bad">
                <span aria-hidden="true">✗</span> {error}
              </span>
              {frame !== '' && <code class="dim frame">{frame}</code>}
            </span>,
            callableText(callable ?? ''),
            <span key="message" class="message">
              {message ?? '–'} <JobLink id={example} />
            </span>,
            <Time key="last" at={last} />,
            ...(actions
              ? [
                  queueText(queue ?? ''),
                  <Time key="first" at={first} />,
                  <span key="act" class="buttons">
                    {canAct ? (
                      <BulkAction action="retry all" filter={`${filter}&retried=false&role=root`} label="Retry…" />
                    ) : (
                      '–'
                    )}
                  </span>,
                ]
              : []),
          ],
        };
      })}
    />
  );
}

/** The begins of the steps until now; of very many, the last ones. */
function stepsOf({ groups, stepMs, from }: Json<ShownFailures>, now: number): readonly number[] {
  const first = Math.min(
    now,
    ...(from === undefined ? groups.map((group) => Date.parse(group.first)) : [Date.parse(from)]),
  );
  const last = Math.floor(now / stepMs);
  const count = Math.min(mostSteps, last - Math.floor(first / stepMs) + 1);
  return Array.from({ length: count }, (_, at) => (last - count + 1 + at) * stepMs);
}

const mostSteps = 31;

/** The failures of a group by time: bars, and their numbers behind them. */
function Counts({ group: { steps = [] }, times }: { group: Group; times: readonly number[] }) {
  const counts = new Map(steps.map(({ from, count }) => [Date.parse(from), count]));
  return (
    <details class="counts">
      <summary aria-label="Counts over time">
        <Bars values={times.map((time) => counts.get(time) ?? 0)} />
      </summary>
      <ul class="plain">
        {steps.slice(-mostSteps).map(({ from, count }) => (
          <li key={from}>
            <Time at={from} /> <strong>{countText(count)}</strong>
          </li>
        ))}
      </ul>
    </details>
  );
}

const spans = ['1h', '24h', '7d'];

export function FailuresPage() {
  const { query } = usePlace();
  const since = query.get('since') ?? '';
  const seen = useView<{ failures: ShownFailures }>('failures', query);
  return (
    <Card
      title={<span>Failures</span>}
      class="wide"
      tools={
        <nav class="chips" aria-label="Interval">
          {[...spans, ''].map((name) => (
            <Link
              key={name}
              to={withQuery('failures', query, { since: name })}
              aria-current={name === since ? 'page' : undefined}
            >
              {name === '' ? 'all' : name}
            </Link>
          ))}
        </nav>
      }
    >
      <Loaded seen={seen}>
        {({ failures }) => (
          <>
            <FailureTable failures={failures} actions />
            {failures.others > 0 && <p class="dim">and {countText(failures.others)} jobs in other groups</p>}
            {!failures.complete && <p class="dim">Older failures are missing: the search took too long.</p>}
          </>
        )}
      </Loaded>
    </Card>
  );
}
