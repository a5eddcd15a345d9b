/**
 * Looks at everything on the page of a runtime, and takes an action of each kind. The jobs are
 * those for real threads.
 */
import assert from 'node:assert/strict';
import { parallel, type Runtime } from 'callsheet';
import { web } from '../../src/web/index.js';
import { hourMs } from '../contract/opened.js';
import { stubborn } from '../contract/real/jobs/all.js';
import { eventually } from '../harness/eventually.js';
import { lastLine, Visitor } from './visitor.js';

/** Long for any machine, so that a result that never comes is an error. */
const soon = { timeoutMs: 30_000 };
const quick = (line: string) => stubborn.quick('/dev/null', line);
const fails = stubborn.quick('/', 'a directory is no file');

/** `runtime` may run nothing itself. The page of `withThreads` shows the threads. */
export async function tour(runtime: Runtime, withThreads = runtime): Promise<void> {
  const [page, pageOfThreads] = [web(runtime, { write: true, show: true }), web(withThreads)];
  const visitor = await Visitor.of(page);
  const get = async (path: string, of = visitor) => {
    const { status, text, data } = await of.get(path);
    assert.equal(status, 200, `${path}: ${text}`);
    return data ?? text;
  };
  const act = async (fields: Readonly<Record<string, unknown>>) => {
    const { status, text, data } = await visitor.act(fields);
    assert.equal(status, 200, `${fields.action}: ${text}`);
    return data ?? lastLine(text).result ?? assert.fail(`${fields.action}: ${text}`);
  };
  const queue = await runtime.createQueue('page');
  await queue.setQuota('q', { size: 1 });
  await queue.schedule('daily', quick('daily'), { cron: '0 3 * * *' });
  const whole = await queue.put(parallel([quick('a'), quick('b')]));
  await whole.result(soon);
  const failed = await queue.put(fails);
  await failed.failure(soon);
  const held = await queue.put(stubborn.listens, { quotas: ['q'] });
  await eventually('it runs', () => held.annotations.get('begun'));
  const waiting = await queue.put(quick('waits'), { quotas: ['q'] });
  const later = await queue.put(quick('later'), { beginAfter: hourMs });

  const overview = await get('/api/overview');
  assert.deepEqual([overview.active.items[0].id, overview.failures.groups[0].count], [held.id, 1]);
  assert.equal((await get('/api/jobs?queue=page&status=pending')).page.items.length, 2);
  assert.deepEqual((await get(`/api/job?id=${whole.id}`)).strip.totals, [2, 0, 0, 0, 0]);
  assert.match((await get(`/api/job?id=${failed.id}`)).failure.text, /EISDIR/);
  const { reasons } = (await get(`/api/job?id=${waiting.id}`)).explanation;
  assert.deepEqual(reasons.at(-1).jobs, [held.id], 'the quota is full');
  assert.deepEqual((await get(`/api/job?id=${later.id}`)).arguments.value, ['/dev/null', 'later']);
  const { agents, quotas, next } = await get('/api/queues?name=page');
  assert.deepEqual([quotas[0].keys, next[0].row.id], [[{ key: '', jobs: [held.id] }], waiting.id]);
  assert.equal((await get('/api/failures')).failures.groups[0].example, failed.id);
  assert.equal((await get('/api/schedules')).schedules.items[0].details.name, 'daily');
  assert.equal((await get('/api/health')).dispatchers[0].id, agents[0].dispatcher);
  const threads = await get('/api/threads', await Visitor.of(pageOfThreads));
  assert.deepEqual([threads.size, threads.active.items[0].id], [1, held.id]);
  assert.ok(Object.keys(threads).some((name) => name.startsWith('window ')));
  const metrics = await get('/metrics');
  assert.match(metrics, /^callsheet_jobs_failed_total\{queue="page",callable="stubborn#quick"\} 1$/m);
  assert.match(metrics, /^callsheet_queue_running\{queue="page"\} 1$/m);
  const tab = (await visitor.open('/events?view=jobs&queue=page&role=root')).body!.getReader();
  const update = new TextDecoder().decode((await tab.read()).value);
  assert.equal(JSON.parse(update.slice('data: '.length)).changed.page.items.length, 5);
  await tab.cancel();

  await act({ action: 'change', job: later.id, priority: 5 });
  assert.equal((await later.details()).priority, 5);
  assert.equal((await act({ action: 'cancel selected', jobs: [later.id] })).done, 1);
  const { dispatcher, name: agent } = agents[0];
  await act({ action: 'resize agent', queue: 'page', agent, dispatcher, size: 2 });
  assert.equal((await queue.agents())[0]!.size, 2);
  await act({ action: 'resize quota', queue: 'page', quota: 'q', size: 2 });
  await act({ action: 'cancel', job: held.id });
  assert.equal(await waiting.result(soon), 'waits');
  const { id: again } = await act({ action: 'retry', job: failed.id });
  await runtime.job(again).failure(soon);
  await act({ action: 'pause schedule', schedule: 'daily' });
  await act({ action: 'resume schedule', schedule: 'daily' });
  const { id: tick } = await act({ action: 'trigger schedule', schedule: 'daily' });
  assert.equal(await runtime.job(tick).result(soon), 'daily');
  await act({ action: 'pause queue', queue: 'page' });
  for (const [action, filter] of [
    ['retry all', 'outcome=failure&queue=page'],
    ['cancel all', 'status=pending&queue=page'],
    ['forget all', 'status=completed&queue=page'],
  ] as const) {
    const { matched } = await get(`/api/count?action=${encodeURIComponent(action)}&${filter}`);
    assert.ok(matched > 0, action);
    assert.equal((await act({ action, filter, expect: matched })).done, matched, action);
  }
  await act({ action: 'resume queue', queue: 'page' });
  page.close();
}
