/** Section 2 of the contract: timeouts, keys, cancelling. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Part, parallel, retryErrors, serial } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 jobs: timeout, priority, unique', () => {
  it('[2.9] counts a timeout from the start of the run, not from the put', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    const job = await queue.put(work.hold('job'), { timeoutMs: 1_000 });
    await kit.clock.advance(hourMs);
    openGate('before');
    await kit.waitForStart(job);
    await kit.clock.advance(999);
    assert.equal(await job.status(), 'active');
    await kit.clock.advance(1);
    await failedWith(job, 'JobTimeoutError');
    assert.deepEqual(seen, ['before', 'job']);
  });

  it('[2.9] ends the thread of a handler that ignores its timeout after the grace', async (t) => {
    const kit = await opened(t, { threads: 1, stopGraceMs: 500 });
    const queue = kit.runtime.queue();
    const [job, behind] = await queue.putAll([work.holdDeaf('deaf').with({ timeoutMs: 1_000 }), work.mark('behind')]);
    await kit.waitForStart(job!);
    await kit.clock.advance(1_499);
    assert.equal(await job!.status(), 'active');
    await kit.clock.advance(1);
    await failedWith(job!, 'JobTimeoutError');
    assert.equal(await kit.waitForResult(behind!), 'behind');
  });

  it('[2.9] asks the policy about JobTimeoutError', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 1, only: ['JobTimeoutError'], backoff: { initialMs: 0 } });
    const job = await kit.runtime.queue().put(work.hold('job'), { timeoutMs: 1_000, retry });
    await kit.waitForStart(job);
    await kit.clock.advance(1_000);
    await kit.untilIdle();
    assert.deepEqual(seen, ['job', 'job']);
    openGate('job');
    assert.equal(await kit.waitForResult(job), 'job');
  });

  it('[2.9] ends a timeout when the handler returns a job', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.returnHeld('inner') as Part, { timeoutMs: 1_000 });
    await kit.untilIdle();
    await kit.clock.advance(hourMs);
    openGate('inner');
    assert.equal(await kit.waitForResult(job), 'inner');
  });

  it('[2.9] applies the timeout of a composition to its postprocess alone', async (t) => {
    const kit = await opened(t);
    const whole = parallel([work.hold('part')], { postprocess: work.hold.with('postprocess') as never });
    const job = await kit.runtime.queue().put(whole as Part, { timeoutMs: 1_000 });
    await kit.untilIdle();
    await kit.clock.advance(5_000);
    openGate('part');
    await kit.untilIdle();
    assert.deepEqual(seen, ['part', 'postprocess']);
    await kit.clock.advance(1_000);
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'JobTimeoutError');
  });

  it('[2.9] claims higher priority first', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    for (const priority of [0, 5, -1, 2.5]) await queue.put(work.mark(`priority ${priority}`), { priority });
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'priority 5', 'priority 2.5', 'priority 0', 'priority -1']);
  });

  it('[2.9] returns the first job for a second put with its key, until its call is over', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    const put = (name: string) => queue.put(work.hold(name), { unique: 'key' });
    const first = await put('first');
    assert.equal((await put('second')).id, first.id);
    await kit.waitForStart(first);
    assert.equal((await put('third')).id, first.id);
    await first.addCallback(work.hold.with('callback') as never);
    openGate('first');
    await kit.waitForStatus(first, 'callbacks');
    await kit.untilIdle();
    const fourth = await put('fourth');
    assert.notEqual(fourth.id, first.id, 'the call of the first is over');
    const other = await kit.runtime.createQueue('other');
    assert.notEqual((await other.put(work.mark('a'), { unique: 'key' })).id, fourth.id, 'each queue has its own keys');
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'callback', 'fourth', 'a']);
  });

  it('[2.9] replaces a pending job by a second put with its key and replace', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const first = await queue.put(work.mark('first'), { unique: 'key', beginAfter: hourMs });
    const second = await queue.put(work.hold('second'), { unique: 'key', replace: true });
    assert.notEqual(second.id, first.id);
    await failedWith(first, 'JobCancelledError');
    await kit.waitForStart(second);
    assert.equal(
      (await queue.put(work.mark('third'), { unique: 'key', replace: true })).id,
      second.id,
      'a running job is not replaced',
    );
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['second']);
  });
});

describe('2 jobs: cancelling', () => {
  it('[2.10] rejects cancelling a job whose call is over, and goes on with its callbacks', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const job = await kit.runtime.queue().put(work.mark('job').onBoth(work.hold.with('callback') as never));
    await kit.waitForStatus(job, 'callbacks');
    await assert.rejects(job.cancel(), { code: 'JOB_STATUS', message: /^the job is callbacks: / });
    openGate('callback');
    await kit.waitForStatus(job, 'completed');
    await assert.rejects(job.cancel(), { code: 'JOB_STATUS', message: /^the job is completed: / });
    assert.equal(await job.result(), 'job');
  });

  it('[2.10] takes a pending job out of the queue, and runs its callbacks', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    const job = await queue.put(work.mark('never').on({ failure: work.tell.with('callback') }));
    await job.cancel();
    assert.equal(await queue.length(), 0);
    await failedWith(job, 'JobCancelledError');
    openGate('before');
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen, ['before', 'callback: JobCancelledError']);
  });

  it('[2.10] takes back a job that has not begun in its thread', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.mark('never'));
    assert.equal(await job.status(), 'assigned');
    await job.cancel();
    await kit.untilIdle();
    await failedWith(job, 'JobCancelledError');
    assert.deepEqual(seen, []);
  });

  it('[2.10] aborts a running job’s signal and sets its flag at once, and ignores its own outcome', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.watchStop());
    await kit.waitForAnnotation(job, 'watching');
    const before = kit.clock.now;
    await job.cancel();
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(kit.clock.now, before);
    assert.deepEqual(seen, ['false false true true']);
    await failedWith(job, 'JobCancelledError');
  });

  it('[2.10] replaces the job’s thread after a grace, and neither loses nor repeats any other job', async (t) => {
    const kit = await opened(t, { threads: 2, stopGraceMs: 700 });
    const queue = kit.runtime.queue();
    const deaf = await queue.put(work.holdDeaf('deaf').onBoth(work.tell.with('callback')));
    const beside = await queue.put(work.hold('beside'));
    await kit.waitForStart(beside);
    const behind = await queue.putAll(['a', 'b', 'c'].map((name) => work.mark(name)));
    await deaf.cancel();
    await kit.clock.advance(699);
    assert.equal(await deaf.status(), 'active');
    await kit.clock.advance(1);
    await kit.waitForStatus(deaf, 'completed');
    await failedWith(deaf, 'JobCancelledError');
    openGate('beside');
    await kit.waitForResult(beside);
    for (const job of behind) await kit.waitForResult(job);
    assert.deepEqual([...seen].sort(), ['a', 'b', 'beside', 'c', 'callback: JobCancelledError', 'deaf']);
    openGate('deaf');
    await kit.untilIdle();
    await failedWith(deaf, 'JobCancelledError');
  });

  it('[2.10] keeps a cancellation over a crash', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.holdDeaf('deaf'));
    await kit.waitForStart(job);
    await job.cancel();
    await kit.crash();
    await kit.reopen();
    await kit.untilIdle();
    await failedWith(kit.runtime.job(job.id), 'JobCancelledError');
    assert.deepEqual(seen, ['deaf']);
  });

  it('[2.10] cancels the inner job of a job with it', async (t) => {
    const kit = await opened(t);
    const outer = await kit.runtime.queue().put(inside.returnHeld('inner') as Part);
    await kit.untilIdle();
    const inner = kit.runtime.job(kit.running[0]!);
    await outer.cancel();
    await kit.untilIdle();
    await failedWith(outer, 'JobCancelledError');
    await failedWith(inner, 'JobCancelledError');
  });

  it('[2.10] does not cancel an inner job that another job awaits', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const inner = await queue.put(work.hold('inner'));
    const [one, two] = await queue.putAll([
      inside.returnGiven(inner as never),
      inside.returnGiven(inner as never),
    ] as Part[]);
    await kit.untilIdle();
    await one!.cancel();
    await kit.untilIdle();
    await failedWith(one!, 'JobCancelledError');
    assert.equal(await inner.status(), 'active');
    openGate('inner');
    assert.equal(await kit.waitForResult(two!), 'inner');
  });

  it('[2.10] cancels the parts of a composition, begun or not', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const whole = await queue.put(serial([work.mark('done')]), { beginAfter: 1 });
    const [running, waiting] = await whole.addParts([work.hold('held'), work.mark('never')]);
    await kit.clock.advance(1);
    await whole.cancel();
    await kit.untilIdle();
    for (const job of [whole, running!, waiting!]) {
      assert.equal(await job.status(), 'completed');
      await failedWith(job, 'JobCancelledError');
    }
    openGate('held');
    await kit.untilIdle();
    assert.deepEqual(seen, ['done', 'held']);
    assert.equal((await queue.details()).unfinished, 0);
  });
});
