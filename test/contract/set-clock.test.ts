/**
 * Sections 2, 4 and 8 of the contract while the wall clock is set: by an hour, back and forward, or
 * by years.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { retryErrors } from 'callsheet';
import { type Kit, openVirtual, type VirtualOptions } from 'callsheet/testing';
import { allJobs, work } from './jobs/all.js';
import { forget, seen } from './jobs/work.js';
import { failedWith, hourMs } from './opened.js';

const yearMs = 365 * 24 * hourMs;

/**
 * Opens a kit with a store of its own, whatever CALLSHEET_TEST_STORE is: on a shared store no
 * process may move the times of all.
 */
async function opened(t: TestContext, options: Partial<VirtualOptions> = {}): Promise<Kit> {
  forget();
  const kit = await openVirtual({ jobs: allJobs, ...options });
  t.after(() => kit.close());
  return kit;
}

const setBy = (kit: Kit, byMs: number) => kit.clock.set(new Date(kit.clock.now.getTime() + byMs));

describe('a change of the wall clock', () => {
  for (const [how, byMs] of [
    ['back', -hourMs],
    ['forward', hourMs],
    ['forward by years', 10 * yearMs],
  ] as const) {
    it(`[2.4] ends no delay and prolongs none: ${how}`, async (t) => {
      const kit = await opened(t);
      await kit.runtime.queue().put(work.mark('delayed'), { beginAfter: 60_000 });
      await kit.clock.advance(20_000);
      await setBy(kit, byMs);
      await kit.clock.advance(39_999);
      assert.deepEqual(seen, []);
      await kit.clock.advance(1);
      assert.deepEqual(seen, ['delayed']);
    });

    it(`[2.5] ends no deadline and prolongs none: ${how}`, async (t) => {
      const kit = await opened(t, { dispatcher: false });
      const waiting = await kit.runtime.queue().put(work.mark('waiting'), { beginByMs: 60_000 });
      await setBy(kit, byMs);
      await kit.clock.advance(59_999);
      assert.equal(await waiting.status(), 'pending');
      await kit.clock.advance(1);
      await failedWith(waiting, 'JobExpiredError');
    });

    it(`[2.5] moves the deadline of a held job: ${how}`, async (t) => {
      const kit = await opened(t);
      const queue = kit.runtime.queue();
      const held = await queue.put(work.mark('held'), { held: true, beginByMs: 60_000 });
      await setBy(kit, byMs);
      await queue.put(held);
      assert.equal(await kit.waitForResult(held), 'held');
    });

    it(`[2.12] forgets no completed job: ${how}`, async (t) => {
      const kit = await opened(t, { retention: { ageMs: 60_000 } });
      const early = await kit.runtime.queue().put(work.mark('early'));
      await kit.waitForResult(early);
      const isKept = async () => {
        await kit.run(work.mark('looks'));
        return (await kit.runtime.queue().completedBy('main')).some(({ id }) => id === early.id);
      };
      await setBy(kit, byMs);
      await kit.clock.advance(59_000);
      assert.equal(await isKept(), true);
      // A job that completed an hour ahead of the new clock is a minute old when that hour is over.
      await kit.clock.advance(2_000 + Math.max(0, -byMs));
      assert.equal(await isKept(), false);
    });

    it(`[4.8] neither fills a rate nor holds it back: ${how}`, async (t) => {
      const kit = await opened(t);
      const queue = kit.runtime.queue();
      await queue.setQuota('api', { size: 100, rate: { count: 1, periodMs: 60_000 } });
      for (const name of ['a', 'b', 'c']) await queue.put(work.mark(name), { quotas: ['api'] });
      await kit.clock.advance(20_000);
      await setBy(kit, byMs);
      await kit.clock.advance(39_000);
      assert.deepEqual(seen, ['a']);
      await kit.clock.advance(2_000);
      assert.deepEqual(seen, ['a', 'b']);
      await kit.clock.advance(60_000);
      assert.deepEqual(seen, ['a', 'b', 'c']);
    });

    it(`[8.2] ends no delay of a retry and prolongs none: ${how}`, async (t) => {
      const kit = await opened(t);
      const retry = retryErrors({ limit: 3, backoff: { initialMs: 60_000, jitter: 0 } });
      const job = await kit.runtime.queue().put(work.failUntil(2), { retry });
      await kit.clock.advance(20_000);
      await setBy(kit, byMs);
      await kit.clock.advance(39_999);
      assert.equal(await job.status(), 'pending');
      await kit.clock.advance(1);
      assert.equal(await job.status(), 'completed');
    });
  }

  it('[2.4] moves dates nearer or further away, and keeps jobs in line that are due', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const date = new Date(kit.clock.now.getTime() + 2 * hourMs);
    const job = await queue.put(work.mark('dated'), { beginAfter: date });
    await setBy(kit, -hourMs);
    await kit.clock.advance(2 * hourMs);
    assert.deepEqual(seen, []);
    await setBy(kit, hourMs);
    await kit.untilIdle();
    assert.deepEqual(seen, ['dated']);
    assert.deepEqual((await job.details()).beginAfter, date);
  });

  it('[2.5] leaves a job whose date it passes its full time up to the deadline', async (t) => {
    const kit = await opened(t, { dispatcher: false });
    const beginAfter = new Date(kit.clock.now.getTime() + hourMs);
    const job = await kit.runtime.queue().put(work.mark('dated'), { beginAfter, beginByMs: 60_000 });
    await setBy(kit, yearMs);
    await kit.clock.advance(59_999);
    assert.equal(await job.status(), 'pending');
    await kit.clock.advance(1);
    await failedWith(job, 'JobExpiredError');
  });

  it('[2.4] changes no date by a crash', async (t) => {
    const kit = await opened(t);
    await kit.runtime.queue().put(work.mark('delayed'), { beginAfter: 60_000 });
    await setBy(kit, -hourMs);
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(60_000);
    assert.deepEqual(seen, ['delayed']);
  });

  it('[4.8] stops no rate if it is set back while no runtime is open', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    await queue.setQuota('api', { size: 100, rate: { count: 1, periodMs: 60_000 } });
    await queue.put(work.mark('before'), { quotas: ['api'] });
    await kit.clock.advance(1);
    await kit.crash();
    await setBy(kit, -hourMs);
    const runtime = await kit.reopen();
    await runtime.queue().put(work.mark('after'), { quotas: ['api'] });
    await kit.clock.advance(60_000);
    assert.deepEqual(seen, ['before', 'after']);
  });

  it('[11.1] is logged as a warning, once for each change', async (t) => {
    const kit = await opened(t);
    await setBy(kit, -hourMs);
    await kit.clock.advance(hourMs);
    await setBy(kit, yearMs);
    const warnings = kit.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    assert.deepEqual(warnings, [
      'the wall clock was set back by 3600 s',
      'the wall clock was set forward by 31536000 s',
    ]);
  });
});
