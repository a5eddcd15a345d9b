/** The handler of the page, without a browser: access, every route, and nonsense. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type BulkResult, parallel, type Queue } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { type WebAction, type WebHandler, type WebOptions, web } from '../../src/web/index.js';
import { inside, work } from '../contract/jobs/all.js';
import { openGate } from '../contract/jobs/work.js';
import { hourMs, opened } from '../contract/opened.js';
import { lastLine, origin, Visitor } from './visitor.js';

interface Served {
  readonly kit: Kit;
  readonly queue: Queue;
  readonly page: WebHandler;
  readonly visitor: Visitor;
}

async function served(t: TestContext, options: WebOptions = {}): Promise<Served> {
  const kit = await opened(t, { threads: 1 });
  const page = web(kit.runtime, options);
  t.after(() => page.close());
  const visitor = options.authorize === undefined ? await Visitor.of(page) : new Visitor(page);
  return { kit, queue: kit.runtime.queue(), page, visitor };
}

const views = ['overview', 'jobs', 'queues', 'queues?name=', 'threads', 'failures', 'schedules', 'health'];

describe('the page: access', () => {
  it('[17.1] admits only browsers that followed a link, and each link once', async (t) => {
    const kit = await opened(t);
    const page = web(kit.runtime);
    const stranger = new Visitor(page);
    for (const path of ['/', '/jobs', '/api/overview', '/events?view=overview', '/api/count?action=retry+all'])
      assert.equal((await stranger.get(path)).status, 401, path);
    assert.equal((await stranger.act({ action: 'cancel', job: 'x' })).status, 401);
    assert.equal((await stranger.get('/?token=guessed')).status, 403);

    const link = page.link(origin);
    const first = new Visitor(page);
    const looked = await first.get(link, { method: 'HEAD' });
    assert.deepEqual([looked.status, looked.headers.get('set-cookie'), looked.text], [200, null, '']);
    const { status, headers, text } = await first.get(link);
    assert.equal(status, 200);
    assert.match(headers.get('set-cookie')!, /; Path=\/; .*HttpOnly; SameSite=Strict$/);
    assert.match(text, /http-equiv="refresh" content="0;url=\/"/);
    assert.equal((await first.get('/api/overview')).status, 200);
    const second = new Visitor(page);
    assert.equal((await second.get(link)).status, 403, 'the link was used');
    assert.equal((await second.get('/api/overview')).status, 401);
    first.cookie = first.cookie.replace(/.$/, '_');
    assert.equal((await first.get('/api/overview')).status, 401);
  });

  it('[17.1] is read-only unless that is asked', async (t) => {
    const { queue, visitor } = await served(t);
    const job = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    const { status, data } = await visitor.act({ action: 'cancel', job: job.id });
    assert.deepEqual([status, data.code], [403, 'READ_ONLY']);
    assert.equal(await job.status(), 'pending');
    assert.match((await visitor.get('/')).text, /data-access="read"/);
  });

  it('[17.1] asks `authorize` about every request, and refuses nonsense', async (t) => {
    let answer: unknown = 'none';
    const { queue, visitor, page } = await served(t, { authorize: () => answer as 'none' });
    const job = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    assert.equal((await visitor.get('/api/overview')).status, 401);
    answer = 'read';
    assert.equal((await visitor.get('/api/overview')).status, 200);
    assert.equal((await visitor.act({ action: 'cancel', job: job.id })).status, 403);
    for (const wrong of [undefined, 'all', {}, { access: true }]) {
      answer = wrong;
      assert.notEqual((await visitor.get('/api/overview')).status, 200, JSON.stringify(wrong));
    }
    answer = Promise.reject(new Error('the session store is away'));
    assert.equal((await visitor.get('/api/overview')).status, 500);
    answer = { access: 'write', author: 'ada' };
    assert.equal((await visitor.act({ action: 'cancel', job: job.id })).status, 200);
    assert.equal((await visitor.get('/api/health')).data.actions[0].author, 'ada');
    assert.throws(() => page.link(origin), /authorize/);
  });

  it('[17.1] refuses foreign hosts and other sites', async (t) => {
    const { queue, visitor, page } = await served(t, { write: true, hosts: ['Jobs.example.com'] });
    for (const host of ['evil.example', 'jobs.example.com.evil.example', 'localhost.evil.example', '', 'a b', '[::1'])
      assert.equal((await visitor.get('/api/overview', { headers: { host } })).status, 421, host);
    for (const host of [
      'jobs.example.com',
      'JOBS.example.com:8080',
      'localhost:1',
      '127.0.0.1',
      '[::1]:7070',
      '10.0.0.7',
    ])
      assert.equal((await visitor.get('/api/overview', { headers: { host } })).status, 200, host);

    const job = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    const cancel = { action: 'cancel', job: job.id };
    const forged: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:7071' },
    ];
    for (const headers of forged)
      assert.equal((await visitor.act(cancel, headers)).status, 403, JSON.stringify(headers));
    const bare = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(cancel) };
    assert.equal((await visitor.get('/api/actions', bare)).status, 403, 'neither header');
    assert.equal((await visitor.act(cancel, { 'content-type': 'text/plain' })).status, 415, 'a form can send this');
    const plain = { origin, 'x-forwarded-proto': 'https' };
    assert.equal((await visitor.act(cancel, plain)).status, 403, 'a page without TLS, behind a proxy with it');
    const cross = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    assert.equal((await visitor.get('/api/overview', { headers: cross })).status, 403);
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    assert.equal((await visitor.get('/', { headers: link })).status, 200, 'a link elsewhere may lead here');
    assert.equal(await job.status(), 'pending');
    const behindTls = { origin: origin.replace('http:', 'https:') };
    assert.equal((await visitor.act(cancel, behindTls)).status, 200, 'a proxy ends TLS and does not say so');
    assert.equal(typeof page, 'function');
  });

  it('[17.1] sends no script, style or data of elsewhere, and keeps nothing in caches', async (t) => {
    const { visitor, page } = await served(t);
    for (const path of ['/', '/jobs/x', '/assets/page.js', '/api/overview', '/nowhere', '/events?view=nothing']) {
      const { headers, text } = await visitor.get(path);
      const policy = headers.get('content-security-policy')!;
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|\*/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('access-control-allow-origin'), null);
      assert.match(headers.get('cache-control')!, path.startsWith('/assets') ? /^no-cache$/ : /^no-store$/);
      assert.doesNotMatch(text.replaceAll('http://www.w3.org', ''), /https?:\/\/(?!127)|<style|onclick=/, path);
    }
    const files = await Promise.all(['/', '/assets/page.js', '/assets/page.css'].map((path) => visitor.get(path)));
    const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    assert.ok(bytes < 100_000, `the page has ${bytes} bytes`);
    const tag = files[1]!.headers.get('etag')!;
    assert.equal((await visitor.get('/assets/page.js', { headers: { 'if-none-match': tag } })).status, 304);
    assert.equal((await new Visitor(page).get('/assets/../web.js')).status, 401);
  });

  it('refuses wrong options by name', async (t) => {
    const { runtime } = await opened(t);
    const wrong: [object, RegExp][] = [
      [{ path: 'jobs' }, /`path` must begin with a slash/],
      [{ path: '/a"b' }, /`path`/],
      [{ path: '/../x' }, /`path`/],
      [{ write: 'yes' }, /`write`/],
      [{ write: true, authorize: () => 'read' }, /`write` must be left out/],
      [{ authorize: true }, /`authorize`/],
      [{ hosts: 'a' }, /`hosts`/],
      [{ hosts: ['a:80'] }, /`hosts\[0\]` must be the name of a host, without a port/],
      [{ show: 'all' }, /`show`/],
      [{ onAction: 1 }, /`onAction`/],
      [{ readOnly: true }, /must have no options but/],
    ];
    for (const [options, message] of wrong) assert.throws(() => web(runtime, options), message);
  });
});

describe('the page: views', () => {
  it('[17.2] answers with every view, for jobs of every kind, and under a path', async (t) => {
    const { kit, queue, visitor } = await served(t, { path: '/admin/jobs' });
    await queue.setQuota('q', { size: 1 });
    await queue.schedule('daily', work.add(1, 1), { cron: '0 3 * * *' });
    const failed = await queue.put(work.fail('on purpose'));
    const whole = await queue.put(parallel([work.add(1, 1), work.fail('a part')]));
    await kit.waitForStatus(failed, 'completed');
    await kit.waitForStatus(whole, 'completed');
    const held = await queue.put(work.hold('held'), { quotas: ['q'] });
    await kit.waitForStart(held);
    const waiting = await queue.put(work.add(1, 1), { quotas: ['q'] });
    const shown = [failed, whole, held, waiting].map(({ id }) => `job?id=${id}`);
    for (const view of [...views, ...shown, 'jobs?status=pending&queue=&since=1h', 'overview?range=24h'])
      for (const base of ['/admin/jobs/', '/']) {
        const { status, text } = await visitor.get(`${base}api/${view}`);
        assert.equal(status, 200, `${view}: ${text}`);
      }
    for (const page of ['', 'jobs', `jobs/${failed.id}`, 'queues', 'threads', 'failures', 'schedules', 'health'])
      assert.match((await visitor.get(`/admin/jobs/${page}`)).text, /<base href="\/admin\/jobs\/">/, page);

    const { data: overview } = await visitor.get('/api/overview');
    assert.equal(overview.active.items[0].id, held.id);
    assert.deepEqual(
      overview.failures.groups.map(({ count }: { count: number }) => count),
      [1],
    );
    assert.equal(overview.queues.items[0].length, 1);
    assert.ok(overview.present.failed >= 2 && overview.present.put >= 5, JSON.stringify(overview.present));
    const window = Object.entries(overview).find(([name]) => name.startsWith('window '));
    assert.ok(window, 'the threads have worked');

    const { data: one } = await visitor.get(`/api/job?id=${waiting.id}`);
    assert.match(one.explanation.summary, /quota "q" is full/);
    const { data: of } = await visitor.get(`/api/job?id=${whole.id}`);
    assert.deepEqual(of.strip.totals, [1, 1, 0, 0, 0]);
    const { data: failure } = await visitor.get(`/api/job?id=${failed.id}`);
    assert.match(failure.failure.text, /on purpose/);
    assert.equal(failure.failure.alike, 1);
    assert.match(failure.failure.frame, /^at .*fail /);
    const { data: line } = await visitor.get('/api/queues?name=');
    assert.equal(line.next[0].row.id, waiting.id);
    assert.deepEqual(line.quotas[0].keys, [{ key: '', jobs: [held.id] }]);
    openGate('held');
  });

  it('[17.2] pages by cursor, and keeps the filter', async (t) => {
    const { kit, queue, visitor } = await served(t);
    const jobs = await queue.putAll(Array.from({ length: 7 }, () => work.add(1, 1)));
    await kit.untilIdle();
    const ids: string[] = [];
    let cursor = '';
    do {
      const { data } = await visitor.get(`/api/jobs?outcome=value&order=oldest&limit=3${cursor}`);
      ids.push(...data.page.items.map(({ id }: { id: string }) => id));
      cursor = data.page.next === undefined ? '' : `&cursor=${data.page.next}`;
    } while (cursor !== '');
    assert.deepEqual(
      ids,
      jobs.map(({ id }) => id),
    );
    const other = await visitor.get(`/api/jobs?outcome=failure&cursor=abc`);
    assert.equal(other.status, 400);
  });

  it('[17.2] says how many jobs fit a filter, where no walk is needed', async (t) => {
    const { kit, queue, visitor } = await served(t);
    await queue.putAll([work.add(1, 1), work.fail('on purpose'), work.fail('again')]);
    const whole = await queue.put(parallel([work.add(1, 1), work.add(1, 1)]));
    await kit.waitForResult(whole);
    await queue.put(work.add(1, 1), { beginAfter: hourMs });
    const matched = async (query: string) => (await visitor.get(`/api/jobs?${query}`)).data.matched;
    const asked = ['', 'callable=work%23*&outcome=failure', 'role=root', 'status=pending&status=new', 'queue=none'];
    assert.deepEqual(await Promise.all(asked.map(matched)), [7, 2, 5, 1, 0]);
    assert.equal((await visitor.get('/api/jobs?outcome=failure')).data.page.items.length, 2);
    assert.deepEqual(await Promise.all(['order=completed', 'since=1h', 'error=Error'].map(matched)), [
      undefined,
      undefined,
      undefined,
    ]);
    const { counts } = (await visitor.get('/api/jobs')).data;
    assert.deepEqual(counts[0], { status: 'completed', outcome: 'value', count: 4 });
  });

  it('refuses nonsense with a code and the way out', async (t) => {
    const { visitor } = await served(t, { write: true });
    const wrong: [string, number, string][] = [
      ['/api/nothing', 404, 'NOT_FOUND'],
      ['/api/constructor', 404, 'NOT_FOUND'],
      ['/events?view=__proto__', 404, 'NOT_FOUND'],
      ['/api/jobs?colour=red', 400, 'UNKNOWN_PARAMETER'],
      ['/api/jobs?status=happy', 400, 'INVALID_OPTION'],
      ['/api/jobs?order=random', 400, 'BAD_PARAMETER'],
      ['/api/jobs?limit=1e9', 400, 'BAD_PARAMETER'],
      ['/api/jobs?since=tomorrow', 400, 'BAD_PARAMETER'],
      ['/api/jobs?parent=x', 404, 'UNKNOWN_JOB'],
      ['/api/overview?range=1y', 400, 'BAD_PARAMETER'],
      ['/api/job', 400, 'BAD_PARAMETER'],
      ['/api/job?id=x', 404, 'UNKNOWN_JOB'],
      ['/api/job?id=00000000-0000-7000-8000-000000000000', 410, 'JOB_FORGOTTEN'],
      ['/api/queues?name=nowhere', 404, 'UNKNOWN_QUEUE'],
      ['/api/count?action=destroy', 400, 'BAD_PARAMETER'],
    ];
    for (const [path, status, code] of wrong) {
      const got = await visitor.get(path);
      assert.deepEqual([got.status, got.data?.code], [status, code], path);
      assert.ok(got.data.message.length > 10, path);
    }
    const posts: [string, number][] = [
      ['', 400],
      ['null', 400],
      ['[]', 404],
      ['{"action":"destroy"}', 404],
      ['{"action":"toString"}', 404],
      ['{"action":"cancel"}', 400],
      ['{"action":"cancel","job":7}', 400],
      ['{"action":"retry all","filter":"","expect":-1}', 400],
      [`{"action":"${'x'.repeat(70_000)}"}`, 413],
    ];
    const headers = { 'content-type': 'application/json', origin };
    for (const [body, status] of posts)
      assert.equal(
        (await visitor.get('/api/actions', { method: 'POST', headers, body })).status,
        status,
        body.slice(0, 60),
      );
    assert.equal((await visitor.get('/api/actions')).status, 405);
    assert.equal((await visitor.get('/api/jobs', { method: 'DELETE', headers })).status, 405);
    assert.equal((await visitor.get('/', { method: 'HEAD' })).status, 200);
  });

  it('[17.3] shows sizes of values by default, and otherwise what `show` allows', async (t) => {
    const secret = { card: '4111-1111', note: 'hello', when: new Date(0), list: [1n, Number.NaN] };
    const hidden = await served(t);
    const job = await hidden.queue.put(work.echo(secret));
    await hidden.kit.untilIdle();
    const { text, data } = await hidden.visitor.get(`/api/job?id=${job.id}`);
    assert.doesNotMatch(text, /4111|hello/);
    assert.match(data.arguments.hidden, /redacted/);
    assert.ok(data.job.argumentBytes > 20);

    const show = (_: unknown, path: string) => !path.endsWith('.card');
    const partly = new Visitor(web(hidden.kit.runtime, { authorize: () => 'read', show }));
    const { data: shown } = await partly.get(`/api/job?id=${job.id}`);
    const expected = {
      card: { $: 'text of 9 characters' },
      note: 'hello',
      when: '1970-01-01T00:00:00.000Z',
      list: [{ $: '1n' }, { $: 'NaN' }],
    };
    assert.deepEqual(shown.arguments.value, [expected]);
    assert.deepEqual(shown.result.value, expected);

    const logs = await hidden.queue.put(inside.say(1, 'as it is'));
    await hidden.kit.waitForResult(logs);
    const lineIn = async (visitor: Visitor) => (await visitor.get(`/api/job?id=${logs.id}`)).data.log[0];
    assert.deepEqual((await lineIn(hidden.visitor)).fields, { n: { $: 'number' } });
    const line = await lineIn(partly);
    assert.deepEqual([line.message, line.level, line.fields], ['as it is', 'warn', { n: 0 }]);

    await job.annotations.set('mark', 'hello');
    const broken = () => {
      throw new Error('the rule is wrong');
    };
    const { data: none } = await new Visitor(web(hidden.kit.runtime, { authorize: () => 'read', show: broken })).get(
      `/api/job?id=${job.id}`,
    );
    assert.deepEqual(none.annotations.mark, { hidden: 'the rule is wrong' });
    assert.deepEqual(none.result, { hidden: 'the rule is wrong' });
  });

  it('[17.3] shows arguments in lists in one line, as far as they may be shown', async (t) => {
    const { kit, queue, visitor } = await served(t);
    const show = (_: unknown, path: string) => path !== 'arguments[0].card';
    const partly = new Visitor(web(kit.runtime, { authorize: () => 'read', show }));
    const broken = new Visitor(
      web(kit.runtime, {
        authorize: () => 'read',
        show: () => {
          throw new Error('the rule is wrong');
        },
      }),
    );
    const args = [{ card: '4111', note: 'a "quoted"\nline' }, 'x'.repeat(5000), 'y'.repeat(200)];
    for (const arg of args) await queue.put(work.echo(arg), { beginAfter: hourMs });
    const rows = async (of: Visitor) =>
      (await of.get('/api/jobs?order=oldest')).data.page.items as { argumentLine?: string; argumentBytes: number }[];
    const lines = (await rows(partly)).map(({ argumentLine }) => argumentLine);
    assert.deepEqual(lines, [
      '{"card":‹text of 4 characters›,"note":"a \\"quoted\\"\\nline"}',
      undefined,
      `"${'y'.repeat(119)}…`,
    ]);
    const hidden = await rows(visitor);
    assert.ok(hidden.every(({ argumentLine, argumentBytes }) => argumentLine === undefined && argumentBytes > 20));
    assert.equal((await rows(broken))[0]!.argumentLine, undefined);
    const held = await queue.put(inside.progressAndHold('row'));
    await kit.waitForAnnotation(held, 'progress');
    const { progress } = (await visitor.get('/api/jobs?status=active')).data.page.items[0];
    assert.deepEqual(progress, { done: 3, total: 10, message: 'pages' });
    openGate('row');
  });

  it('[17.3] does not read 16 MiB of arguments', async (t) => {
    const { kit, queue, page } = await served(t, { authorize: () => 'read', show: true });
    const job = await queue.put(work.add(1, 1).with({}), { beginAfter: hourMs });
    const large = await queue.put(work.echo('x'.repeat(16 * 1024 * 1024)), { beginAfter: hourMs });
    const visitor = new Visitor(page);
    assert.deepEqual((await visitor.get(`/api/job?id=${job.id}`)).data.arguments.value, [1, 1]);
    const { data, text } = await visitor.get(`/api/job?id=${large.id}`);
    assert.match(data.arguments.hidden, /too large/);
    assert.ok(text.length < 10_000);
    assert.ok(kit);
  });

  it('answers with the error of a closed runtime', async (t) => {
    const { kit, visitor } = await served(t);
    await kit.close();
    const { status, data } = await visitor.get('/api/overview');
    assert.deepEqual([status, data.code], [503, 'CLOSED']);
  });
});

describe('the page: actions', () => {
  it('[17.4] acts on one job, and records the author of each action', async (t) => {
    const heard: WebAction[] = [];
    const { kit, queue, visitor } = await served(t, { write: true, onAction: (action) => heard.push(action) });
    const job = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    assert.equal((await visitor.act({ action: 'cancel', job: job.id })).status, 200);
    const { data } = await visitor.act({ action: 'retry', job: job.id });
    assert.equal((await kit.runtime.job(data.id).details()).retryOf, job.id);
    assert.equal((await visitor.act({ action: 'retry', job: job.id })).status, 409, 'it was retried');
    await kit.runtime.forgetAll({});
    const { status, data: forgotten } = await visitor.act({ action: 'cancel', job: job.id });
    assert.deepEqual([status, forgotten.code], [410, 'JOB_FORGOTTEN']);

    const names = heard.map(({ action, error }) => `${action}${error === undefined ? '' : ' refused'}`);
    assert.deepEqual(names, ['sign-in', 'cancel', 'retry', 'retry refused', 'cancel refused']);
    assert.ok(heard.every(({ author }) => /^session [0-9a-f]{8}$/.test(author)));
    const shown = (await visitor.get('/api/health')).data.actions;
    assert.deepEqual(
      shown.map(({ action }: WebAction) => action),
      ['cancel', 'retry', 'retry', 'cancel', 'sign-in'],
    );
    const lines = kit.logs.filter(({ message }) => message.startsWith('page: '));
    assert.equal(lines.length, 5);
    assert.match(lines[1]!.message, /^page: cancel by session/);
  });

  it('[17.4] changes a job, and retries one with other arguments and options', async (t) => {
    const heard: WebAction[] = [];
    const { kit, queue, visitor } = await served(t, { write: true, onAction: (action) => heard.push(action) });
    const job = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    const change = { action: 'change', job: job.id, args: [2, 3], priority: 7, timeout: '5m', beginAfter: '2h' };
    assert.equal((await visitor.act(change)).status, 200);
    const { priority, timeoutMs, dueAt } = await job.details();
    assert.deepEqual([priority, timeoutMs, dueAt?.getTime()], [7, 300_000, kit.clock.now.getTime() + 2 * hourMs]);
    assert.equal(heard.at(-1)!.target, `job ${job.id}, with other args, priority, beginAfter, timeoutMs`);
    assert.equal((await visitor.act({ action: 'change', job: job.id, beginAfter: 'now' })).status, 200);
    assert.equal(await kit.waitForResult(job), 5);
    assert.deepEqual((await visitor.act(change)).data.code, 'JOB_STATUS');

    const failed = await queue.put(work.fail('no'));
    await kit.waitForStatus(failed, 'completed');
    const { data } = await visitor.act({ action: 'retry', job: failed.id, args: ['still no'], priority: 1 });
    const again = kit.runtime.job(data.id);
    assert.deepEqual([await again.arguments(), (await again.details()).priority], [['still no'], 1]);
    for (const fields of [{ args: 1 }, { timeout: 'long' }, { beginAfter: 'tomorrow' }, { priority: 'high' }])
      assert.equal(
        (await visitor.act({ action: 'retry', job: failed.id, ...fields })).status,
        400,
        JSON.stringify(fields),
      );
  });

  it('[17.4] acts on the jobs that were selected, and lists those that are refused', async (t) => {
    const { kit, queue, visitor } = await served(t, { write: true });
    const [failed, done] = await queue.putAll([work.fail('a'), work.add(1, 1)]);
    await kit.untilIdle();
    const waiting = await queue.put(work.add(1, 1), { beginAfter: hourMs });
    const jobs = [failed!.id, done!.id, waiting.id];
    const retried = lastLine((await visitor.act({ action: 'retry selected', jobs })).text).result as BulkResult;
    assert.deepEqual([retried.matched, retried.done, retried.refusedCount], [3, 1, 2]);
    assert.deepEqual(
      retried.refused.map(({ id, code }) => [id, code]),
      [
        [done!.id, 'JOB_STATUS'],
        [waiting.id, 'JOB_STATUS'],
      ],
    );
    await visitor.act({ action: 'cancel selected', jobs: [waiting.id] });
    assert.equal((await waiting.failure())?.name, 'JobCancelledError');
    for (const jobs of [[], 'x', [1], undefined])
      assert.equal((await visitor.act({ action: 'cancel selected', jobs })).status, 400);
  });

  it('[17.4] acts on all jobs that fit a filter, if they are as many as counted', async (t) => {
    const { kit, queue, visitor } = await served(t, { write: true });
    await queue.putAll([work.fail('a'), work.fail('b'), work.add(1, 1)]);
    await kit.untilIdle();
    const filter = 'callable=work%23fail&outcome=failure';
    const { data } = await visitor.get(`/api/count?action=retry+all&${filter}`);
    assert.deepEqual(data, { matched: 2 });
    const differs = await visitor.act({ action: 'retry all', filter, expect: 3 });
    assert.equal(lastLine(differs.text).error?.code, 'COUNT_DIFFERS');
    const { text } = await visitor.act({ action: 'retry all', filter, expect: 2 });
    assert.deepEqual(lastLine(text).result, { matched: 2, done: 2, refused: [], refusedCount: 0, skipped: 0 });
    await kit.untilIdle();
    const forgotten = await visitor.act({ action: 'forget all', filter: 'status=completed', expect: 5 });
    assert.equal((lastLine(forgotten.text).result as { done: number }).done, 5);
  });

  it('[17.4] steers queues, agents, quotas and schedules', async (t) => {
    const { kit, queue, visitor } = await served(t, { write: true });
    await queue.setQuota('q', { size: 1, rate: { count: 5, periodMs: 1000 } });
    await queue.setAgent('main', { size: 1, filter: { modules: ['work'] } });
    await queue.schedule('daily', work.add(1, 1), { cron: '0 3 * * *' });
    const act = async (fields: Record<string, unknown>) => {
      const { status, text } = await visitor.act(fields);
      assert.equal(status, 200, text);
    };
    await act({ action: 'pause queue', queue: '' });
    assert.equal((await queue.details()).paused, true);
    await act({ action: 'resume queue', queue: '' });
    assert.equal((await queue.details()).paused, false);
    await act({ action: 'resize quota', queue: '', quota: 'q', size: 4 });
    const [quota] = await queue.quotas();
    assert.deepEqual([quota?.size, quota?.rate], [4, { count: 5, periodMs: 1000 }]);
    const dispatcher = kit.runtime.id;
    await act({ action: 'resize agent', queue: '', agent: 'main', dispatcher, size: 3 });
    const [agent] = await queue.agents();
    assert.deepEqual([agent?.size, agent?.filter], [3, { modules: ['work'] }]);
    const schedule = kit.runtime.schedule('daily');
    await act({ action: 'pause schedule', schedule: 'daily' });
    assert.equal((await schedule.details()).paused, true);
    await act({ action: 'resume schedule', schedule: 'daily' });
    await act({ action: 'trigger schedule', schedule: 'daily' });
    assert.equal((await schedule.history()).length, 1);
    for (const fields of [
      { action: 'resize agent', queue: '', agent: 'none', dispatcher, size: 3 },
      { action: 'resize quota', queue: '', quota: 'none', size: 3 },
      { action: 'pause queue', queue: 'none' },
      { action: 'pause schedule', schedule: 'none' },
    ])
      assert.equal((await visitor.act(fields)).status, 404, fields.action);
  });
});
