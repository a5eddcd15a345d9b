/** Queues, and one of them with agents, quotas and its next jobs. */
import { useRef, useState } from 'preact/hooks';
import { exactly } from '../exact-name.js';
import type { QueueRows } from '../views/queue-rows.js';
import type { QueuesSections } from '../views/queues.js';
import { Action, act } from './act.js';
import { Age, Card, JobLink, Loaded, number, Sentence, Table, Time } from './elements.js';
import { callableText, countText, durationText, plural, queueText, rateText } from './format.js';
import type { Json } from './json.js';
import { useNow, useView } from './live.js';
import { Link, usePlace } from './router.js';

export function QueueTable({ queues, now }: { queues: Json<QueueRows>; now: number }) {
  return (
    <>
      <Table
        label="Queues"
        columns={[
          'queue',
          number('due'),
          number('later'),
          number('running'),
          number('oldest'),
          number('in/s'),
          number('out/s'),
          'state',
        ]}
        empty="There is no queue."
        rows={queues.items.map(
          ({ name, length, later, running, oldestSince, rates, paused, pausedSince, bound, putsWaiting }) => ({
            key: name,
            cells: [
              <Link key="name" to={`queues?${new URLSearchParams({ name })}`}>
                {queueText(name)}
              </Link>,
              countText(length),
              countText(later),
              countText(running),
              <Age key="age" since={oldestSince} now={now} />,
              rateText(rates?.in),
              rateText(rates?.out),
              <span key="state">
                {paused && (
                  <>
                    <strong>paused</strong> since <Time at={pausedSince} />{' '}
                  </>
                )}
                {bound !== undefined &&
                  `bound ${countText(bound)}${putsWaiting > 0 ? `, ${plural(putsWaiting, 'put')} waiting` : ''}`}
                {!paused && bound === undefined && <span class="dim">open</span>}
              </span>,
            ],
          }),
        )}
      />
      {queues.others > 0 && <p class="dim">and {plural(queues.others, 'more queue')}</p>}
    </>
  );
}

export function QueuesPage() {
  const { query } = usePlace();
  const name = query.get('name');
  const seen = useView<QueuesSections>('queues', query);
  const now = useNow();
  return (
    <Loaded seen={seen}>
      {({ queues, agents, quotas, next }) => {
        const paused = queues.items.find((queue) => queue.name === name)?.paused;
        return (
          <>
            <Card title="Queues" class="wide">
              <QueueTable queues={queues} now={now} />
            </Card>
            {name !== null && agents !== undefined && (
              <>
                <Card
                  title={`Queue ${queueText(name)}: agents`}
                  tools={
                    <span class="buttons">
                      {paused === true ? (
                        <Action label="Resume" run={() => act({ action: 'resume queue', queue: name })} />
                      ) : (
                        <Action
                          label="Pause…"
                          question={<p>Pause the queue {queueText(name)}? Running jobs go on, and no other begins.</p>}
                          run={() => act({ action: 'pause queue', queue: name })}
                        />
                      )}
                      <Link
                        to={`jobs?${new URLSearchParams({ queue: exactly(name), status: 'pending', order: 'claim' })}`}
                      >
                        its line
                      </Link>
                    </span>
                  }
                >
                  <Agents agents={agents} />
                </Card>
                <Card title={`Queue ${queueText(name)}: quotas`}>
                  <Quotas quotas={quotas ?? []} queue={name} />
                </Card>
                <Card title={`Queue ${queueText(name)}: the next jobs, and why they wait`} class="wide">
                  <NextJobs next={next ?? []} />
                </Card>
              </>
            )}
            {name === null && <p class="empty">Choose a queue to see its agents, its quotas and its next jobs.</p>}
          </>
        );
      }}
    </Loaded>
  );
}

type Of<Name extends 'agents' | 'quotas' | 'next'> = NonNullable<Json<QueuesSections>[Name]>;

function Agents({ agents }: { agents: Of<'agents'> }) {
  return (
    <Table
      label="Agents"
      columns={['agent', 'has claimed', 'takes', 'dispatcher', 'size']}
      empty="No dispatcher has an agent here, so no job of this queue begins. setAgent() adds one."
      rows={agents.map(({ name, queue, dispatcher, size, running, filter, chooser, problem, resizable }) => ({
        key: `${dispatcher} ${name}`,
        cells: [
          name,
          plural(running, 'job'),
          <span key="takes">
            {filter === undefined ? 'all jobs' : <code>{JSON.stringify(filter)}</code>}
            {chooser !== undefined && `, chosen by ${chooser}`}
            {problem !== undefined && <span class="problem">{problem.message}</span>}
          </span>,
          <span key="dispatcher" class="id" title={dispatcher}>
            {dispatcher.slice(-8)}
          </span>,
          resizable ? (
            <Resize
              key="size"
              label={`Size of ${name}`}
              size={size}
              run={(to) => act({ action: 'resize agent', queue, agent: name, dispatcher, size: to })}
            />
          ) : (
            size
          ),
        ],
      }))}
    />
  );
}

function Quotas({ quotas, queue }: { quotas: Of<'quotas'>; queue: string }) {
  return (
    <Table
      label="Quotas"
      columns={['quota', number('taken'), 'keys', 'rate', 'size']}
      empty="This queue has no quotas. setQuota() limits the jobs that name one."
      rows={quotas.map(({ name, size, rate, places, keys }) => ({
        key: name,
        cells: [
          name,
          countText(places),
          <ul key="keys" class="plain">
            {keys.map(({ key, jobs }) => (
              <li key={key}>
                {key !== '' && <code>{key}</code>} {jobs.length} of {size}
                {jobs.length >= size && <strong> full</strong>}{' '}
                {jobs.slice(0, 3).map((id) => (
                  <JobLink key={id} id={id} />
                ))}
              </li>
            ))}
            <Unseen places={places} keys={keys} />
          </ul>,
          rate === undefined ? '–' : `${countText(rate.count)} in ${durationText(rate.periodMs)}`,
          <Resize
            key="size"
            label={`Size of ${name}`}
            size={size}
            run={(to) => act({ action: 'resize quota', queue, quota: name, size: to })}
          />,
        ],
      }))}
    />
  );
}

/** Says how many of the places are counted by key. */
function Unseen({ places, keys }: Pick<Of<'quotas'>[number], 'places' | 'keys'>) {
  const seen = keys.reduce((sum, { jobs }) => sum + jobs.length, 0);
  if (seen >= places) return null;
  return (
    <li class="dim">
      the first {countText(seen)} of {countText(places)} places, by key
    </li>
  );
}

function Resize({ label, size, run }: { label: string; size: number; run: (size: number) => Promise<unknown> }) {
  const [text, set] = useState<string>();
  const button = useRef<HTMLSpanElement>(null);
  const to = Number(text ?? size);
  const isEmpty = text === '';
  const isWrong = !isEmpty && !(Number.isSafeInteger(to) && to >= 1);
  const isNew = text !== undefined && !isEmpty && !isWrong && to !== size;
  return (
    <form
      class="buttons"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (isEmpty) set(undefined);
        button.current?.querySelector('button')?.click();
      }}
    >
      <input
        type="number"
        min="1"
        aria-label={label}
        aria-invalid={isWrong}
        value={text ?? size}
        onInput={({ currentTarget }) => set(currentTarget.value)}
        onBlur={() => isEmpty && set(undefined)}
      />
      {isWrong && (
        <span class="problem" role="alert">
          a size is a whole number from 1
        </span>
      )}
      {isNew && (
        <span ref={button}>
          <Action
            label="Set…"
            question={
              <p>
                {label}: {size} → <strong>{to}</strong>?
              </p>
            }
            run={() => run(to)}
            onDone={() => set(undefined)}
          />
        </span>
      )}
    </form>
  );
}

function NextJobs({ next }: { next: Of<'next'> }) {
  return (
    <Table
      label="The next jobs"
      columns={[number('place'), 'job', 'callable', number('priority'), 'put', 'why it waits']}
      empty="No job waits in this queue."
      rows={next.map(({ row, summary }, at) => ({
        key: row.id,
        cells: [
          at + 1,
          <JobLink key="id" id={row.id} />,
          callableText(row.callable),
          row.priority,
          <Time key="put" at={row.put} />,
          <span key="why" class="message">
            <Sentence text={summary} />
          </span>,
        ],
      }))}
    />
  );
}
