/** The page in the browser: its header, and the page that the address names. */
import { render } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { canAct } from './act.js';
import { FailuresPage } from './failures.js';
import { HealthPage } from './health.js';
import { JobPage } from './job.js';
import { JobsPage } from './jobs.js';
import { connection } from './live.js';
import { Overview } from './overview.js';
import { QueuesPage } from './queues.js';
import { go, Link, usePlace } from './router.js';
import { SchedulesPage } from './schedules.js';
import { ThreadsPage } from './threads.js';

const pages = [
  ['', 'Overview', Overview],
  ['jobs', 'Jobs', JobsPage],
  ['failures', 'Failures', FailuresPage],
  ['queues', 'Queues', QueuesPage],
  ['threads', 'Threads', ThreadsPage],
  ['schedules', 'Schedules', SchedulesPage],
  ['health', 'Health', HealthPage],
] as const;

function App() {
  const { path } = usePlace();
  const id = /^jobs\/(.+)$/.exec(path)?.[1];
  const found = pages.find(([name]) => name === path);
  const title = id !== undefined ? `Job ${id}` : (found?.[1] ?? 'Not found');
  useEffect(() => {
    document.title = `${title} · callsheet`;
  }, [title]);
  const Page = found?.[2];
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <Link to="" class="brand">
          callsheet
        </Link>
        <nav aria-label="Pages">
          {pages.map(([name, label]) => (
            <Link
              key={name}
              to={name}
              aria-current={name === path || (name === 'jobs' && id !== undefined) ? 'page' : undefined}
            >
              {label}
            </Link>
          ))}
        </nav>
        <Search />
        <Connection />
      </header>
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{title}</h1>
        {id !== undefined ? (
          <JobPage key={id} id={id} />
        ) : Page === undefined ? (
          <p class="empty">There is no such page.</p>
        ) : (
          <Page />
        )}
      </main>
    </>
  );
}

/** Finds a job by its id, or jobs by callable or error. `/` leads to it. */
function Search() {
  const input = useRef<HTMLInputElement>(null);
  // Before the first paint, so that no key is lost.
  useLayoutEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.matches('input, select, textarea');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', focus);
    return () => document.removeEventListener('keydown', focus);
  }, []);
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = input.current!.value.trim();
          if (text !== '') go(addressFor(text));
          input.current!.value = '';
          input.current!.blur();
        }}
      >
        <input
          ref={input}
          type="search"
          aria-label="Search"
          aria-keyshortcuts="/"
          placeholder="/ id, callable or error"
          autocomplete="off"
        />
      </form>
    </search>
  );
}

function addressFor(text: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(text)) return `jobs/${text}`;
  if (/^\w*Error$/.test(text)) return `jobs?${new URLSearchParams({ error: text })}`;
  return `jobs?${new URLSearchParams({ callable: /[#*]/.test(text) ? text : `*${text}*` })}`;
}

function Connection() {
  const [isLive, set] = useState(connection.isLive);
  useEffect(() => {
    connection.onChange = () => set(connection.isLive);
  }, []);
  return (
    <span class={`live ${isLive ? 'good' : 'dim'}`} role="status">
      <span aria-hidden="true">{isLive ? '●' : '○'}</span> {isLive ? 'live' : 'not live'}
      {!canAct && ', read-only'}
    </span>
  );
}

render(<App />, document.querySelector('#page')!);
