/** Section 11 of the contract: failed jobs in groups, and by the names of their errors. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Failures, type JobQuery, map, type Part } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate } from './jobs/work.js';
import { busy, hourMs, opened } from './opened.js';

const counts = ({ groups }: Failures) => groups.map(({ error, callable, count }) => [error, callable, count]);

const failedWith = async (kit: Kit, error: JobQuery['error'], role = 'root' as const) =>
  (await kit.runtime.monitor.jobs({ error: error!, role }, { order: 'oldest' })).items.map(({ id }) => id);

describe('11 looking at it: failures', () => {
  it('[11.7] groups failed jobs by error, callable or queue, with the first, the last and an example', async (t) => {
    const kit = await opened(t);
    const { monitor } = kit.runtime;
    const mail = await kit.runtime.createQueue('mail');
    const queue = kit.runtime.queue();
    const start = kit.clock.now;
    await queue.putAll([work.fail('one'), work.fail('two'), work.failLater('three')]);
    await kit.untilIdle();
    await kit.clock.advance(1000);
    const middle = kit.clock.now;
    const last = await mail.put(work.fail('four'));
    await kit.run(work.mark('well'));
    await (await queue.put(work.mark('never'), { held: true })).cancel();
    await kit.untilIdle();
    assert.deepEqual(counts(await monitor.failures()), [
      ['OrderError', 'work#fail', 3],
      ['JobCancelledError', 'work#mark', 1],
      ['OrderError', 'work#failLater', 1],
    ]);
    const { groups, others, exact, complete, walked } = await monitor.failures({ by: ['error'] });
    assert.deepEqual([others, exact, complete, walked], [0, true, true, 5]);
    assert.deepEqual(groups[0], {
      ...{ error: 'OrderError', count: 4, first: start.toISOString(), last: middle.toISOString() },
      ...{ example: last.id, message: 'four' },
    });
    const byQueue = await monitor.failures({ by: ['queue'], since: middle });
    const queues = byQueue.groups.map(({ queue, count }) => `${queue}: ${count}`);
    assert.deepEqual(queues.sort(), [': 1', 'mail: 1']);
    assert.equal(byQueue.walked, 2);
    assert.deepEqual(counts(await monitor.failures({ filter: { queue: 'mail' } })), [['OrderError', 'work#fail', 1]]);
    const one = await monitor.failures({ limit: 1 });
    assert.deepEqual([one.groups.length, one.others], [1, 2]);
    assert.deepEqual((await monitor.failures({ by: [] })).groups[0]!.count, 5);
    for (const bad of [{ by: ['colour'] }, { limit: 0 }, { since: new Date(Number.NaN) }, { filter: { role: 'x' } }])
      await assert.rejects(monitor.failures(bad as never), RangeError);
    for (const bad of [{ by: 'error' }, { since: 5 }, { sinse: 5 }, { filter: { error: [5] } }])
      await assert.rejects(monitor.failures(bad as never), TypeError);
  });

  it('[11.7] groups failed jobs by the place in the code, and counts them by time', async (t) => {
    const kit = await opened(t);
    const { monitor } = kit.runtime;
    const queue = kit.runtime.queue();
    const minuteMs = 60_000;
    await kit.clock.advance(minuteMs - (kit.clock.now.getTime() % minuteMs));
    const start = kit.clock.now.getTime();
    const step = (minute: number, count: number) => ({
      from: new Date(start + minute * minuteMs).toISOString(),
      count,
    });
    for (const afterMs of [2 * minuteMs, 1000, minuteMs]) {
      await queue.put(work.fail('on purpose'));
      await kit.untilIdle();
      await kit.clock.advance(afterMs);
    }
    await queue.put(work.failLater('later'));
    await (await queue.put(work.mark('never'), { held: true })).cancel();
    await kit.untilIdle();
    const { groups } = await monitor.failures({ by: ['frame'], stepMs: minuteMs });
    const [most, ...others] = groups;
    assert.match(most!.frame!, /^at (?:\w+\.)?fail \(jobs\/work\.[jt]s:\d+\)$/);
    assert.deepEqual(most!.steps, [step(0, 1), step(2, 2)]);
    const later = others.find(({ frame }) => frame !== '');
    assert.match(later!.frame!, /failLater/);
    assert.deepEqual(others.find(({ frame }) => frame === '')?.steps, [step(3, 1)]);
    assert.equal((await monitor.jobs({ error: most!.frame! })).items.length, 3);
    await kit.crash();
    await kit.reopen();
    const after = kit.runtime.monitor;
    assert.equal((await after.failures({ by: ['frame'] })).groups[0]!.frame, most!.frame);
    assert.deepEqual((await after.failures({ by: [], stepMs: hourMs })).groups[0]!.steps!.length, 1);
    assert.ok(!('steps' in (await after.failures()).groups[0]!));
    await assert.rejects(after.failures({ stepMs: 1 }), RangeError);
  });

  it('[11.2] lists failed jobs by the names of their errors, however they failed, also after a restart', async (t) => {
    const { kit, queue } = await busy(t);
    const thrown = await queue.put(work.fail('thrown'));
    const returned = await queue.put(inside.returnFailing('inside') as Part);
    const given = await queue.put(inside.putAndReturnFailed('given'));
    const pair = await thrown.addCallbacks({ success: work.tell.with('never') });
    const late = await queue.put(work.mark('late'), { beginByMs: 500 });
    const slow = await queue.put(work.hold('slow'), { timeoutMs: 1000 });
    const ended = await queue.put(work.mark('ended'));
    await ended.fail(Object.assign(new TypeError('by hand'), { name: 'HandError' }));
    const odd = await queue.put(work.mark('odd'));
    await odd.fail('no error at all');
    const items = {
      *[Symbol.iterator]() {
        yield 1;
        throw new EvalError('no more items');
      },
    };
    const mapped = await queue.put(map(items, (n: number) => work.add(n, n)));
    await kit.clock.advance(1000);
    openGate('before');
    await kit.waitForStart(slow);
    await kit.clock.advance(1000);
    await kit.untilIdle();
    const inner = (await returned.details()).returned!;
    const check = async () => {
      assert.deepEqual(await failedWith(kit, 'RangeError'), [thrown.id, returned.id, given.id, inner]);
      assert.deepEqual(
        (await kit.runtime.monitor.jobs({ error: 'OrderError', role: 'callback' })).items[0]?.id,
        pair.id,
      );
      assert.deepEqual(await failedWith(kit, 'OrderError'), [thrown.id, returned.id, inner]);
      assert.deepEqual(await failedWith(kit, ['JobExpiredError', 'JobTimeoutError']), [late.id, slow.id]);
      assert.deepEqual(await failedWith(kit, 'HandError'), [ended.id]);
      assert.deepEqual(await failedWith(kit, 'EvalError'), [mapped.id]);
      assert.deepEqual(await failedWith(kit, 'Range'), []);
    };
    await check();
    await kit.crash();
    await kit.reopen();
    await check();
  });
});
