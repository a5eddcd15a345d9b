/**
 * Section 8 of the contract: a job that must run alone after deaths of the process delays others
 * for a bounded time only.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

/** Opens a paused queue with a job that was claimed at two deaths of the process. */
async function suspected(t: TestContext): Promise<Kit> {
  const kit = await opened(t, { threads: 2 });
  await (await kit.runtime.createQueue('aside')).put(work.hold('suspect'));
  await kit.untilIdle();
  await kit.crash();
  await kit.reopen();
  await kit.untilIdle();
  await kit.runtime.queue('aside').pause();
  await kit.crash();
  await kit.reopen();
  await kit.clock.advance(1000);
  assert.deepEqual(seen.splice(0), ['suspect', 'suspect']);
  return kit;
}

describe('8 retries: a job that must run alone', () => {
  it('[8.4] lets jobs that running jobs wait for pass', async (t) => {
    const kit = await suspected(t);
    const queue = kit.runtime.queue();
    const inner = await queue.put(work.mark('inner'), { beginAfter: 100 });
    const outer = await queue.put(inside.waitForGiven(inner as never));
    await kit.waitForStart(outer);
    await kit.runtime.queue('aside').resume();
    await kit.clock.advance(100);
    assert.equal(await outer.result(), 'inner');
    assert.deepEqual(seen.slice(0, 1), ['inner']);
    openGate('suspect');
  });

  it('[8.4] waits a second for the others to end, and begins beside those that do not', async (t) => {
    const kit = await suspected(t);
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('long')));
    await kit.runtime.queue('aside').resume();
    await kit.untilIdle();
    const next = await queue.put(work.mark('next'));
    await kit.clock.advance(999);
    assert.deepEqual(seen, ['long']);
    await kit.clock.advance(1);
    assert.deepEqual(seen, ['long', 'suspect']);
    openGate('long');
    await kit.clock.advance(60_000);
    assert.equal(await next.result(), 'next');
    openGate('suspect');
  });

  it('[8.4] delays no job that finds a thread while it finds none', async (t) => {
    const kit = await suspected(t);
    const queue = kit.runtime.queue();
    for (const name of ['long', 'longer']) await kit.waitForStart(await queue.put(work.hold(name)));
    await kit.runtime.queue('aside').resume();
    await queue.putAll(['a', 'b'].map((name) => work.mark(name)));
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['long', 'longer']);
    openGate('long');
    await kit.clock.advance(1000);
    assert.ok(seen.includes('suspect'), `${seen}`);
    openGate('longer');
    await kit.clock.advance(60_000);
    assert.deepEqual([...seen].sort(), ['a', 'b', 'long', 'longer', 'suspect']);
    openGate('suspect');
  });

  it('[8.4] lets the job that it waits for run beside it', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const outer = await kit.runtime.queue().put(inside.putNowAndHold('inner'));
    for (let deaths = 0; deaths < 2; deaths++) {
      await kit.untilIdle();
      await kit.crash();
      await kit.reopen();
    }
    await kit.clock.advance(1000);
    openGate('inner');
    assert.equal(await kit.waitForResult(kit.runtime.job(outer.id), { withinMs: 100 }), 'inner');
  });
});
