/** Section 11 of the contract: running jobs, queues, and the runtime itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inside, work } from './jobs/all.js';
import { openGate } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

describe('11 looking at it: running jobs, queues, the runtime', () => {
  it('[11.7] lists the running jobs with thread, start, limit and progress', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const { monitor } = kit.runtime;
    const queue = kit.runtime.queue();
    assert.deepEqual(await monitor.active(), []);
    const start = kit.clock.now.toISOString();
    const first = await queue.put(work.hold('first'), { timeoutMs: hourMs });
    const second = await queue.put(inside.sayAndHold('progress', { done: 1, total: 4 }));
    await queue.put(work.hold('third'));
    await kit.waitForStart(second);
    await kit.clock.advance(1500);
    const active = await monitor.active();
    assert.deepEqual(new Set(active.map(({ id }) => id)), new Set([first.id, second.id]));
    const row = active.find(({ id }) => id === first.id)!;
    assert.deepEqual(row, {
      ...{ id: first.id, callable: 'work#hold', queue: '', agent: 'main', dispatcher: kit.runtime.id, attempt: 1 },
      ...{ thread: row.thread, started: start, ranMs: 1500, expectedMs: undefined, timeoutMs: hourMs },
      ...{ cancelled: false, awaits: [], progress: undefined },
    });
    const other = active.find(({ id }) => id === second.id)!;
    assert.deepEqual(other.progress, { done: 1, total: 4 });
    assert.deepEqual(new Set([row.thread, other.thread]).size, 2);
    await first.cancel();
    assert.ok((await monitor.active()).every(({ id, cancelled }) => id !== first.id || cancelled));
    for (const gate of ['progress', 'third']) openGate(gate);
    await kit.untilIdle();
    assert.deepEqual(await monitor.active(), []);
  });

  it('[11.7] shows queues with their lengths, the oldest wait, agents and quotas', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const { monitor } = kit.runtime;
    const mail = await kit.runtime.createQueue('mail');
    await kit.runtime.createQueue('map');
    await mail.setAgent('main', { size: 3, filter: { minPriority: -5 } });
    await mail.setQuota('tenant', { size: 1 });
    await mail.setQuota('rated', { rate: { count: 2, periodMs: 1000 } });
    const of = (key: string) => ({ quotas: [{ name: 'tenant', key }] });
    const holders = await mail.putAll([work.hold('a').with(of('a')), work.hold('b').with(of('b'))]);
    for (const holder of holders) await kit.waitForStart(holder);
    await mail.put(work.mark('blocked'), of('a'));
    await kit.clock.advance(2000);
    await mail.put(work.mark('blocked, too'), of('b'));
    await mail.put(work.mark('later'), { beginAfter: hourMs });
    await mail.setBound(10);
    const [row, ...rest] = (await monitor.queues({ queue: 'ma*l' })).items;
    assert.deepEqual(rest, []);
    assert.deepEqual(row, {
      ...{ name: 'mail', length: 2, later: 1, running: 2, unfinished: 5, paused: false, pausedSince: undefined },
      ...{ bound: 10, putsWaiting: 0, oldestMs: 2000 },
      agents: [
        {
          ...{ name: 'main', dispatcher: kit.runtime.id, size: 3, used: 2 },
          ...{ filter: { minPriority: -5 }, problem: undefined },
        },
      ],
      quotas: [
        { name: 'tenant', size: 1, rate: undefined, keys: 2, places: 2 },
        { name: 'rated', size: 1, rate: { count: 2, periodMs: 1000 }, keys: 0, places: 0 },
      ],
    });
    const at = kit.clock.now.toISOString();
    await mail.pause();
    const { items, others, exact } = await monitor.queues({ limit: 2 });
    assert.deepEqual([items.map(({ name }) => name), others, exact], [['', 'mail'], 1, true]);
    assert.deepEqual([items[1]!.paused, items[1]!.pausedSince], [true, at]);
    assert.deepEqual([items[0]!.oldestMs, items[0]!.bound], [undefined, undefined]);
    await assert.rejects(monitor.queues({ limit: 0 }), RangeError);
    await assert.rejects(monitor.queues({ queue: 5 as never }), TypeError);
    for (const gate of ['a', 'b']) openGate(gate);
  });

  it('[11.7] shows the runtime: state, jobs by status, threads, store, versions', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const { monitor } = kit.runtime;
    const queue = kit.runtime.queue();
    const opening = kit.clock.now.toISOString();
    await kit.clock.advance(1000);
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    await kit.run(work.mark('done'));
    await queue.put(work.mark('later'), { beginAfter: hourMs });
    const status = await monitor.status();
    assert.deepEqual([status.id, status.state, status.opened], [kit.runtime.id, 'running', opening]);
    assert.equal(status.asOf, kit.clock.now.toISOString());
    assert.deepEqual([status.jobs.completed, status.jobs.pending], [1, 1]);
    assert.equal(
      Object.values(status.jobs).reduce((sum, count) => sum + count, 0),
      3,
    );
    assert.deepEqual([status.threads.size, status.threads.running, status.threads.claimed], [2, 1, 1]);
    assert.deepEqual([status.queues, status.dispatchers, status.clients], [1, { active: 1, inactive: 0 }, 0]);
    assert.ok(status.turns.count > 0 && status.store.takesWork && status.store.frames > 0);
    assert.match(status.versions.callsheet, /^\d+\.\d+\.\d+/);
    assert.ok(status.answerMs >= 0 && status.pid === process.pid);
    openGate('held');
  });
});
