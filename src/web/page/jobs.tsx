/** Jobs that fit a filter. The filter is in the address, so it can be kept and passed on. */

import { useEffect, useState } from 'preact/hooks';
import type { JobRow } from '../../protocol/monitor.js';
import type { ShownRow } from '../views/job-rows.js';
import type { JobsSections } from '../views/jobs.js';
import { BulkAction, canAct, SelectedAction } from './act.js';
import { Card, JobLink, Loaded, number, Status, Table, Time } from './elements.js';
import { between, bytesText, callableText, countText, durationText, plural, queueText, shortId } from './format.js';
import type { Json } from './json.js';
import { useView } from './live.js';
import { ProgressOf } from './overview.js';
import { go, Link, usePlace, withQuery } from './router.js';

const statuses = ['new', 'pending', 'assigned', 'active', 'callbacks', 'completed'];
const orders = ['newest', 'oldest', 'completed', 'claim'];
/** Parameters that are no part of the filter. */
const paging = ['cursor', 'order', 'limit'];

export function JobsPage() {
  const { query, trail } = usePlace();
  const cursor = query.get('cursor') ?? '';
  const seen = useView<JobsSections>('jobs', query);
  const filter = new URLSearchParams(query);
  for (const name of paging) filter.delete(name);
  const [jobs, set] = useState<readonly string[]>([]);
  const selection = { jobs, set };
  // Jobs that are not on the page any more would be acted on unseen.
  useEffect(() => set([]), [query.toString()]);
  const change = (changes: Readonly<Record<string, string>>) =>
    go(withQuery('jobs', query, { cursor: '', ...changes }));
  return (
    <Card title="Jobs" class="wide">
      <Filter key={filter.toString()} query={query} change={change} />
      <Loaded seen={seen}>
        {({ page, counts, matched }) => (
          <>
            <Counts counts={counts} query={query} />
            <p class="dim">{matchText(page, matched, cursor === '')}</p>
            <JobTable
              rows={page.items}
              selection={canAct ? selection : undefined}
              empty="No job fits this filter. Completed jobs are forgotten after some time (retention)."
            />
            <div class="buttons">
              {cursor !== '' && <Link to={withQuery('jobs', query, { cursor: '' })}>First page</Link>}
              {trail.length > 0 && (
                <Link to={withQuery('jobs', query, { cursor: trail.at(-1)! })} trail={trail.slice(0, -1)}>
                  Previous page
                </Link>
              )}
              {page.next !== undefined && (
                <Link to={withQuery('jobs', query, { cursor: page.next })} trail={[...trail, cursor]}>
                  Next page
                </Link>
              )}
              <span class="dim">
                {plural(page.items.length, 'job')}, {countText(page.walked)} looked at
                {!page.complete && ', the search took too long: the next page goes on'}
                {!page.exact && ', jobs changed meanwhile'}
              </span>
            </div>
            {canAct && (
              <div class={`buttons ${selection.jobs.length > 0 ? 'selected' : ''}`}>
                <span>{plural(selection.jobs.length, 'job')} selected</span>
                {selection.jobs.length > 0 && (
                  <button type="button" onClick={() => selection.set([])}>
                    None
                  </button>
                )}
                <SelectedAction verb="Retry" jobs={selection.jobs} onDone={() => selection.set([])} />
                <SelectedAction verb="Cancel" jobs={selection.jobs} onDone={() => selection.set([])} />
              </div>
            )}
            <div class="buttons">
              <BulkAction action="retry all" filter={filter.toString()} label="Retry all that match…" />
              <BulkAction action="cancel all" filter={filter.toString()} label="Cancel all that match…" />
              <BulkAction action="forget all" filter={filter.toString()} label="Forget all that match…" />
            </div>
          </>
        )}
      </Loaded>
    </Card>
  );
}

function matchText({ items, next }: Json<JobsSections>['page'], matched: number | undefined, isFirst: boolean): string {
  if (matched !== undefined) return `${plural(matched, 'job')} match`;
  const isAll = isFirst && next === undefined;
  return isAll ? `${plural(items.length, 'job')} match` : `at least ${plural(items.length, 'job')} match`;
}

interface FilterProps {
  readonly query: URLSearchParams;
  readonly change: (changes: Readonly<Record<string, string>>) => void;
}

const fields = [
  ['callable', 'callable', 'images#*'],
  ['queue', 'queue', 'mail*'],
  ['error', 'error', 'RangeError'],
  ['since', 'put since', '1h'],
] as const;
const shownElsewhere = [...fields.map(([name]) => name), 'status', 'outcome', ...paging] as readonly string[];

function Filter({ query, change }: FilterProps) {
  const others = [...query].filter(([name]) => !shownElsewhere.includes(name));
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        change(Object.fromEntries(fields.map(([name]) => [name, String(data.get(name) ?? '').trim()])));
      }}
    >
      {fields.map(([name, label, example]) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={query.get(name) ?? ''} placeholder={example} autocomplete="off" />
        </label>
      ))}
      <Choice
        label="status"
        value={query.get('status') ?? ''}
        options={statuses}
        change={(status) => change({ status })}
      />
      <Choice
        label="outcome"
        value={query.get('outcome') ?? ''}
        options={['none', 'value', 'failure']}
        change={(outcome) => change({ outcome })}
      />
      <Choice
        label="order"
        value={query.get('order') ?? 'newest'}
        options={orders}
        isFull
        change={(order) => change({ order })}
      />
      <button type="submit">Search</button>
      {others.map(([name, value]) => (
        <Link
          key={`${name} ${value}`}
          class="chip"
          to={withQuery('jobs', query, { [name]: '', cursor: '' })}
          title="Remove this filter"
        >
          {name}: {value} ×
        </Link>
      ))}
    </form>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly isFull?: boolean;
  readonly change: (value: string) => void;
}

function Choice({ label, value, options, isFull = false, change }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={({ currentTarget }) => change(currentTarget.value)}>
        {!isFull && <option value="">any</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The jobs of the queue and callable by status, as filters. */
function Counts({ counts, query }: { counts: Json<JobsSections>['counts']; query: URLSearchParams }) {
  if (counts.length === 0) return null;
  const isNow = (status: string, outcome: string) => query.get('status') === status && query.get('outcome') === outcome;
  return (
    <nav class="chips" aria-label="By status">
      {counts.map(({ status = '', outcome = '', count }) => {
        const current = isNow(status, outcome);
        const to = withQuery('jobs', query, {
          cursor: '',
          status: current ? '' : status,
          outcome: current ? '' : outcome,
        });
        return (
          <Link key={`${status} ${outcome}`} to={to} aria-current={current ? 'page' : undefined}>
            <Status status={status} outcome={outcome} /> {countText(count)}
          </Link>
        );
      })}
    </nav>
  );
}

interface Selection {
  /** Their ids. */
  readonly jobs: readonly string[];
  readonly set: (jobs: readonly string[]) => void;
}

interface JobTableProps {
  readonly rows: readonly (Json<JobRow> & Partial<Pick<Json<ShownRow>, 'argumentLine' | 'progress'>>)[];
  readonly empty: string;
  readonly selection?: Selection | undefined;
}

export function JobTable({ rows, empty, selection }: JobTableProps) {
  return (
    <Table
      label="Jobs"
      columns={[
        ...(selection === undefined
          ? []
          : [{ name: 'select', isNumber: false, head: <SelectAll rows={rows} {...selection} /> }]),
        ...[
          'job',
          'callable',
          'arguments',
          'status',
          'queue',
          'put',
          number('wait'),
          number('run'),
          number('attempts'),
          'role',
        ],
      ]}
      empty={empty}
      rows={rows.map(({ id, callable, status, outcome, queue, put, due, started, ended, attempts, role, ...row }) => ({
        key: id,
        cells: [
          ...(selection === undefined ? [] : [<Select key="select" id={id} {...selection} />]),
          <JobLink key="id" id={id} />,
          callableText(callable),
          <span key="arguments" class="dim line">
            {row.argumentLine === undefined ? row.argumentBytes > 0 && bytesText(row.argumentBytes) : row.argumentLine}
          </span>,
          <span key="status">
            <Status status={status} outcome={outcome} />{' '}
            {row.progress !== undefined && <ProgressOf progress={row.progress} />}
          </span>,
          queueText(queue),
          <Time key="put" at={put} />,
          due !== undefined && started === undefined ? (
            <span key="due">
              due <Time at={due} />
            </span>
          ) : (
            durationText(between(put, started))
          ),
          durationText(between(started, ended)),
          attempts,
          role,
        ],
      }))}
    />
  );
}

function Select({ id, jobs, set }: Selection & { readonly id: string }) {
  const isSelected = jobs.includes(id);
  return (
    <input
      type="checkbox"
      aria-label={`Select ${shortId(id)}`}
      checked={isSelected}
      onChange={() => set(isSelected ? jobs.filter((one) => one !== id) : [...jobs, id])}
    />
  );
}

function SelectAll({ rows, jobs, set }: Selection & Pick<JobTableProps, 'rows'>) {
  const isWhole = rows.every(({ id }) => jobs.includes(id));
  return (
    <input
      type="checkbox"
      aria-label="Select all on this page"
      checked={isWhole}
      onChange={() => set(isWhole ? [] : rows.map(({ id }) => id))}
    />
  );
}
