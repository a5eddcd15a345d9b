/** Failed jobs in groups. */
import { exactly } from '../exact-name.js';
import type { ShownFailures } from '../views/failures.js';
import { BulkAction, canAct } from './act.js';
import { Card, JobLink, Loaded, number, Table, Time } from './elements.js';
import { callableText, countText, queueText } from './format.js';
import type { Json } from './json.js';
import { useView } from './live.js';
import { Link, usePlace, withQuery } from './router.js';

type Group = Json<ShownFailures>['groups'][number];

const filterOf = ({ error = '', callable = '', queue = '' }: Group) =>
  new URLSearchParams({ outcome: 'failure', error, callable: exactly(callable), queue: exactly(queue) }).toString();

export function FailureTable({ groups, actions = false }: { groups: readonly Group[]; actions?: boolean }) {
  return (
    <Table
      label="Failures by error"
      columns={[
        number('jobs'),
        'error',
        'callable',
        'message of the last',
        'last',
        ...(actions ? ['queue', 'first', 'act'] : []),
      ]}
      empty="No job has failed. Failed jobs are remembered for 30 days unless retention says otherwise."
      rows={groups.map((group) => {
        const { error, callable, queue, count, example, message, first, last } = group;
        const filter = filterOf(group);
        return {
          key: `${error} ${callable} ${queue}`,
          cells: [
            <Link key="count" to={`jobs?${filter}`}>
              {countText(count)}
            </Link>,
            <span key="error" class="bad">
              <span aria-hidden="true">✗</span> {error}
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
        {({ failures: { groups, others, complete } }) => (
          <>
            <FailureTable groups={groups} actions />
            {others > 0 && <p class="dim">and {countText(others)} jobs in other groups</p>}
            {!complete && <p class="dim">Older failures are missing: the search took too long.</p>}
          </>
        )}
      </Loaded>
    </Card>
  );
}
