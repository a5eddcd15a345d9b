/** Section 2 of the contract, jobs: status, outcome, times, dates, deadlines. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallsheetError, JobFailedError, parallel, retryErrors, retryForever } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 jobs: status', () => {
  it('[2.1] has a UUID of version 7, like the runtime that put it', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('a'));
    assert.match(job.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(kit.runtime.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.equal((await job.details()).owner, kit.runtime.id);
  });

  it('[2.1] is shown with its callable, arguments, options, queue, agent and the runtime that put it', async (t) => {
    const kit = await opened(t);
    const queue = await kit.runtime.createQueue('mail');
    await queue.setQuota('one', { size: 2 });
    const retry = retryErrors({ limit: 3 });
    const options = { priority: 5, timeoutMs: 1_000, unique: 'key', durability: 'memory', retry } as const;
    const job = await queue.put(work.add(1, 2), { ...options, quotas: ['one', { name: 'one', key: 'a' }] });
    await kit.waitForResult(job);
    const {
      callable,
      agent,
      owner,
      queue: name,
      priority,
      timeoutMs,
      unique,
      durability,
      ...rest
    } = await job.details();
    assert.deepEqual([callable, await job.arguments(), name, agent], ['work#add', [1, 2], 'mail', 'main']);
    assert.deepEqual({ priority, timeoutMs, unique, durability, retry: rest.retry }, options);
    assert.deepEqual([rest.quotas, owner], [[{ name: 'one' }, { name: 'one', key: 'a' }], kit.runtime.id]);
    const { timeoutMs: none, unique: noKey } = await (await queue.put(work.add(1, 2))).details();
    assert.deepEqual([none, noKey], [undefined, undefined]);
  });

  it('[2.1] goes through new, pending, assigned, active, callbacks and completed', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const first = await queue.put(work.hold('first'));
    assert.equal(await first.status(), 'assigned', 'sent to a thread, not begun there');
    await kit.waitForStart(first);
    const job = await queue.put(work.hold('job').onBoth(work.hold.with('callback') as never));
    assert.equal(await job.status(), 'pending');
    await queue.remove(job);
    assert.equal(await job.status(), 'new');
    await queue.put(job);
    openGate('first');
    await kit.waitForStatus(first, 'completed');
    await kit.waitForStart(job);
    assert.equal(await job.status(), 'active');
    openGate('job');
    await kit.waitForStatus(job, 'callbacks');
    openGate('callback');
    await kit.waitForStatus(job, 'completed');
  });

  it('[2.1] rejects a call in the wrong status with JobStatusError and changes nothing', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const active = await queue.put(work.hold('active'));
    await kit.waitForStart(active);
    const before = await active.details();
    const wrong = [
      () => active.fail(new Error('no')),
      () => active.change({ args: ['other'] }),
      () => active.change({ priority: 7 }),
      () => queue.remove(active),
      () => queue.put(active),
    ];
    for (const call of wrong) await assert.rejects(call(), { name: 'JobStatusError', code: 'JOB_STATUS' });
    assert.deepEqual(await active.details(), before);
    assert.deepEqual(await active.arguments(), ['active']);
    openGate('active');
    await kit.waitForResult(active);
    const done = await active.details();
    for (const call of [...wrong, () => active.cancel()]) await assert.rejects(call(), { code: 'JOB_STATUS' });
    assert.deepEqual(await active.details(), done);
    assert.equal(await active.result(), 'active');
  });
});

describe('2 jobs: outcome', () => {
  it('[2.2] keeps a value over a crash', async (t) => {
    const kit = await opened(t);
    const value = { list: [1, -0, 2n], when: new Date(5), map: new Map([['a', new Uint8Array(3)]]) };
    const job = await kit.runtime.queue().put(work.echo(value));
    assert.deepEqual(await kit.waitForResult(job), value);
    await kit.crash();
    await kit.reopen();
    assert.deepEqual(await kit.runtime.job(job.id).result(), value);
  });

  it('[2.2] keeps a failure’s name, message, stack, code, cause and properties over a crash', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.fail('no such order'));
    await kit.waitForStatus(job, 'completed');
    await kit.crash();
    await kit.reopen();
    const again = kit.runtime.job(job.id);
    const failure = (await again.failure())!;
    assert.equal(failure.name, 'OrderError');
    assert.equal(failure.message, 'no such order');
    assert.match(failure.stack!, /work\.[jt]s/);
    assert.equal(failure.code, 'E_ORDER');
    assert.equal((failure.cause as typeof failure).name, 'TypeError');
    assert.deepEqual(failure.properties?.order, { id: 7 });
    assert.ok(failure.check('OrderError') && failure.check('RangeError') && failure.check('Error'));
    assert.equal(failure.check('TypeError'), false);
    const error = await again.result().catch((thrown) => thrown);
    assert.ok(error instanceof JobFailedError && error instanceof CallsheetError);
    assert.deepEqual(error.failure.properties, failure.properties);
    assert.ok(error.cause instanceof RangeError);
  });

  it('[2.2] fails without asking the policy if a failure is returned, and commits its puts', async (t) => {
    const kit = await opened(t);
    const whole = parallel([work.fail('part')], { postprocess: inside.putAndReturnFailure });
    const job = await kit.runtime.queue().put(whole, { retry: retryErrors({ limit: 5 }) });
    await kit.waitForStatus(job, 'completed');
    await kit.untilIdle();
    await failedWith(job, 'OrderError');
    const { errors } = await job.details();
    assert.equal(errors, 0);
    assert.deepEqual(seen, ['failing: part', 'it stays']);
  });

  it('[2.2] fails with the path of a result that cannot be stored, without harm to the store', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.unstorable(), { retry: retryForever });
    await kit.waitForStatus(job, 'completed');
    const failure = await job.failure();
    assert.equal(failure?.code, 'RESULT_NOT_STORABLE');
    assert.match(failure.message, /result\.rows\[0\]\.format/);
    assert.equal((await job.details()).attempts, 1);
  });
});

describe('2 jobs: times', () => {
  it('[2.3] keeps the times of put, date, first and last start, end, and first end of its callbacks', async (t) => {
    const kit = await opened(t);
    const start = kit.clock.now.getTime();
    const at = (seconds: number) => new Date(start + seconds * 1000);
    const job = await kit.runtime.queue().put(work.failThenHold('job').onBoth(work.hold.with('callback') as never), {
      beginAfter: 10_000,
      retry: retryErrors({ limit: 1, backoff: { initialMs: 5_000, jitter: 0 } }),
    });
    await kit.clock.advanceTo(at(18));
    openGate('job');
    await kit.untilIdle();
    const waiting = await job.details();
    assert.deepEqual(waiting.completedAt, undefined);
    await kit.clock.advanceTo(at(20));
    openGate('callback');
    await kit.waitForStatus(job, 'completed');
    await kit.clock.advanceTo(at(30));
    await job.addCallback(work.tell.with('late'));
    await kit.untilIdle();
    assert.deepEqual(seen.at(-1), 'late: job');
    const { putAt, beginAfter, firstStartAt, lastStartAt, endAt, completedAt } = await job.details();
    assert.deepEqual(
      { putAt, beginAfter, firstStartAt, lastStartAt, endAt, completedAt },
      {
        putAt: at(0),
        beginAfter: at(10),
        firstStartAt: at(10),
        lastStartAt: at(15),
        endAt: at(18),
        completedAt: at(20),
      },
    );
  });

  it('[2.4] does not begin before its date, given as a date or a delay', async (t) => {
    const kit = await opened(t, { start: new Date('2030-06-01T00:00:00Z') });
    const queue = kit.runtime.queue();
    await queue.put(work.mark('date'), { beginAfter: new Date('2030-06-01T01:00:00Z') });
    await queue.put(work.mark('text'), { beginAfter: '2030-06-01T04:00:00+02:00' });
    await queue.put(work.mark('delay'), { beginAfter: 3 * hourMs });
    const told: string[][] = [];
    for (let hour = 0; hour < 3; hour++) {
      await kit.clock.advance(hourMs - 1);
      told.push([...seen]);
      await kit.clock.advance(1);
      told.push([...seen]);
    }
    assert.deepEqual(told, [[], ['date'], ['date'], ['date', 'text'], ['date', 'text'], ['date', 'text', 'delay']]);
  });

  it('[2.4] keeps a date in the past without a change of its place in line', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const past = new Date(kit.clock.now.getTime() - hourMs);
    const first = await queue.put(work.mark('first'));
    const second = await queue.put(work.mark('second'), { beginAfter: past });
    const third = await queue.put(work.mark('third'));
    for (const job of [first, second, third]) await kit.waitForResult(job);
    assert.deepEqual(seen, ['first', 'second', 'third']);
    assert.deepEqual((await second.details()).beginAfter, past);
  });

  it('[2.5] fails if not begun by its deadline, without a free agent, and runs its callbacks', async (t) => {
    const kit = await opened(t, { threads: 2, agent: { size: 1 } });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('all day')));
    const job = await queue.put(work.mark('never').onBoth(work.tell.with('callback')), { beginByMs: 60_000 });
    assert.deepEqual((await job.details()).deadline, new Date(kit.clock.now.getTime() + 60_000));
    await kit.clock.advance(59_999);
    assert.equal(await job.status(), 'pending');
    await kit.clock.advance(1);
    await failedWith(job, 'JobExpiredError');
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen, ['all day', 'callback: JobExpiredError']);
    assert.equal((await job.details()).attempts, 0);
  });

  it('[2.5] counts the deadline from its date if it has one', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('all day')));
    const job = await queue.put(work.mark('never'), { beginAfter: hourMs, beginByMs: 60_000 });
    await kit.clock.advance(hourMs + 59_999);
    assert.equal(await job.status(), 'pending');
    await kit.clock.advance(1);
    await failedWith(job, 'JobExpiredError');
  });

  it('[2.5] fails and runs its callbacks if put after its deadline, held or removed before', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const late = (name: string) => work.mark(name).onBoth(work.tell.with(name));
    const held = await queue.put(late('held'), { held: true, beginByMs: 60_000 });
    const removed = await queue.put(late('removed'), { beginAfter: 30_000, beginByMs: 30_000 });
    await queue.remove(removed);
    await kit.clock.advance(60_001);
    assert.deepEqual([await held.status(), await removed.status()], ['new', 'new']);
    for (const job of [held, removed]) {
      await queue.put(job);
      await kit.waitForStatus(job, 'completed');
      await failedWith(job, 'JobExpiredError');
    }
    assert.deepEqual(seen, ['held: JobExpiredError', 'removed: JobExpiredError']);
  });

  it('[2.5] fails if put with a date whose deadline is over', async (t) => {
    const kit = await opened(t);
    const past = new Date(kit.clock.now.getTime() - hourMs);
    const job = await kit.runtime.queue().put(work.mark('never'), { beginAfter: past, beginByMs: 60_000 });
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'JobExpiredError');
    assert.deepEqual(seen, []);
  });

  it('[2.5] fails at once with the last error if a retry would come after the deadline', async (t) => {
    const kit = await opened(t);
    const start = kit.clock.now.getTime();
    const retry = retryErrors({ limit: 9, backoff: { initialMs: 4_000, factor: 1, jitter: 0 } });
    const job = await kit.runtime.queue().put(work.failUntil(9), { beginByMs: 10_000, retry });
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'OrderError');
    // It begins at 0, 4 and 8 seconds; the next start would be at 12.
    assert.deepEqual(seen, ['attempt 1', 'attempt 2', 'attempt 3']);
    assert.equal(kit.clock.now.getTime() - start, 8_000);
  });

  it('[2.5] is retried at once after its deadline if it began in time', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.hold('job'), { beginByMs: 1_000 });
    await kit.waitForStart(job);
    await kit.clock.advance(5_000);
    await kit.killThread();
    openGate('job');
    assert.equal(await kit.waitForResult(job), 'job');
  });
});
