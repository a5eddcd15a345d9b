/** Section 11 of the contract: retry, cancel and forget by filter. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type BulkProgress, type BulkResult, type Job, map, parallel, type Queue, type Runtime } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

const nothing = { refused: [], refusedCount: 0, skipped: 0 };
const acted = (done: number): BulkResult => ({ matched: done, done, ...nothing });
const counted = (matched: number): BulkResult => ({ matched, done: 0, ...nothing });

/** The virtual world moves only while it is driven. */
async function driven<Result>(kit: Kit, result: Promise<Result>): Promise<Result> {
  let over = false;
  const end = () => {
    over = true;
  };
  result.then(end, end);
  await kit.waitFor('the action is over', async () => over);
  return result;
}

async function started(t: TestContext, options: Parameters<typeof opened>[1] = {}) {
  const kit = await opened(t, options);
  const act = (name: 'retryAll' | 'cancelAll' | 'forgetAll', ...args: Parameters<Runtime['retryAll']>) =>
    driven(kit, kit.runtime[name](...args));
  return { kit, queue: kit.runtime.queue(), act };
}

/** Puts jobs that fail until their gates are open, and waits for their ends. */
async function failures(kit: Kit, queue: Queue, names: readonly string[]): Promise<Job[]> {
  const jobs = await queue.putAll(names.map((name) => work.needGate(name)));
  await kit.untilIdle();
  seen.length = 0;
  return jobs;
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

describe('11 looking at it: retry, cancel and forget by filter', () => {
  it('[11.5] retries the failed jobs that fit, oldest first, and none of them twice', async (t) => {
    const { kit, queue, act } = await started(t, { threads: 1 });
    await failures(kit, queue, ['a', 'b', 'c']);
    await queue.put(work.fail('other'));
    await queue.put(work.mark('good'));
    await kit.untilIdle();
    seen.length = 0;
    const filter = { callable: 'work#needGate' };
    assert.deepEqual(await act('retryAll', filter, { dryRun: true }), counted(3));
    assert.deepEqual(seen, []);
    assert.deepEqual(await act('retryAll', filter), acted(3));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c'], 'those that failed again are not retried by the same call');
    for (const name of ['a', 'b']) openGate(name);
    assert.deepEqual(await act('retryAll', filter), acted(3), 'but by the next one');
    await kit.untilIdle();
    assert.deepEqual(await act('retryAll', filter, { dryRun: true }), counted(1));
    const { items } = await kit.runtime.monitor.jobs({ ...filter, retried: false, outcome: 'failure' });
    assert.equal(items.length, 1);
    assert.equal((await kit.runtime.monitor.jobs({ retried: true })).items.length, 6);
    assert.ok(items[0]!.retryOf);
    assert.deepEqual(await act('retryAll', {}, { dryRun: true }), counted(2));
  });

  it('[11.5] gives the retried jobs options, and waits for room in a queue with a bound', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    await failures(kit, queue, numbered(5));
    await queue.setBound(2);
    await queue.pause();
    const retry = kit.runtime.retryAll({}, { priority: 9 });
    await kit.untilIdle();
    assert.deepEqual([await queue.length(), (await queue.details()).putsWaiting], [2, 1]);
    await queue.resume();
    assert.deepEqual(await driven(kit, retry), acted(5));
    await kit.untilIdle();
    assert.equal(seen.length, 5);
    assert.deepEqual(
      (await kit.runtime.monitor.jobs({ retried: false })).items.map(({ priority }) => priority),
      [9, 9, 9, 9, 9],
    );
  });

  it('[11.5] cancels the jobs that have not ended, and leaves parts to their whole', async (t) => {
    const { kit, queue, act } = await started(t, { threads: 1 });
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    const later = await queue.put(work.mark('later'), { beginAfter: hourMs });
    const whole = await queue.put(parallel([work.mark('a'), work.mark('b')]));
    const other = await queue.put(work.echo(1));
    const tick = await queue.schedule('s', work.mark('tick'), { every: hourMs });
    assert.deepEqual(await act('cancelAll', { callable: ['work#hold', 'work#mark', ''] }), acted(3));
    for (const job of [held, later, whole]) assert.equal((await job.failure())?.name, 'JobCancelledError');
    assert.equal(await kit.waitForResult(other), 1);
    assert.deepEqual(await act('cancelAll', {}), acted(0));
    await kit.clock.advance(hourMs);
    assert.equal((await tick.history()).length, 1, 'the template of a schedule is no job');
  });

  it('[11.5] forgets completed jobs with all that belongs to them', async (t) => {
    const { kit, queue, act } = await started(t);
    const failed = await failures(kit, queue, ['a', 'b']);
    const whole = await queue.put(parallel([work.mark('c')]).onBoth(work.tell.with('after') as never));
    const good = await queue.put(work.mark('d'));
    await kit.untilIdle();
    await queue.put(work.mark('later'), { beginAfter: hourMs });
    const late = await failed[0]!.addCallback(work.hold.with('late') as never);
    await kit.waitForStart(late);
    const busy = await act('forgetAll', { outcome: 'failure' });
    assert.deepEqual([busy.matched, busy.done, busy.refusedCount], [2, 1, 1]);
    assert.deepEqual(busy.refused, [
      { id: failed[0]!.id, code: 'JOB_STATUS', message: 'callbacks of the job are not completed' },
    ]);
    openGate('late');
    await kit.untilIdle();
    assert.deepEqual(await act('forgetAll', {}), acted(3));
    for (const id of [...failed, whole, good].map(({ id }) => id))
      await assert.rejects(kit.runtime.job(id).details(), { code: 'JOB_FORGOTTEN' });
    assert.equal(await good.result(), 'd', 'a handle of the put still has the result');
    assert.equal((await kit.runtime.stats()).jobs, 1);
    await kit.crash();
    await kit.reopen();
    assert.equal((await kit.runtime.stats()).jobs, 1);
  });

  it('[11.5] does not forget a whole whose list is the result of another job', async (t) => {
    const { kit, queue, act } = await started(t);
    const inner = await queue.put(parallel([work.mark('a'), work.mark('b')]));
    await kit.untilIdle();
    const outer = await queue.put(inside.returnGiven(inner as never));
    await kit.untilIdle();
    const { done, refused } = await act('forgetAll', { callable: '' });
    assert.deepEqual([done, refused.map(({ id, code }) => [id, code])], [0, [[inner.id, 'JOB_STATUS']]]);
    assert.equal(((await kit.runtime.job(outer.id).result()) as { length: number }).length, 2);
    assert.equal((await act('forgetAll', {})).done, 1);
    assert.equal((await act('forgetAll', {})).done, 1);
  });

  it('[11.5] counts the jobs that another action was faster to take', async (t) => {
    const { kit, queue } = await started(t);
    await failures(kit, queue, numbered(1100));
    await queue.pause();
    const both = [kit.runtime.retryAll({}), kit.runtime.retryAll({})];
    const results = await Promise.all(both.map((result) => driven(kit, result)));
    for (const { matched, done, refusedCount, skipped } of results)
      assert.deepEqual([matched, done + refusedCount + skipped], [1100, 1100]);
    assert.equal(results[0]!.done + results[1]!.done, 1100);
    assert.equal(await queue.length(), 1100);
  });

  it('[11.5] logs one line, and none for each job that it cancels', async (t) => {
    const { kit, queue, act } = await started(t);
    await queue.pause();
    const jobs = await queue.putAll(numbered(5).map((name) => work.mark(name)));
    await jobs[0]!.cancel();
    await act('cancelAll', {});
    const lines = kit.logs.map(({ level, message }) => [level, message]);
    assert.deepEqual(lines, [
      ['info', 'a job failed'],
      ['info', 'cancelAll: 4 jobs'],
    ]);
  });

  it('[11.5] goes on with retention after jobs were forgotten out of their turn', async (t) => {
    const { kit, act } = await started(t, { retention: { count: 4, failed: { count: 2 } } });
    const marks = async (...names: string[]) => {
      for (const name of names) await kit.run(work.mark(name));
    };
    await marks('0', '1', '2', '3');
    const second = await kit.runtime.monitor.last({ limit: 3 });
    await kit.runtime.job(second[0]!.id).annotations.set('gone', 1);
    await kit.runtime.job(second[2]!.id).annotations.set('gone', 1);
    assert.deepEqual(await act('forgetAll', { annotation: 'gone' }), acted(2));
    const left = async () => {
      const { items } = await kit.runtime.monitor.jobs({}, { order: 'oldest' });
      return Promise.all(items.map(async ({ id }) => (await kit.runtime.job(id).arguments())[0]));
    };
    assert.deepEqual(await left(), ['0', '2']);
    await marks('4', '5', '6');
    assert.deepEqual(await left(), ['2', '4', '5', '6']);
  });

  it('[11.5] does nothing if another number fits than was expected', async (t) => {
    const { kit, queue, act } = await started(t);
    await failures(kit, queue, ['a', 'b']);
    await assert.rejects(act('forgetAll', {}, { expect: 3 }), {
      code: 'COUNT_DIFFERS',
      message: /^2 jobs fit, not 3: nothing was done/,
    });
    assert.equal((await kit.runtime.stats()).jobs, 2);
    assert.deepEqual(await act('forgetAll', {}, { expect: 2 }), acted(2));
  });

  it('[11.5] reports its progress, and ends when its signal aborts', async (t) => {
    const { kit, queue, act } = await started(t);
    await failures(kit, queue, numbered(1100));
    const progress: BulkProgress[] = [];
    const abort = new AbortController();
    const onProgress = (now: BulkProgress) => {
      progress.push(now);
      abort.abort(new Error('enough'));
    };
    await assert.rejects(act('forgetAll', {}, { onProgress, signal: abort.signal }), { message: 'enough' });
    await kit.untilIdle();
    assert.deepEqual(progress, [{ matched: 1100, done: 1024, refused: 0 }]);
    assert.equal((await kit.runtime.stats()).jobs, 1100 - 1024);
    await assert.rejects(act('forgetAll', {}, { signal: abort.signal }), { message: 'enough' });
    assert.deepEqual(await act('forgetAll', {}), acted(1100 - 1024), 'the same call goes on');
  });

  it('[11.5] leaves out a job that waited for room when its signal aborted', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    await failures(kit, queue, numbered(5));
    await queue.setBound(2);
    await queue.pause();
    const abort = new AbortController();
    const cut = assert.rejects(kit.runtime.retryAll({}, { signal: abort.signal }), { message: 'enough' });
    await kit.untilIdle();
    assert.equal((await queue.details()).putsWaiting, 1);
    abort.abort(new Error('enough'));
    await kit.untilIdle();
    await cut;
    await queue.setBound(0);
    await kit.untilIdle();
    assert.equal(await queue.length(), 2);
  });

  it('[11.5] keeps its committed part after a crash; the same call goes on with the rest', async (t) => {
    const { kit, queue, act } = await started(t, { threads: 1 });
    await failures(kit, queue, numbered(25));
    await queue.pause();
    await queue.setBound(15);
    const cut = assert.rejects(kit.runtime.retryAll({}));
    await kit.untilIdle();
    await kit.crash();
    await cut;
    await kit.reopen();
    assert.equal(await kit.runtime.queue().length(), 15);
    await kit.runtime.queue().setBound(0);
    assert.deepEqual(await act('retryAll', {}), acted(10));
    assert.equal(await kit.runtime.queue().length(), 25);
    assert.deepEqual(await act('retryAll', {}), acted(0));
  });

  it('[11.5] lists the jobs that were refused, and goes on with the others', async (t) => {
    const { kit, act } = await started(t);
    const queue = await kit.runtime.createQueue('short');
    await queue.setQuota('q', { size: 1 });
    const [bad] = await queue.putAll([work.fail('a')], { quotas: ['q'] });
    const cut = function* () {
      yield 'a';
      throw new Error('no more');
    };
    const open = await queue.put(map(cut(), work.mark));
    await queue.put(work.fail('b'));
    await kit.untilIdle();
    await queue.removeQuota('q');
    const { matched, done, refused, refusedCount } = await act('retryAll', { queue: 'short' });
    assert.deepEqual([matched, done, refusedCount], [3, 1, 2]);
    const codes = Object.fromEntries(refused.map(({ id, code }) => [id, code]));
    assert.deepEqual(codes, { [bad!.id]: 'UNKNOWN_QUOTA', [open.id]: 'JOB_STATUS' });
  });

  it('[11.5] refuses bad filters and options', async (t) => {
    const { kit } = await started(t);
    const { runtime } = kit;
    const wrong: [Promise<unknown>, RegExp][] = [
      [runtime.retryAll({ unheard: 1 } as never), /unheard/],
      [runtime.retryAll(undefined as never), /^`filter`/],
      [runtime.cancelAll({ retried: 1 } as never), /^`filter.retried`/],
      [runtime.forgetAll({}, { dryRun: 1 } as never), /^`dryRun`/],
      [runtime.cancelAll({}, { expect: -1 }), /^`expect`/],
      [runtime.cancelAll({}, { expect: Number.NaN }), /^`expect`/],
      [runtime.cancelAll({}, { onProgress: 1 } as never), /^`onProgress`/],
      [runtime.cancelAll({}, { signal: 1 } as never), /^`signal`/],
      [runtime.cancelAll({}, { parts: 'all' } as never), /parts/],
      [runtime.retryAll({}, { args: [] } as never), /args/],
      [runtime.retryAll({}, { parts: 'some' } as never), /^`parts`/],
    ];
    for (const [call, message] of wrong) await assert.rejects(call, { code: 'INVALID_OPTION', message });
  });
});
