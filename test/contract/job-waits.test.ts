/**
 * Section 2 of the contract: jobs that wait for other jobs in their threads, and never block each
 * other for good.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parallel } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 jobs: waiting for others inside', () => {
  it('[2.7] runs awaited jobs when each thread has a job that waits', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const jobs = await kit.runtime.queue().putAll([inside.descend(5), inside.descend(5), inside.descend(1)]);
    for (const job of jobs) assert.ok((await kit.waitForResult(job)) as number);
  });

  for (const how of ['serial', 'parallel'] as const) {
    it(`[2.7] runs all parts of an awaited ${how}`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const names = ['a', 'b', 'c'];
      assert.deepEqual(await kit.run(inside.waitForParts(names, how)), names);
    });
  }

  it('[2.7] goes on with awaited jobs after a restart', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const inner = await queue.put(work.hold('inner'), { beginAfter: hourMs });
    const outer = await queue.put(inside.waitForGiven(inner as never));
    await kit.waitForStart(outer);
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['inner']);
    openGate('inner');
    assert.equal(await kit.waitForResult(kit.runtime.job(outer.id)), 'inner');
  });

  it('[2.7] runs the job that sets the annotation for which another waits', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const [teller] = await queue.putAll([inside.sayAndHold('told', 'yes').with({ beginAfter: 1 })]);
    const listener = await queue.put(inside.waitForTold(teller as never));
    assert.equal(await kit.waitForResult(listener), 'yes');
    openGate('told');
  });

  it('[2.7] rejects a wait that would leave no thread, and goes on with the others', async (t) => {
    const kit = await opened(t, { threads: 1, extraThreads: 2 });
    const queue = kit.runtime.queue();
    assert.equal(await kit.run(inside.descend(2)), 2);
    const deep = await queue.put(inside.descend(3));
    await kit.waitForStatus(deep, 'completed');
    const failure = await deep.failure();
    assert.match(failure!.message, /cannot wait.*all 3 threads.*extraThreads 2.*Return the job/);
    assert.equal(await kit.run(work.mark('after')), 'after');
    // A wait for a completed job returns at once and holds no thread.
    const kitOfOne = await opened(t, { threads: 1, extraThreads: 0 });
    const over = await kitOfOne.runtime.queue().put(work.mark('over'));
    await kitOfOne.waitForResult(over);
    assert.equal(await kitOfOne.run(inside.waitForGiven(over as never)), 'over');
    const refused = await kitOfOne.runtime.queue().put(inside.putNowAndEnd('inner', false));
    await kitOfOne.waitForStatus(refused, 'completed');
    await failedWith(refused, 'TooManyWaitsError');
    await assert.rejects(opened(t, { extraThreads: -1 }), RangeError);
  });

  it('[2.7] rejects a wait for a job that can only end after the waiting one', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const dated = () => queue.put(inside.waitForGiven(undefined as never), { beginAfter: hourMs });
    const [first, second, called] = [await dated(), await dated(), await dated()];
    await first.change({ args: [second] });
    await second.change({ args: [first] });
    const callback = await called.addCallback(work.tell.with('after'));
    await called.change({ args: [callback] });
    const codes: unknown[] = [];
    for (const job of [first, second, called]) {
      await kit.waitForStatus(job, 'completed');
      codes.push((await job.failure())!.code);
    }
    assert.deepEqual(codes, ['JOB_FAILED', 'JOB_STATUS', 'JOB_STATUS']);
  });

  it('[2.7] refuses a wait for what ends only after it, also through parts of wholes', async (t) => {
    const kit = await opened(t, { threads: 3 });
    const queue = kit.runtime.queue();
    const job = await queue.put(inside.waitForGiven(undefined as never), { beginAfter: hourMs });
    const inner = await queue.put(parallel([inside.waitForGiven(job as never)]));
    const outer = await queue.put(parallel([inside.waitForGiven(inner as never)]));
    await job.change({ args: [outer] });
    await kit.waitForStatus(job, 'completed');
    assert.equal((await job.failure())!.code, 'JOB_STATUS');
    await kit.waitForStatus(outer, 'completed');
  });

  it('[2.7] runs what holds the place that the job waited for needs', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const inner = await queue.put(work.mark('inner'), { quotas: ['one'], beginAfter: hourMs });
    const outer = await queue.put(inside.waitForGiven(inner as never));
    await kit.waitForStart(outer);
    // It has the place, and its part finds no thread.
    await queue.put(parallel([work.mark('part')]).with({ quotas: ['one'] }));
    await kit.untilIdle();
    assert.deepEqual(seen, []);
    assert.equal(await kit.waitForResult(outer), 'inner');
    assert.deepEqual(seen, ['part', 'inner']);
  });

  it('[2.7] ends a wait for a job that returns the waiting one', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const returns = await queue.put(inside.returnGiven(undefined as never), { beginAfter: hourMs });
    const outer = await queue.put(inside.waitForGiven(returns as never));
    await returns.change({ args: [outer] });
    await kit.waitForStatus(outer, 'completed');
    assert.equal((await outer.failure())!.code, 'JOB_STATUS');
    await kit.waitForStatus(returns, 'completed');
  });

  it('[5.2] gives extra threads to awaited jobs only', async (t) => {
    const kit = await opened(t, { threads: 1, agent: { size: 5 } });
    const queue = kit.runtime.queue();
    // From here on there are extra threads.
    await kit.run(inside.descend(2));
    const inner = await queue.put(work.hold('inner'), { beginAfter: hourMs });
    const outer = await queue.put(inside.waitForGiven(inner as never));
    await kit.waitForStart(outer);
    await queue.putAll(['x', 'y'].map((name) => work.mark(name).with({ priority: 9 })));
    await kit.untilIdle();
    await kit.waitForStart(inner);
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner']);
    openGate('inner');
    await kit.waitForResult(outer);
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner', 'x', 'y']);
  });

  it('[5.2] lends the place of a waiting job to the job that it waits for', async (t) => {
    const kit = await opened(t, { threads: 2, agent: { size: 1 } });
    assert.equal(await kit.run(inside.putNowAndEnd('inner', false)), 'inner');
    assert.equal(await kit.run(inside.descend(3)), 3);
    const job = await kit.runtime.queue().put(work.mark('job'));
    const callback = await job.addCallback(inside.putNowAndEnd.with('of its callback', false));
    assert.equal(await kit.waitForResult(callback), 'of its callback');
  });
});
