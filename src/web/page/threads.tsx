/** Threads: their work, the usual times of callables, and threads that ended on their own. */
import { useRef } from 'preact/hooks';
import { exactly } from '../exact-name.js';
import type { ThreadsSections } from '../views/threads.js';
import { shownMs } from '../window.js';
import { Bar, Card, JobLink, Loaded, number, Table, Time } from './elements.js';
import { bytesText, callableText, countText, durationText, plural } from './format.js';
import { colourOf, Gantt, windowsOf } from './gantt.js';
import type { Json } from './json.js';
import { useNow, useView } from './live.js';
import { Running } from './overview.js';
import { Link } from './router.js';

export function ThreadsPage() {
  const seen = useView<ThreadsSections>('threads', new URLSearchParams());
  const now = useNow();
  return (
    <Loaded seen={seen}>
      {(sections) => {
        const { active, size, ended, callables, blamed } = sections;
        return (
          <>
            <Card title="Threads, last minute" class="wide">
              <Gantt windows={windowsOf(sections)} active={active.items} size={size} now={now} />
            </Card>
            <Card title="Load of the threads" class="wide">
              <Load usage={sections.usage} />
            </Card>
            <Card title="Running" class="wide">
              <Running runs={active.items} now={now} />
            </Card>
            <Card title="Time of the threads by callable, last hour" class="wide">
              <Table
                label="Time by callable"
                columns={[
                  'callable',
                  number('runs'),
                  number('in all'),
                  number('expected'),
                  number('mean'),
                  number('half'),
                  number('95%'),
                  number('99%'),
                  number('most'),
                  'longest',
                ]}
                empty="No job has run in the last hour."
                rows={callables.flatMap(({ callable, run, started, expectedMs }) =>
                  run === undefined
                    ? []
                    : [
                        {
                          key: callable,
                          cells: [
                            <span key="name">
                              <svg class={`piece ${colourOf(callable)}`} width="10" height="10" aria-hidden="true">
                                <rect width="10" height="10" />
                              </svg>{' '}
                              {callableText(callable)}
                            </span>,
                            countText(started),
                            durationText(run.mean * run.count),
                            durationText(expectedMs),
                            durationText(run.mean),
                            durationText(run.p50),
                            durationText(run.p95),
                            durationText(run.p99),
                            durationText(run.max),
                            <JobLink key="longest" id={run.longest} />,
                          ],
                        },
                      ],
                )}
              />
            </Card>
            <Card title="Threads that ended on their own, and the job that each was at" class="wide">
              {blamed.length > 0 && (
                <ul class="plain">
                  {blamed.map(({ callable, count, job }) => (
                    <li key={callable}>
                      <Link to={`jobs?${new URLSearchParams({ callable: exactly(callable) })}`}>
                        {callableText(callable)}
                      </Link>
                      : {plural(count, 'thread')}, last at <JobLink id={job} />
                    </li>
                  ))}
                </ul>
              )}
              <Table
                label="Threads that ended on their own"
                columns={['at', 'thread', 'job', 'callable', number('attempt'), 'error']}
                empty="None since the runtime was opened."
                rows={ended.map(({ at, thread, job, callable, attempt, error, message }) => ({
                  key: `${at} ${thread}`,
                  cells: [
                    <Time key="at" at={at} />,
                    thread ?? '–',
                    job === undefined ? 'no job' : <JobLink id={job} />,
                    callable ?? '–',
                    attempt ?? '–',
                    <span key="error" class="message">
                      {error}: {message}
                    </span>,
                  ],
                }))}
              />
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}

type Usage = Json<ThreadsSections>['usage'];

/** The load of the last minute, as far as this tab has seen it; else since the threads began. */
function Load({ usage }: { usage: Usage }) {
  const samples = useRef<Usage[]>([]);
  if (samples.current.at(-1)?.at !== usage.at) samples.current = [...samples.current, usage].slice(-mostSamples);
  const old = samples.current.find(({ at }) => usage.at - at <= shownMs && at < usage.at);
  const knowsCpu = usage.threads.some(({ cpuMs }) => cpuMs !== undefined);
  return (
    <>
      <Table
        label="Load of the threads"
        columns={['thread', number('loop works'), number('CPU'), number('heap'), number('outside of the heap')]}
        empty="No thread has begun yet."
        rows={usage.threads.map((now) => {
          const before = old?.threads.find(({ thread }) => thread === now.thread);
          const worked = now.activeMs - (before?.activeMs ?? 0);
          const waited = now.idleMs - (before?.idleMs ?? 0);
          return {
            key: String(now.thread),
            cells: [
              now.thread,
              worked + waited <= 0 ? '–' : <Bar key="loop" part={worked / (worked + waited)} label="loop works" />,
              now.cpuMs === undefined ? '–' : durationText(now.cpuMs),
              now.heapBytes === undefined ? '–' : bytesText(now.heapBytes),
              now.externalBytes === undefined ? '–' : bytesText(now.externalBytes),
            ],
          };
        })}
      />
      <p class="dim">
        The event loop works while a job computes, and idles while it waits. Memory is that at the end of a job, once a
        second. CPU time counts from the start of the thread{!knowsCpu && ': before version 23.9, Node does not say it'}
        .
      </p>
    </>
  );
}

const mostSamples = 90;
