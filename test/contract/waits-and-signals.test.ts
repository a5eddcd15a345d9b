/** Changed dates, limits of waits and abort signals, from outside of a waiting or running job. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it, mock } from 'node:test';
import { parallel, retryErrors } from 'callsheet';
import { Link } from '../../src/runtime/link.js';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 a date that is changed', () => {
  it('[2.13] moves a job to now, to later and out of its line', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const early = await queue.put(work.mark('early'), { beginAfter: hourMs });
    await early.change({ beginAfter: 0 });
    await kit.untilIdle();
    assert.deepEqual(seen, ['early'], 'the clock was not moved');
    await kit.waitForStart(await queue.put(work.hold('before')));
    const [first, second] = await queue.putAll([work.mark('first'), work.mark('second')]);
    await first!.change({ beginAfter: 2 * hourMs });
    const { status, dueAt, beginAfter } = await first!.details();
    const date = new Date(kit.clock.now.getTime() + 2 * hourMs);
    assert.deepEqual([status, dueAt, beginAfter], ['pending', date, date]);
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['early', 'before', 'second']);
    await first!.change({ beginAfter: new Date(kit.clock.now.getTime() + hourMs) });
    await kit.clock.advance(hourMs);
    assert.equal(await first!.result(), 'first');
    assert.equal(await second!.result(), 'second');
    await assert.rejects(first!.change({ beginAfter: 0 }), { code: 'JOB_STATUS' });
  });

  it('[2.13] keeps the job’s place in line if it is in the past', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    const [first] = await queue.putAll([work.mark('first'), work.mark('second')]);
    await first!.change({ beginAfter: 0 });
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'first', 'second']);
  });

  it('[2.13] moves the date of a waiting retry, and nothing else', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 3, backoff: { initialMs: hourMs, jitter: 0 } });
    const job = await kit.runtime.queue().put(work.failUntil(2), { retry });
    const start = kit.clock.now.getTime();
    await kit.untilIdle();
    await assert.rejects(job.change({ beginAfter: 0, priority: 1 }), { code: 'JOB_STATUS' });
    await job.change({ beginAfter: 1_000 });
    assert.equal(await kit.waitForResult(job), 2);
    assert.equal(kit.clock.now.getTime(), start + 1_000);
  });

  it('[2.13] survives a crash', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('a'), { beginAfter: hourMs });
    await job.change({ beginAfter: 5_000 });
    await kit.crash();
    await kit.reopen();
    const start = kit.clock.now.getTime();
    assert.equal(await kit.waitForResult(kit.runtime.job(job.id)), 'a');
    assert.equal(kit.clock.now.getTime(), start + 5_000);
  });
});

describe('2 a wait for an outcome', () => {
  it('[2.2] ends at its limit, while the job goes on', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('late'), { beginAfter: hourMs });
    const late = {
      name: 'WaitTimeoutError',
      code: 'WAIT_TIMEOUT',
      message: /no outcome after 50 ms, but it continues/,
    };
    const waits = [
      assert.rejects(job.result({ timeoutMs: 50 }), late),
      assert.rejects(job.failure({ timeoutMs: 50 }), late),
      assert.rejects(kit.runtime.job(job.id).result({ timeoutMs: 50 }), late),
    ];
    await kit.clock.advance(50);
    await Promise.all(waits);
    await kit.clock.advance(hourMs);
    assert.equal(await job.result({ timeoutMs: 0 }), 'late');
    assert.equal(await kit.clock.next(), false, 'no timer is left of it');
  });

  it('[2.2] ends with the reason of its signal, and removes its listener', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('late'), { beginAfter: hourMs });
    const [stops, stays] = [new AbortController(), new AbortController()];
    const stopped = assert.rejects(job.result({ signal: stops.signal }), /enough/);
    const stayed = job.result({ signal: stays.signal });
    stops.abort(new Error('enough'));
    await stopped;
    await assert.rejects(job.result({ signal: stops.signal }), /enough/);
    await kit.clock.advance(hourMs);
    assert.equal(await stayed, 'late');
    for (const { signal } of [stops, stays]) assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('[2.2] leaves no listener when it ends at its limit, and shares one with the waits beside it', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('late'), { beginAfter: hourMs });
    const { signal, abort } = controller();
    const listeners = () => getEventListeners(signal, 'abort').length;
    const wait = (timeoutMs: number) => assert.rejects(job.result({ timeoutMs, signal }), { code: 'WAIT_TIMEOUT' });
    const waits = Array.from({ length: 20 }, (_, index) => wait(index + 1));
    assert.equal(listeners(), 1);
    await kit.clock.advance(20);
    await Promise.all(waits);
    assert.equal(listeners(), 0);
    const stopped = Array.from({ length: 20 }, () => assert.rejects(job.result({ signal }), { name: 'AbortError' }));
    abort();
    await Promise.all(stopped);
    assert.equal(listeners(), 0);
  });

  it('asks for the outcome once, however often handles of the job wait for it', async (t) => {
    const kit = await opened(t);
    const { id } = await kit.runtime.queue().put(work.mark('late'), { beginAfter: hourMs });
    const requests = mock.method(Link.prototype, 'request').mock;
    t.after(() => mock.restoreAll());
    const asked = () => requests.calls.filter(({ arguments: [[type]] }) => type === 'outcome').length;
    for (let round = 0; round < 3; round++) {
      const late = assert.rejects(kit.runtime.job(id).result({ timeoutMs: 50 }), { code: 'WAIT_TIMEOUT' });
      await kit.clock.advance(50);
      await late;
    }
    const waits = [kit.runtime.job(id).result(), kit.runtime.job(id).result()];
    assert.equal(asked(), 1);
    await kit.clock.advance(hourMs);
    assert.deepEqual(await Promise.all(waits), ['late', 'late']);
    assert.equal(await kit.runtime.job(id).result(), 'late');
    assert.equal(asked(), 2);
  });

  it('[2.2] is rejected with an invalid limit', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('a'));
    for (const timeoutMs of [-1, Number.NaN, 2 ** 31])
      await assert.rejects(job.result({ timeoutMs }), { name: 'RangeError', message: /^`timeoutMs` must/ });
    await assert.rejects(job.result({ signal: 5 as never }), { name: 'TypeError', code: 'INVALID_OPTION' });
    await assert.rejects(job.result({ limitMs: 5 } as never), { name: 'TypeError', code: 'INVALID_OPTION' });
  });
});

describe('2 a signal that jobs are put with', () => {
  it('[2.10] cancels waiting and running jobs, one and several', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const { signal, abort } = controller();
    const running = await queue.put(work.hold('running'), { signal });
    await kit.waitForStart(running);
    const later = await queue.put(work.mark('never'), { signal, beginAfter: hourMs });
    const all = await queue.putAll([work.mark('never'), parallel([work.mark('never')])], {
      signal,
      beginAfter: hourMs,
    });
    const put = { job: work.mark('never'), options: { beginAfter: hourMs } };
    const together = await kit.runtime.putTogether([put, put], { signal });
    const other = await queue.put(work.mark('other'), { beginAfter: hourMs });
    abort();
    await kit.untilIdle();
    for (const job of [running, later, ...all, ...together]) await failedWith(job, 'JobCancelledError');
    assert.equal(await kit.waitForResult(other), 'other');
    assert.deepEqual(seen, ['running', 'other']);
  });

  it('[2.10] stores nothing if it is aborted before the put', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const signal = AbortSignal.abort(new Error('too late'));
    await assert.rejects(queue.put(work.mark('a'), { signal }), /too late/);
    await assert.rejects(queue.putAll([work.mark('a')], { signal }), /too late/);
    await assert.rejects(queue.broadcast(work.mark('a'), { signal }), /too late/);
    await assert.rejects(kit.runtime.putTogether([{ job: work.mark('a') }], { signal }), /too late/);
    await assert.rejects(queue.put(work.mark('a'), { signal: {} as never }), { code: 'INVALID_OPTION' });
    await kit.untilIdle();
    assert.deepEqual(seen, []);
    assert.equal((await kit.runtime.stats()).jobs, 0);
  });

  it('[2.10] cancels a job whose put is in flight, and has no listener after the outcome', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const first = controller();
    const put = queue.put(work.mark('never'), { signal: first.signal, beginAfter: hourMs });
    first.abort();
    await kit.untilIdle();
    await failedWith(await put, 'JobCancelledError');
    const second = controller();
    const job = await queue.put(work.mark('done'), { signal: second.signal });
    await kit.waitForResult(job);
    const all = await queue.putAll([work.mark('x'), work.fail('y')], { signal: second.signal });
    assert.equal(getEventListeners(second.signal, 'abort').length, 1);
    for (const one of all) await kit.waitForStatus(one, 'completed');
    for (const { signal } of [first, second]) assert.equal(getEventListeners(signal, 'abort').length, 0);
    second.abort();
    assert.equal(await job.result(), 'done');
  });
});

function controller() {
  const made = new AbortController();
  return { signal: made.signal, abort: () => made.abort() };
}
