/** The streams of views: few questions for many tabs, and only sections that changed. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { web } from '../../src/web/index.js';
import { Live, type Update } from '../../src/web/live.js';
import type { Sections } from '../../src/web/views/view.js';
import { work } from '../contract/jobs/all.js';
import { hourMs, opened } from '../contract/opened.js';
import { Visitor } from './visitor.js';

const decoder = new TextDecoder();

/** A tab that reads a stream. */
class Tab {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async text(): Promise<string> {
    const { value } = await this.#reader.read();
    return decoder.decode(value);
  }

  async update(): Promise<Update> {
    const text = await this.text();
    assert.match(text, /^data: .*\n\n$/s);
    return JSON.parse(text.slice('data: '.length)) as Update;
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Opens streams of a view whose sections a test sets, on a clock that the test moves. */
function watched(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const live = new Live();
  t.after(() => live.close());
  const shown = { sections: {} as Sections, asked: 0, error: undefined as Error | undefined };
  const ask = async () => {
    shown.asked++;
    if (shown.error !== undefined) throw shown.error;
    return shown.sections;
  };
  const pass = async (ms: number) => {
    clock.now += ms;
    t.mock.timers.tick(ms);
    await turn();
  };
  return { live, clock, shown, open: (key = 'view') => new Tab(live.open(key, ask)), pass };
}

describe('the page: live', () => {
  it('[17.5] sends all sections at first, then those that change', async (t) => {
    const { shown, open, pass } = watched(t);
    shown.sections = { a: 1, b: [2], none: undefined };
    const tab = open();
    assert.deepEqual(await tab.update(), { whole: true, changed: { a: 1, b: [2] }, gone: [] });
    await pass(1000);
    shown.sections = { a: 1, c: 3 };
    await pass(1000);
    assert.deepEqual(await tab.update(), { whole: false, changed: { c: 3 }, gone: ['b'] });
    assert.equal(shown.asked, 3);
  });

  it('[17.5] asks once a second for a thousand tabs, and refuses more', async (t) => {
    const { live, shown, open, pass } = watched(t);
    shown.sections = { n: 0 };
    const tabs = Array.from({ length: 1000 }, () => open());
    for (const tab of tabs) assert.equal((await tab.update()).whole, true);
    assert.equal(shown.asked, 1);
    for (let n = 1; n <= 5; n++) {
      shown.sections = { n };
      await pass(1000);
    }
    assert.equal(shown.asked, 6);
    for (const tab of tabs) assert.deepEqual((await tab.update()).changed, { n: 1 });
    assert.throws(() => open(), /at most 1000 tabs/);
    await tabs.pop()!.leave();
    assert.equal(live.streams, 999);
    assert.equal((await open().update()).whole, true);
  });

  it('[17.5] asks nothing while no tab is open, and a hidden tab has no stream', async (t) => {
    const { live, shown, open, pass } = watched(t);
    const tab = open();
    await tab.text();
    await tab.leave();
    await pass(60_000);
    assert.equal(shown.asked, 1);
    assert.equal(live.streams, 0);
    await open().update();
    assert.equal(shown.asked, 2);
  });

  it('rests longer after a slow answer', async (t) => {
    const { live, clock, pass } = watched(t);
    let asked = 0;
    const tab = new Tab(
      live.open('slow', async () => {
        asked++;
        clock.now += 200;
        return { asked };
      }),
    );
    await tab.update();
    await pass(1500);
    assert.equal(asked, 1);
    await pass(1500);
    assert.equal(asked, 2);
  });

  it('sends everything to a tab that has missed something', async (t) => {
    const { shown, open, pass } = watched(t);
    const large = 'x'.repeat(600_000);
    shown.sections = { large, n: 0 };
    const [slow, quick] = [open(), open()];
    await quick.update();
    for (let n = 1; n <= 4; n++) {
      shown.sections = { large: `${large}${n}`, n };
      await pass(1000);
      await quick.update();
    }
    const seen: Update[] = [await slow.update(), await slow.update()];
    assert.deepEqual(
      seen.map(({ changed }) => changed.n),
      [0, 1],
    );
    shown.sections = { large, n: 5 };
    await pass(1000);
    assert.deepEqual(await slow.update(), { whole: true, changed: { large, n: 5 }, gone: [] });
  });

  it('tells a problem, and goes on after it', async (t) => {
    const { shown, open, pass } = watched(t);
    shown.sections = { a: 1 };
    const tab = open();
    await tab.update();
    shown.error = new Error('away');
    await pass(1000);
    assert.match(await tab.text(), /^event: problem\ndata: .*"message":"away"/);
    shown.error = undefined;
    await pass(1000);
    assert.deepEqual(await tab.update(), { whole: true, changed: { a: 1 }, gone: [] });
  });

  it('gives a sign of life when nothing changes', async (t) => {
    const { shown, open, pass } = watched(t);
    shown.sections = { a: 1 };
    const tab = open();
    await tab.update();
    await pass(16_000);
    assert.match(await tab.text(), /^: /);
  });

  it('[17.5] follows a view of the runtime, until the page is closed', async (t) => {
    const kit = await opened(t);
    const page = web(kit.runtime);
    const visitor = await Visitor.of(page);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const response = await visitor.open('/events?view=jobs');
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    const tab = new Tab(response.body!);
    const first = (await tab.update()).changed as { page: { items: unknown[] } };
    assert.deepEqual(first.page.items, []);
    await kit.runtime.queue().put(work.add(1, 1), { beginAfter: hourMs });
    t.mock.timers.tick(1000);
    const second = (await tab.update()).changed as { page: { items: unknown[] } };
    assert.equal(second.page.items.length, 1);
    page.close();
    assert.equal(await tab.text(), '');
    assert.equal((await visitor.get('/events?view=jobs')).status, 503);
  });
});
