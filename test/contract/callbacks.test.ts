/** Section 6 of the contract: callbacks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { map, parallel, retryErrors } from 'callsheet';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

const held = (name: string) => work.hold.with(name) as never;

describe('6 callbacks', () => {
  it('[6.1] is called with its own arguments, then the result or the failure', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const well = await queue.put(work.add(1, 2));
    const badly = await queue.put(work.fail('no'));
    const told = await well.addCallback(work.tell.with('well'));
    const toldBadly = await badly.addCallback(work.tell.with('badly'));
    assert.equal(await kit.waitForResult(told), 'well: 3');
    assert.equal(await kit.waitForResult(toldBadly), 'badly: OrderError');
  });

  it('[6.1] is a job with a status, a result and callbacks of its own', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('job'));
    const callback = await job.addCallback<string>(held('callback'));
    const second = await callback.addCallback(work.tell.with('second'));
    assert.equal(await callback.status(), 'new');
    await kit.untilIdle();
    assert.equal(await callback.status(), 'active');
    assert.equal(await second.status(), 'new');
    openGate('callback');
    assert.equal(await kit.waitForResult(callback), 'callback');
    assert.equal(await kit.waitForResult(second), 'second: callback');
    await kit.crash();
    await kit.reopen();
    assert.equal(await kit.runtime.job(callback.id).result(), 'callback');
  });

  it('[6.1] runs the side of a pair that applies, and gives the pair its status and result', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const sides = { success: held('success'), failure: work.tell.with('failure') };
    const well = await (await queue.put(work.mark('well'))).addCallbacks(sides);
    const badly = await (await queue.put(work.fail('badly'))).addCallbacks(sides);
    await kit.untilIdle();
    assert.equal(await well.status(), 'active');
    assert.equal(await well.onSuccess!.status(), 'active');
    openGate('success');
    assert.equal(await kit.waitForResult(well), 'success');
    assert.equal(await well.onSuccess!.result(), 'success');
    assert.equal(await well.onFailure!.status(), 'new');
    assert.equal(await kit.waitForResult(badly), 'failure: OrderError');
    assert.equal(await badly.onFailure!.status(), 'completed');
  });

  it('[6.1] never changes the result of its job', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const well = await queue.put(work.mark('well').onBoth(work.fail.with('callback') as never));
    const badly = await queue.put(work.fail('badly').onBoth(work.add.with(1) as never));
    await kit.waitForStatus(well, 'completed');
    await kit.waitForStatus(badly, 'completed');
    assert.equal(await well.result(), 'well');
    await failedWith(badly, 'OrderError');
  });

  it('[6.2] passes the outcome on to its own callbacks if it does not apply', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const well = await queue.put(work.mark('well'));
    const passed = await well.addCallbacks({ failure: work.tell.with('never') });
    const behind = await passed.addCallback(work.tell.with('behind'));
    assert.equal(await kit.waitForResult(behind), 'behind: well');
    assert.equal(await passed.result(), 'well');
    const badly = await queue.put(work.fail('badly'));
    const passedToo = await badly.addCallbacks({ success: work.tell.with('never') });
    const caught = await passedToo.addCallbacks({ failure: work.tell.with('caught') });
    assert.equal(await kit.waitForResult(caught), 'caught: OrderError');
    await failedWith(passedToo, 'OrderError');
  });

  it('[6.3] keeps its job in status callbacks until all are completed, one after another in order', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const job = await kit.runtime.queue().put(work.mark('job').onBoth(held('first')).onBoth(held('second')));
    await job.addCallback(held('third'));
    await kit.untilIdle();
    for (const [index, name] of ['first', 'second', 'third'].entries()) {
      assert.equal(await job.status(), 'callbacks');
      assert.equal((await job.details()).callbacksDone, index);
      assert.equal(seen.at(-1), name);
      openGate(name);
      await kit.untilIdle();
    }
    assert.equal(await job.status(), 'completed');
    assert.deepEqual(seen, ['job', 'first', 'second', 'third']);
  });

  it('[6.3] runs its own callbacks before the next one of its job', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job'), { beginAfter: hourMs });
    const first = await job.addCallback(work.tell.with('first'));
    await job.addCallback(work.tell.with('second'));
    await first.addCallback(held('behind the first'));
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['job', 'first: job', 'behind the first']);
    openGate('behind the first');
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen.slice(3), ['second: job']);
  });

  it('[6.3] needs no claim, filter or quota of its own', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('picky', { size: 1, filter: { callables: ['work#mark'] } });
    await queue.setQuota('one');
    const holder = await queue.put(work.mark('holder'), { quotas: ['one'] });
    await kit.waitForResult(holder);
    const job = await queue.put(work.mark('job').onBoth(work.tell.with('callback')));
    await kit.waitForStart(job);
    await queue.pause();
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen, ['holder', 'job', 'callback: job']);
  });

  it('[6.3] keeps its job’s place with the agent until it is completed, and takes no second one', async (t) => {
    const kit = await opened(t, { threads: 4, agent: { size: 2 } });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job').onBoth(held('callback')));
    await kit.untilIdle();
    const [other, third] = await queue.putAll([work.hold('other'), work.mark('third')]);
    await kit.untilIdle();
    assert.deepEqual(seen, ['job', 'callback', 'other']);
    assert.deepEqual([...(await queue.agents())[0]!.running].includes(job.id), true);
    openGate('callback');
    assert.equal(await kit.waitForResult(third!), 'third');
    openGate('other');
    await kit.waitForResult(other!);
  });

  it('[6.3] keeps no place with the agent while it waits for its retry', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const retry = retryErrors({ limit: 1, backoff: { initialMs: hourMs } });
    const job = await queue.put(work.mark('job').onBoth(work.failUntil.with(2).withOptions({ retry }) as never));
    await kit.untilIdle();
    assert.equal(await job.status(), 'callbacks');
    const other = await queue.put(work.mark('other'));
    await kit.untilIdle();
    assert.equal(await other.status(), 'completed');
    assert.equal(await job.status(), 'callbacks');
    await kit.clock.advance(hourMs);
    await kit.waitForStatus(job, 'completed');
  });

  it('[6.3] keeps the place while it runs beside one that waits for its retry, of a cancelled callback', async (t) => {
    const kit = await opened(t, { threads: 4, agent: { size: 1 } });
    const queue = kit.runtime.queue();
    const retry = retryErrors({ limit: 1, backoff: { initialMs: hourMs } });
    const job = await queue.put(work.hold('job'));
    await job.addCallback(held('callback'));
    const second = await job.addCallback(work.tell.with('second'));
    await second.addCallback(work.failUntil.with(2).withOptions({ retry }) as never);
    openGate('job');
    await kit.untilIdle();
    await second.cancel();
    await kit.untilIdle();
    const other = await queue.put(work.mark('other'));
    await kit.untilIdle();
    assert.equal(await other.status(), 'pending');
    openGate('callback');
    await kit.waitForStatus(other, 'completed');
    assert.equal(await job.status(), 'callbacks');
  });

  it('[6.3] runs if added while others run, and at once if added to a completed job, which stays completed', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('job').onBoth(held('first')));
    await kit.untilIdle();
    await job.addCallback(work.tell.with('meanwhile'));
    openGate('first');
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen, ['job', 'first', 'meanwhile: job']);
    const late = await job.addCallback(held('late'));
    await kit.untilIdle();
    assert.equal(await late.status(), 'active');
    assert.equal(await job.status(), 'completed');
    openGate('late');
    await kit.waitForStatus(late, 'completed');
    await kit.crash();
    await kit.reopen();
    const afterwards = await kit.runtime.job(job.id).addCallback(work.tell.with('afterwards'));
    assert.equal(await kit.waitForResult(afterwards), 'afterwards: job');
  });

  for (const how of ['killThread', 'crash'] as const) {
    it(`[6.4] runs after an interruption (${how}) unless it had finished`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const job = await kit.runtime
        .queue()
        .put(work.mark('job').onBoth(work.tell.with('first')).onBoth(held('second')));
      await job.addCallback(work.tell.with('third'));
      await kit.untilIdle();
      assert.deepEqual(seen, ['job', 'first: job', 'second']);
      await kit[how]();
      if (how === 'crash') await kit.reopen();
      await kit.untilIdle();
      assert.deepEqual(seen, ['job', 'first: job', 'second', 'second']);
      openGate('second');
      await kit.waitForStatus(kit.runtime.job(job.id), 'completed');
      assert.deepEqual(seen, ['job', 'first: job', 'second', 'second', 'third: job']);
      assert.equal(await kit.runtime.job(job.id).result(), 'job');
    });
  }

  it('[6.3] shares its job’s place with the agent with its own callbacks', async (t) => {
    const kit = await opened(t, { threads: 4, agent: { size: 2 } });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.hold('job'));
    const callback = await job.addCallback(held('callback'));
    await callback.addCallback(held('callback of the callback'));
    for (const name of ['job', 'callback']) {
      await kit.untilIdle();
      openGate(name);
    }
    await kit.untilIdle();
    await queue.put(work.hold('beside'));
    await kit.untilIdle();
    assert.equal(await callback.status(), 'callbacks');
    assert.deepEqual(seen, ['job', 'callback', 'callback of the callback', 'beside']);
  });

  it('[6.4] runs after a crash if its turn had come and it had not begun', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.mark('job').onBoth(work.tell.with('callback')));
    await kit.step();
    assert.deepEqual(seen, ['job']);
    await kit.crash();
    await kit.reopen();
    await kit.waitForStatus(kit.runtime.job(job.id), 'completed');
    assert.deepEqual(seen, ['job', 'callback: job']);
  });

  it('[6.5] is retried after every interruption, without limit', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.mark('job'));
    const callback = await job.addCallback(held('callback'));
    for (let kills = 0; kills < 25; kills++) {
      await kit.waitForStart(callback);
      await kit.killThread();
    }
    await kit.waitForStart(callback);
    openGate('callback');
    assert.equal(await kit.waitForResult(callback), 'callback');
    assert.equal((await callback.details()).interruptions, 25);
  });

  it('[6.5] logs its failure at fatal, and accepts another policy', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job').onBoth(work.fail.with('in a callback') as never));
    await kit.waitForStatus(job, 'completed');
    assert.equal(kit.fatal.length, 1);
    assert.match(kit.fatal[0]!.message, /callback/);
    const retry = retryErrors({ limit: 2, backoff: { initialMs: 1 } });
    const retried = await queue.put(work.mark('job').onBoth(work.failUntil(3).with({ retry }) as never));
    await kit.waitForStatus(retried, 'completed');
    assert.equal(kit.fatal.length, 1);
  });

  it('[6.5] accepts options before its outcome is known, with arguments and without', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 2 });
    const job = await kit.runtime.queue().put(work.add(1, 2));
    const options = work.tell.with('told').withOptions({ priority: 3 }).withOptions({ retry });
    const callback = await job.addCallback(options);
    const complete = await job.addCallback(work.failUntil(2).with({ retry }));
    const { priority, retry: stored } = await callback.details();
    assert.deepEqual([priority, stored], [3, retry]);
    assert.equal(await kit.waitForResult(callback), 'told: 3');
    assert.equal(await kit.waitForResult(complete), 2);
    const names = [() => work.tell.withOptions({ retries: 3 } as never), () => work.tell.withOptions(null as never)];
    for (const refused of names) assert.throws(refused, { name: 'TypeError', code: 'INVALID_OPTION' });
  });

  it('[3.4] rejects options on a function that makes no job of its own', async (t) => {
    const kit = await opened(t);
    const asked = work.tell.withOptions({ priority: 1 }) as never;
    assert.throws(
      () => parallel([work.add(1, 2)], { postprocess: asked }),
      /^TypeError: `postprocess` must have no options/,
    );
    assert.throws(() => map([1], work.echo, { postprocess: asked }), /^TypeError: `postprocess` must have no options/);
    const queue = kit.runtime.queue();
    await assert.rejects(queue.put(work.add(1, 2), { retry: asked }), { code: 'INVALID_OPTION' });
    await assert.rejects(queue.setAgent('main', { size: 1, filter: asked }), { code: 'INVALID_OPTION' });
  });
});
