/**
 * The page in a real browser: every page and action, with one browser, one runtime and one tab.
 * Skipped, by its name, where there is no Chromium.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { defineJobs, type Job, open, parallel, type Queue, type Runtime } from 'callsheet';
import { type Browser, chromium, type Page } from 'playwright-core';
import { node, type WebHandler, web } from '../../src/web/index.js';
import { eventually } from '../harness/eventually.js';

const shown = defineJobs<typeof import('./jobs.js')>('shown', new URL('./jobs.js', import.meta.url));

const executablePath = process.env.CALLSHEET_CHROMIUM ?? '/usr/bin/chromium';
const skip = existsSync(executablePath)
  ? false
  : `there is no browser at ${executablePath}: install the package chromium, or name one in CALLSHEET_CHROMIUM`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Chromium in a sandbox without rights and network. */
const args = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];
const hourMs = 3_600_000;
const limitMs = 15_000;
const markup = '<img src=x onerror="document.title=1">';

describe('the page in a browser', { skip }, () => {
  let callsheet: Runtime;
  let idle: Runtime;
  let queue: Queue;
  let page: WebHandler;
  let server: Server;
  let browser: Browser;
  let tab: Page;
  let origin = '';
  /** Messages of the console, errors, and requests to elsewhere. */
  const troubles: string[] = [];
  let held: Job;
  let blocked: Job;
  let failed: Job;
  let whole: Job;

  before(async () => {
    const logger = { fatal() {}, error() {}, warn() {}, info() {} } as never;
    callsheet = await open({ jobs: [shown], threads: 2, durability: 'memory', logger });
    idle = await open({ jobs: [shown], dispatcher: false, durability: 'memory', logger });
    queue = callsheet.queue();
    await callsheet.createQueue(markup);
    await queue.setQuota('tenant', { size: 1 });
    await queue.schedule('nightly', shown.add(1, 1), { cron: '30 2 * * *', zone: 'Europe/Berlin' });
    failed = await queue.put(shown.fail(`bad ${markup}`));
    whole = await queue.put(parallel([shown.add(1, 1), shown.fail('a part'), shown.add(2, 2)]));
    await queue.putAll(Array.from({ length: 60 }, (_, n) => shown.add(n, 1)));
    await Promise.all([failed.failure(), whole.result()]);
    held = await queue.put(shown.hold(), { quotas: [{ name: 'tenant', key: markup }] });
    await eventually('the job runs', async () => (await callsheet.monitor.active())[0]?.progress !== undefined);
    blocked = await queue.put(shown.add(1, 1), { quotas: [{ name: 'tenant', key: markup }] });

    page = web(callsheet, { write: true, show: true });
    const readOnly = web(callsheet, { path: '/read', authorize: () => 'read' });
    const ofIdle = web(idle, { path: '/idle', authorize: () => 'read' });
    const [all, reading, idling] = [node(page), node(readOnly), node(ofIdle)];
    server = createServer((incoming, outgoing) => {
      const { url = '' } = incoming;
      return (url.startsWith('/read') ? reading : url.startsWith('/idle') ? idling : all)(incoming, outgoing);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath, args });
    tab = await browser.newPage({ viewport: { width: 1280, height: 900 }, timezoneId: 'UTC' });
    tab.setDefaultTimeout(limitMs);
    tab.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text());
    });
    tab.on('pageerror', (error) => troubles.push(error.message));
    tab.on('request', (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) troubles.push(request.url());
    });
    await tab.goto(page.link(origin));
    await tab.waitForURL(`${origin}/`);
    await tab.getByText('Threads, last minute').waitFor();
  });

  after(async () => {
    await browser?.close();
    page?.close();
    server?.closeAllConnections();
    server?.close();
    await idle?.close();
    await callsheet?.close({ graceMs: 0 });
  });

  const evaluate = (code: string): Promise<unknown> => tab.evaluate<unknown>(code);
  const goTo = (path: string) => tab.goto(`${origin}/${path}`);
  const see = (text: string | RegExp) => tab.getByText(text).first().waitFor();
  /** Presses a button, and the one of its dialog. */
  const confirm = async (button: string, within = 'body') => {
    await tab.locator(within).getByRole('button', { name: button }).first().click();
    await tab
      .getByRole('dialog')
      .getByRole('button', { name: button.replace('…', '') })
      .click();
  };
  const pages = (): [path: string, text: string | RegExp][] => [
    ['', 'Rates and times'],
    ['jobs', 'Next page'],
    ['failures', /^at fail /],
    ['queues?name=', 'the next jobs'],
    ['threads', /^\d+(\.\d+)? MiB$/],
    ['schedules', 'nightly'],
    ['health', 'last snapshot, longest'],
    [`jobs/${blocked.id}`, 'is full'],
    [`jobs/${failed.id}`, 'caused by'],
    [`jobs/${whole.id}`, '3 of 3 done'],
  ];

  it('[17.2] shows every page, without violations of accessibility rules, in light, dark and on a phone', async () => {
    for (const [path, text] of pages()) {
      await goTo(path);
      await see(text);
      for (const colorScheme of ['light', 'dark'] as const) {
        await tab.emulateMedia({ colorScheme });
        await evaluate(axe);
        // Only colours differ in the dark.
        const rules = colorScheme === 'dark' ? 'runOnly: ["color-contrast"], ' : '';
        const found = (await evaluate(`axe.run(document, { ${rules}resultTypes: ["violations"] })`)) as AxeResults;
        const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
        assert.deepEqual(violations, [], `${path} ${colorScheme}`);
      }
      await tab.setViewportSize({ width: 390, height: 844 });
      const overflow = await evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok((overflow as number) <= 0, `${path} is ${overflow} pixels too wide on a phone`);
      await tab.setViewportSize({ width: 1280, height: 900 });
    }
    assert.deepEqual(troubles, []);
  });

  it('[17.2] shows all of a schedule at once, in one format, also on a phone', async () => {
    await goTo('schedules');
    await see('nightly');
    await see(/^\d{4}-\d\d-\d\d 02:30:00 Europe\/Berlin$/);
    const cut = () =>
      evaluate(`(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(
      document.querySelector('section[aria-label="Schedules"]'))`);
    for (const width of [1200, 390]) {
      await tab.setViewportSize({ width, height: 844 });
      assert.equal(await cut(), 0, `the table is too wide for ${width} pixels`);
      const button = await tab.getByRole('button', { name: 'Pause… nightly' }).boundingBox();
      assert.ok(button !== null && button.x >= 0 && button.x + button.width <= width, `at ${width} pixels`);
    }
    await tab.setViewportSize({ width: 1280, height: 900 });
  });

  it('shows the values of each chart in a table, and names with markup as text', async () => {
    await goTo('');
    await see(markup);
    await tab.getByText('Table', { exact: true }).nth(1).click();
    const row = tab.getByRole('row', { name: /not over/ }).first();
    assert.match((await row.textContent())!, /^\d\d:\d\d \(not over\)/);
    await see('held');
    await tab.getByText('Pending jobs', { exact: true }).waitFor();
    await goTo('failures');
    await tab.getByLabel('Counts over time').first().click();
    await tab.locator('.counts[open] li').first().waitFor();
    await goTo('queues?name=');
    await see(/1 of 1/);
    await see(markup);
    assert.notEqual(await tab.title(), '1');
  });

  it('follows what happens while it is open, and not while it is hidden', async () => {
    await goTo('jobs?callable=shown%23size');
    await see('No job fits');
    const job = await queue.put(shown.size('four'));
    await tab.getByTitle(job.id).waitFor();
    await job.result();
    await see('succeeded');
    const setHidden = (hidden: boolean) =>
      evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    await setHidden(true);
    await see('not live');
    const other = await queue.put(shown.size('other'));
    await other.result();
    assert.equal(await tab.getByTitle(other.id).count(), 0);
    await setHidden(false);
    await tab.getByTitle(other.id).waitFor();
  });

  it('[17.2] keeps the filter in the address, through pages and back', async () => {
    await goTo('jobs');
    await tab.getByLabel('callable', { exact: true }).fill('shown#add');
    await tab.getByRole('button', { name: 'Search' }).click();
    await tab.waitForURL(/callable=shown%23add/);
    await tab.getByLabel('outcome').selectOption('value');
    await tab.waitForURL(/outcome=value/);
    await tab.getByRole('link', { name: 'Next page' }).click();
    await tab.waitForURL(/cursor=/);
    await tab.getByRole('link', { name: 'First page' }).waitFor();
    assert.match(tab.url(), /callable=shown%23add&outcome=value/);
    await tab.getByRole('link', { name: 'Previous page' }).click();
    await tab.waitForURL((url) => !url.searchParams.has('cursor'));
    await tab.getByRole('link', { name: 'Next page' }).waitFor();
    await tab.goBack();
    await tab.getByRole('link', { name: 'First page' }).waitFor();
    await tab.reload();
    await tab.getByRole('link', { name: 'Previous page' }).waitFor();
    await tab.goBack();
    await tab.getByRole('link', { name: 'Next page' }).waitFor();
    await see(/^6\d jobs match$/);
    await see('59,1');
    await tab
      .getByRole('link', { name: /failed \d/ })
      .or(tab.getByRole('link', { name: /succeeded \d/ }))
      .first()
      .click();
    await tab.waitForURL(/status=completed/);
    await goTo('jobs?colour=red');
    await see('there is no filter "colour"');
  });

  it('finds by the keyboard alone', async () => {
    await goTo('');
    await tab.keyboard.press('Tab');
    assert.equal(await evaluate('document.activeElement.textContent.trim()'), 'Skip to the content');
    await tab.keyboard.press('/');
    await tab.keyboard.type(failed.id);
    await tab.keyboard.press('Enter');
    await tab.waitForURL(`${origin}/jobs/${failed.id}`);
    await tab.keyboard.press('/');
    await tab.keyboard.type('RangeError');
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/error=RangeError/);
  });

  it('[17.2] draws the jobs around a job, with links, and shows its log', async () => {
    await goTo(`jobs/${whole.id}`);
    const graph = tab.getByLabel('Graph');
    await graph.getByText('list of results').last().waitFor();
    assert.equal(await graph.getByRole('link').count(), 3);
    const part = graph.getByRole('link', { name: 'shown#fail, ✗ failed' });
    await part.focus();
    await tab.keyboard.press('Enter');
    await see('a part');
    await tab
      .getByLabel('Graph')
      .getByRole('link', { name: /composition/ })
      .click();
    await tab.waitForURL(`${origin}/jobs/${whole.id}`);
    await goTo(`jobs/${failed.id}`);
    await see('about to fail');
    await see('{"on":"purpose"}');
  });

  it('[17.4] retries and changes a job with other arguments and options', async () => {
    await goTo(`jobs/${failed.id}`);
    await tab.getByRole('button', { name: 'Retry…' }).click();
    const dialog = tab.getByRole('dialog');
    await dialog.getByText('With other arguments').click();
    const list = dialog.getByLabel(/^arguments/);
    assert.deepEqual(JSON.parse(await list.inputValue()), [`bad ${markup}`]);
    await list.fill('["again"');
    await dialog.getByRole('button', { name: 'Retry' }).click();
    await see('the arguments are no JSON');
    await list.fill('["again"]');
    await dialog.getByLabel(/^begin/).fill('1h');
    await dialog.getByRole('button', { name: 'Retry' }).click();
    await tab.waitForURL((url) => !url.href.endsWith(failed.id));
    const again = callsheet.job(tab.url().split('/').at(-1)!);
    assert.deepEqual([await again.arguments(), await again.status()], [['again'], 'pending']);
    await tab.getByRole('button', { name: 'Change…' }).click();
    await dialog.getByLabel('priority').fill('5');
    await dialog.getByLabel('time limit').fill('30s');
    await dialog.getByRole('button', { name: 'Change' }).click();
    await see('priority 5');
    const { timeoutMs } = await again.details();
    assert.equal(timeoutMs, 30_000);
    await again.cancel();
  });

  it('shows the progress of running jobs in lists', async () => {
    await goTo('jobs?status=active');
    await tab
      .getByRole('row')
      .filter({ has: tab.getByTitle(held.id) })
      .getByText('25%')
      .waitFor();
  });

  it('[17.4] marks a running job that is late, and cancels it', async () => {
    const quick = await queue.put(shown.usuallyQuick(false));
    await quick.result();
    const late = await queue.put(shown.usuallyQuick(true));
    await goTo('');
    const running = tab.getByLabel('Running jobs');
    const row = running.getByRole('row').filter({ has: tab.getByTitle(late.id) });
    await row.getByText('late').first().waitFor();
    await tab.locator('.piece.late').waitFor();
    await row.getByRole('button', { name: 'Cancel…' }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await late.failure())?.name, 'JobCancelledError');
    await row.waitFor({ state: 'detached' });
  });

  it('[17.4] acts on the jobs that were selected', async () => {
    const jobs = await queue.putAll([shown.size('a'), shown.size('b'), shown.size('c')], { beginAfter: hourMs });
    await goTo('jobs?callable=shown%23size&status=pending');
    await tab.getByLabel('Select all on this page').check();
    await see('3 jobs selected');
    await tab.getByLabel(`Select ${jobs[0].id.slice(-8)}`).uncheck();
    await confirm('Cancel selected…');
    await see('2 jobs done.');
    await tab.getByRole('button', { name: 'Close' }).click();
    await see('0 jobs selected');
    assert.deepEqual(await Promise.all(jobs.map((job) => job.status())), ['pending', 'completed', 'completed']);
    await jobs[0].cancel();
  });

  it('[17.4] cancels and retries a job, and steers queues, quotas and schedules', async () => {
    const waiting = await queue.put(shown.add(1, 1), { beginAfter: hourMs });
    await goTo(`jobs/${waiting.id}`);
    await confirm('Cancel…');
    await see('JobCancelledError');
    await confirm('Retry…');
    await tab.waitForURL((url) => !url.href.endsWith(waiting.id));
    assert.equal((await waiting.details()).retriedBy, tab.url().split('/').at(-1));

    await goTo('queues?name=');
    await confirm('Pause…');
    await tab.getByRole('button', { name: 'Resume' }).click();
    await tab.getByRole('button', { name: 'Pause…' }).waitFor();
    const size = tab.getByLabel('Size of tenant');
    for (const wrong of ['0', '1.5']) {
      await size.fill(wrong);
      await see('a size is a whole number from 1');
    }
    await size.fill('');
    await size.press('Enter');
    assert.equal(await size.inputValue(), '1');
    await size.fill('3');
    await size.press('Enter');
    await tab.getByRole('dialog').getByRole('button', { name: 'Set' }).click();
    await eventually('the quota is larger', async () => (await queue.quotas())[0]?.size === 3);
    await blocked.result();
    await tab.getByLabel('Size of main').fill('5');
    await confirm('Set…');
    await eventually('the agent is larger', async () => (await queue.agents())[0]?.size === 5);

    await goTo('schedules');
    await confirm('Pause…', 'table');
    await tab.getByRole('button', { name: 'Resume' }).click();
    await tab.getByRole('button', { name: 'Pause…' }).waitFor();
    await tab.locator('table').getByText('the repeated time').or(tab.getByText('in the gap')).first().waitFor();
    await tab.getByRole('button', { name: 'Backfill…' }).click();
    const dialog = tab.getByRole('dialog');
    await dialog.getByLabel(/^from/).fill('yesterday');
    await dialog.getByRole('button', { name: 'Backfill' }).click();
    await see('from must be "now", or a date');
    await dialog.getByLabel(/^from/).fill(new Date(Date.now() - 3 * 24 * hourMs).toISOString());
    await dialog.getByRole('button', { name: 'Backfill' }).click();
    await see('3 jobs done.');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await confirm('Run now…', 'table');
    await tab.waitForURL(/jobs\/[0-9a-f-]{36}$/);
    await see('tick of');

    await goTo('health');
    await see('trigger schedule');
    await see(/^session [0-9a-f]{8}$/);
  });

  it('[17.4] acts on all jobs that fit the filter, after it has counted them', async () => {
    await goTo('jobs?callable=shown%23fail&outcome=failure&role=root');
    await tab.getByRole('button', { name: 'Retry all that match…' }).click();
    const dialog = tab.getByRole('dialog');
    await dialog.getByText('1 job').waitFor();
    await dialog.getByRole('button', { name: 'Retry all that match' }).click();
    await see('1 job done.');
    await tab.getByRole('button', { name: 'Close' }).click();
    assert.match(tab.url(), /outcome=failure/);
    await tab.getByRole('button', { name: 'Cancel all that match…' }).click();
    await dialog.getByText('0 jobs').waitFor();
    await tab.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('shows a job of 16 MiB at once, and says when a job is forgotten meanwhile', async () => {
    const large = await queue.put(shown.size('x'.repeat(16 * 1024 * 1024)));
    await large.result();
    await goTo(`jobs/${large.id}`);
    await see('too large to be shown');
    await callsheet.forgetAll({ callable: 'shown#size' });
    await see('JOB_FORGOTTEN');
    await see('Below is the last known state.');
    await see('not live');
    await see('16 MiB');
  });

  it('[17.1] has no buttons for actions where it is read-only', async () => {
    await goTo('read/queues?name=');
    await see('the next jobs');
    await see('read-only');
    assert.equal(await tab.getByRole('button', { name: 'Pause…' }).count(), 0);
    await tab.getByRole('link', { name: 'Jobs', exact: true }).click();
    await tab.waitForURL(`${origin}/read/jobs`);
    await tab.getByTitle(held.id).waitFor();
    assert.equal(await tab.getByRole('button', { name: /all that match/ }).count(), 0);
  });

  it('says that a process which runs no jobs has no threads', async () => {
    await goTo('idle/');
    await see('This process has no threads');
    await see('none here');
  });

  it('has left no trouble in the console, and no request to elsewhere', () => {
    assert.deepEqual(
      troubles.filter((text) => !/status of 4\d\d/.test(text)),
      [],
    );
  });
});

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}
