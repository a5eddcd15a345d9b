/** Section 4 of the contract: quotas. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, type Part, parallel, type Queue, retryErrors } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { now, openGate, seen } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

/** The names of jobs that are held now. */
async function held(queue: Queue, name: string): Promise<readonly string[]> {
  return (await queue.quotas()).find((quota) => quota.name === name)!.holders;
}

describe('4 quotas', () => {
  it('[4.1] run a job only while each has room, and give it a place in each', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('database', { size: 2 });
    await queue.setQuota('printer');
    const put = (name: string, ...quotas: string[]) => queue.put(work.hold(name), { quotas });
    const both = await put('both', 'database', 'printer');
    const database = await put('database', 'database');
    await put('printing', 'printer');
    await put('third', 'database');
    await kit.untilIdle();
    assert.deepEqual(seen, ['both', 'database']);
    assert.deepEqual([...(await held(queue, 'database'))].sort(), [both.id, database.id].sort());
    assert.deepEqual(await held(queue, 'printer'), [both.id]);
    openGate('both');
    await kit.untilIdle();
    assert.deepEqual(seen, ['both', 'database', 'printing', 'third']);
  });

  it('[4.1] never run more jobs than their size', async (t) => {
    const kit = await opened(t, { threads: 8 });
    const queue = kit.runtime.queue();
    await queue.setQuota('three', { size: 3 });
    const all = Array.from({ length: 20 }, (_, n) => `job ${n}`);
    await queue.putAll(
      all.map((name) => work.hold(name)),
      { quotas: ['three'] },
    );
    for (const name of all) {
      await kit.untilIdle();
      openGate(name);
    }
    await kit.untilIdle();
    assert.deepEqual([now.most, seen.length], [3, 20]);
  });

  it('[4.2] reject putting a job again after a quota that it or its part names was removed', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    await queue.setQuota('tape');
    const later = { quotas: ['tape'], beginAfter: hourMs };
    const jobs: Job<unknown>[] = [
      await queue.put(work.mark('one'), later),
      await queue.put(parallel([work.mark('part').with({ quotas: ['tape'] })]), { beginAfter: hourMs }),
    ];
    for (const job of jobs) await queue.remove(job);
    await queue.removeQuota('tape');
    for (const job of jobs) {
      await assert.rejects(queue.put(job), { code: 'UNKNOWN_QUOTA' });
      assert.equal(await job.status(), 'new');
    }
    await queue.setQuota('tape');
    for (const job of jobs) await queue.put(job);
    assert.equal(await queue.length(), 2);
  });

  it('[4.2] reject an unknown name at a put and at a change, which leaves the job unchanged', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('known');
    await assert.rejects(queue.put(work.mark('a'), { quotas: ['known', 'unknown'] }), {
      name: 'UnknownQuotaError',
      code: 'UNKNOWN_QUOTA',
      message: /"unknown"/,
    });
    const job = await queue.put(work.mark('job'), { quotas: ['known'], beginAfter: hourMs });
    const before = await job.details();
    await assert.rejects(job.change({ quotas: ['unknown'], priority: 3 }), { code: 'UNKNOWN_QUOTA' });
    assert.deepEqual(await job.details(), before);
    const other = await kit.runtime.createQueue('other');
    await assert.rejects(other.put(work.mark('a'), { quotas: ['known'] }), { code: 'UNKNOWN_QUOTA' });
  });

  it('[4.3] can be created, sized, read and removed at any time, with a size of 1 by default', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const read = async () =>
      (await queue.quotas()).map(({ name, size, holders, filled }) => [name, size, holders.length, filled]);
    assert.deepEqual(await read(), [['one', 1, 0, false]]);
    await queue.putAll(
      ['a', 'b', 'c'].map((name) => work.hold(name)),
      { quotas: ['one'] },
    );
    await kit.untilIdle();
    assert.deepEqual(await read(), [['one', 1, 1, true]]);
    await queue.setQuota('one', { size: 3 });
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c'], 'waiting jobs have room now');
    assert.deepEqual(await read(), [['one', 3, 3, true]]);
    openGate('a');
    await kit.untilIdle();
    assert.deepEqual(await read(), [['one', 3, 2, false]]);
    await queue.removeQuota('one');
    assert.deepEqual(await read(), []);
    for (const size of [0, -1, 1.5, Number.NaN]) await assert.rejects(queue.setQuota('one', { size }), RangeError);
  });

  it('[4.3] keep their size and holders over a crash', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one', { size: 1 });
    const [first] = await queue.putAll([work.hold('first'), work.hold('second')], { quotas: ['one'] });
    await kit.waitForStart(first!);
    await kit.crash();
    await kit.reopen();
    await kit.untilIdle();
    assert.deepEqual(await held(kit.runtime.queue(), 'one'), [first!.id]);
    assert.deepEqual(seen, ['first', 'first']);
  });

  it('[4.4] are ignored in jobs after their removal', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    await queue.putAll(
      ['a', 'b', 'c'].map((name) => work.hold(name)),
      { quotas: ['one'] },
    );
    await kit.untilIdle();
    assert.deepEqual(seen, ['a']);
    await queue.removeQuota('one');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  it('[4.5] let running jobs go on when shrunk below their number, and start no other until there is room', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('some', { size: 3 });
    await queue.putAll(
      ['a', 'b', 'c', 'd'].map((name) => work.hold(name)),
      { quotas: ['some'] },
    );
    await kit.untilIdle();
    await queue.setQuota('some', { size: 1 });
    assert.equal(kit.running.length, 3);
    for (const name of ['a', 'b']) {
      openGate(name);
      await kit.untilIdle();
      assert.deepEqual(seen, ['a', 'b', 'c']);
    }
    openGate('c');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  });

  it('[4.6] free a place when the call is over, while callbacks run', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const [first] = await queue.putAll([work.hold('first'), work.hold('second')], { quotas: ['one'] });
    await first!.addCallback(work.hold.with('callback') as never);
    openGate('first');
    await kit.untilIdle();
    assert.equal(await first!.status(), 'callbacks');
    assert.deepEqual([...seen].sort(), ['callback', 'first', 'second']);
  });

  it('[4.6] free a place while a job waits for a later retry', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const retry = retryErrors({ limit: 1, backoff: { initialMs: 60_000, jitter: 0 } });
    await queue.put(work.failUntil(2), { quotas: ['one'], retry });
    await queue.put(work.mark('second'), { quotas: ['one'] });
    await kit.untilIdle();
    assert.deepEqual(seen, ['attempt 1', 'second']);
    assert.deepEqual(await held(queue, 'one'), []);
    await kit.clock.advance(60_000);
    assert.deepEqual(seen, ['attempt 1', 'second', 'attempt 2']);
  });

  it('[4.6] keep a place for a retry at once, also after an interruption, so that size 1 keeps order', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const retry = retryErrors({ limit: 1, backoff: { initialMs: 0 } });
    const jobs: Part[] = [work.hold('first'), work.failUntil(2).with({ retry }), work.mark('third')];
    const [first] = await queue.putAll(jobs, { quotas: ['one'] });
    await queue.put(work.mark('high'), { quotas: ['one'], priority: 9 });
    await kit.waitForStart(first!);
    await kit.killThread();
    openGate('first');
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'first', 'high', 'attempt 1', 'attempt 2', 'third']);
  });

  it('[4.6] keep the place of a job that waits for its inner job, which shares it', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const outer = await queue.put(inside.returnHeldIn('inner', 'one') as Part, { quotas: ['one'] });
    await queue.put(work.mark('behind'), { quotas: ['one'] });
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner']);
    assert.deepEqual(await held(queue, 'one'), [outer.id]);
    openGate('inner');
    assert.equal(await kit.waitForResult(outer), 'inner');
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner', 'behind']);
  });

  it('[4.6] a job that waits in its thread lends its place to what it waits for, however deep', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const given = (job: Job<unknown>) => inside.waitForGiven(job as never);
    const innermost = await queue.put(work.hold('innermost'), { quotas: ['one'], beginAfter: 2 });
    const middle = await queue.put(given(innermost), { quotas: ['one'], beginAfter: 1 });
    const outer = await queue.put(given(middle), { quotas: ['one'] });
    await queue.put(work.mark('behind'), { quotas: ['one'] });
    await kit.waitForStart(innermost);
    await kit.untilIdle();
    assert.deepEqual(await held(queue, 'one'), [outer.id]);
    openGate('innermost');
    assert.equal(await kit.waitForResult(outer), 'innermost');
    await kit.untilIdle();
    assert.deepEqual(seen, ['innermost', 'behind']);
  });

  it('[4.6] what runs in a lent place takes it when the job that lent it ends before', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const inner = await queue.put(work.hold('inner'), { quotas: ['one'], beginAfter: 1 });
    const outer = await queue.put(inside.waitForGiven(inner as never), { quotas: ['one'] });
    await queue.put(work.mark('behind'), { quotas: ['one'] });
    await kit.waitForStart(inner);
    await outer.cancel();
    await kit.clock.advance(60_000);
    assert.equal(await outer.status(), 'completed');
    assert.deepEqual(seen, ['inner']);
    assert.deepEqual(await held(queue, 'one'), [inner.id]);
    openGate('inner');
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner', 'behind']);
  });

  it('[4.6] apply to parts by their own names, and give the composition’s place to its postprocess', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const part = (name: string) => work.hold(name).with({ quotas: ['one'] });
    const whole: Job<unknown> = await queue.put(parallel([part('a'), part('b')], { postprocess: work.list }));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a']);
    openGate('a');
    openGate('b');
    assert.deepEqual(await kit.waitForResult(whole), ['a', 'b']);
  });

  it('[4.6] share the composition’s place with a part that is changed to name its quota', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    for (const name of ['one', 'other']) await queue.setQuota(name);
    await kit.waitForStart(await queue.put(work.hold('holder'), { quotas: ['other'] }));
    const whole = await queue.put(parallel([work.mark('part').with({ quotas: ['other'] })]).with({ quotas: ['one'] }));
    await kit.untilIdle();
    await (await queue.at(0))!.change({ quotas: ['one'] });
    await kit.waitForStatus(whole, 'completed');
    assert.deepEqual(seen, ['holder', 'part']);
  });

  it('[4.7] do not block the jobs behind a blocked one', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    await kit.waitForStart(await queue.put(work.hold('holder'), { quotas: ['one'] }));
    await queue.putAll(
      Array.from({ length: 300 }, (_, n) => work.mark(`blocked ${n}`)),
      { quotas: ['one'], priority: 5 },
    );
    await queue.put(work.mark('free'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['holder', 'free']);
    openGate('holder');
    await kit.untilIdle();
    assert.equal(seen.length, 302);
  });

  it('[4.8] have a limit for each key if keyed, without set-up for a key', async (t) => {
    const kit = await opened(t, { threads: 8 });
    const queue = kit.runtime.queue();
    await queue.setQuota('tenant', { size: 1 });
    for (const [name, key] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['b2', 'b'],
      ['c1', 'c'],
    ] as const) {
      await queue.put(work.hold(name), { quotas: [{ name: 'tenant', key }] });
    }
    await kit.untilIdle();
    assert.deepEqual(seen, ['a1', 'b1', 'c1']);
    openGate('b1');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a1', 'b1', 'c1', 'b2']);
  });

  it('[4.8] start no more jobs than the rate in a period', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('api', { size: 100, rate: { count: 2, periodMs: 60_000 } });
    await queue.putAll(
      ['a', 'b', 'c', 'd', 'e'].map((name) => work.mark(name)),
      { quotas: ['api'] },
    );
    await queue.put(work.mark('free'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'free']);
    await kit.clock.advance(29_000);
    assert.equal(seen.length, 3);
    await kit.clock.advance(1_000);
    assert.deepEqual(seen.slice(3), ['c']);
    await kit.clock.advance(60_000);
    assert.deepEqual(seen.slice(3), ['c', 'd', 'e']);
  });

  it('[4.8] refill a rate evenly: after a pause, up to twice the rate less one begin in a period', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('api', { size: 100, rate: { count: 4, periodMs: 60_000 } });
    await queue.putAll(
      Array.from({ length: 10 }, (_, n) => work.mark(`${n}`)),
      { quotas: ['api'] },
    );
    await kit.clock.advance(59_999);
    assert.equal(seen.length, 7);
    await kit.clock.advance(60_001);
    assert.equal(seen.length, 10);
  });

  it('[4.8] count a rate for each key by itself', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('api', { size: 100, rate: { count: 1, periodMs: 60_000 } });
    for (const [name, key] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ] as const) {
      await queue.put(work.mark(name), { quotas: [{ name: 'api', key }] });
    }
    await kit.untilIdle();
    assert.deepEqual(seen, ['a1', 'b1']);
    await kit.clock.advance(60_000);
    assert.deepEqual(seen, ['a1', 'b1', 'a2']);
  });
  it('[4.8] keep a rate over a crash', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('api', { size: 100, rate: { count: 2, periodMs: 60_000 } });
    const put = (name: string, key: string) => queue.put(work.mark(name), { quotas: [{ name: 'api', key }] });
    for (const name of ['a1', 'a2', 'a3', 'a4']) await put(name, 'a');
    await put('b1', 'b');
    await kit.untilIdle();
    await kit.clock.advance(15_000);
    await kit.crash();
    const again = (await kit.reopen()).queue();
    for (const name of ['b2', 'b3']) await again.put(work.mark(name), { quotas: [{ name: 'api', key: 'b' }] });
    await kit.untilIdle();
    assert.deepEqual(seen, ['a1', 'a2', 'b1', 'b2'], 'one start is left for b, none for a');
    await kit.clock.advance(15_000);
    assert.deepEqual(seen.slice(4).sort(), ['a3', 'b3']);
  });
});
