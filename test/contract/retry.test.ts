/** Section 11 of the contract: failed jobs are run again. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type Job,
  type JobCall,
  map,
  type Part,
  parallel,
  type Queue,
  type RetryOptions,
  retryErrors,
  serial,
  transfer,
} from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

async function started(
  t: TestContext,
  options: Parameters<typeof opened>[1] = {},
): Promise<{ kit: Kit; queue: Queue }> {
  const kit = await opened(t, options);
  return { kit, queue: kit.runtime.queue() };
}

/** Puts a job, and returns it once it has completed. */
async function ended(kit: Kit, job: Part): Promise<Job> {
  const put = await kit.runtime.queue().put(job);
  await kit.waitForStatus(put, 'completed');
  seen.length = 0;
  return put;
}

/** Retries a job, and returns the new one once it has completed. */
async function retried<Result>(kit: Kit, job: Job<Result>, options: RetryOptions = {}): Promise<Job<Result>> {
  const made = await kit.runtime.retry(job, options);
  await kit.waitForStatus(made, 'completed');
  return made;
}

describe('11 looking at it: retry', () => {
  it('[11.5] runs a failed job again as a new job, and leaves the failed one as it is', async (t) => {
    const { kit, queue } = await started(t);
    await queue.setQuota('q', { size: 1 });
    const options = {
      priority: 3,
      timeoutMs: 5000,
      beginByMs: hourMs,
      quotas: ['q'],
      retry: retryErrors({ limit: 1 }),
    };
    const failed = await ended(kit, work.needGate('a').with(options).onBoth(work.tell.with('after')));
    const before = await failed.details();
    await kit.clock.advance(2 * hourMs);
    openGate('a');
    const again = await retried(kit, failed);
    assert.notEqual(again.id, failed.id);
    assert.equal(await again.result(), 'a');
    assert.deepEqual(seen, ['a', 'after: a'], 'its callbacks run again');
    assert.deepEqual(await failed.details(), { ...before, retriedBy: again.id });
    assert.equal((await failed.failure())?.name, 'OrderError');
    const details = await again.details();
    assert.equal(details.retryOf, failed.id);
    for (const name of ['callable', 'queue', 'priority', 'timeoutMs', 'quotas', 'retry', 'durability'] as const)
      assert.deepEqual(details[name], before[name], name);
    assert.equal(details.deadline!.getTime(), details.putAt.getTime() + hourMs);
    assert.equal(details.attempts, 1);
    assert.deepEqual(await again.arguments(), ['a']);
  });

  it('[11.5] takes other arguments and options, and leaves callbacks out on request', async (t) => {
    const { kit } = await started(t);
    const failed = await ended(kit, work.needGate('a').onBoth(work.tell.with('after')));
    openGate('b');
    const again = await kit.runtime.retry(failed.id, {
      args: ['b'],
      priority: 7,
      beginAfter: hourMs,
      callbacks: 'none',
    });
    const { dueAt, priority, callbacks } = await again.details();
    assert.deepEqual([dueAt?.getTime(), priority, callbacks], [kit.clock.now.getTime() + hourMs, 7, 0]);
    await kit.clock.advance(hourMs);
    assert.equal(await again.result(), 'b');
    assert.deepEqual(seen, ['b']);
    assert.deepEqual(await failed.arguments(), ['a']);
  });

  it('[11.5] begins a job at once whose date is over, and keeps the delays of its parts', async (t) => {
    const { kit, queue } = await started(t);
    const late = work.needGate('late').with({ beginAfter: 2 * hourMs });
    const dated = work.needGate('dated').with({ beginAfter: kit.clock.now });
    const failed = await queue.put(serial([dated, late], { postprocess: work.listAll }), { beginAfter: hourMs });
    await kit.clock.advance(3 * hourMs);
    assert.equal(await failed.status(), 'completed');
    for (const name of ['late', 'dated']) openGate(name);
    seen.length = 0;
    const again = await kit.runtime.retry(failed);
    await kit.untilIdle();
    assert.deepEqual(seen, ['dated']);
    await kit.clock.advance(2 * hourMs);
    assert.deepEqual(seen, ['dated', 'late', 'postprocess']);
    assert.deepEqual(await again.result(), ['dated', 'late']);
  });

  it('[11.5] copies pairs of callbacks with their own callbacks', async (t) => {
    const { kit } = await started(t);
    const sides = {
      success: (work.tell as unknown as (who: string) => JobCall<string>)('good').onBoth(work.tell.with('then')),
      failure: work.tell.with('bad'),
    };
    const failed = await ended(kit, work.needGate('a').on(sides));
    openGate('a');
    await retried(kit, failed);
    assert.deepEqual(seen, ['a', 'good: a', 'then: good: a']);
  });

  it('[11.5] retries cancelled, expired and interrupted jobs, and a job whose callbacks still run', async (t) => {
    const { kit, queue } = await started(t, { threads: 2 });
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    await held.cancel();
    await failedWith(held, 'JobCancelledError');
    const again = await kit.runtime.retry(held);
    await kit.waitForStart(again);
    openGate('held');
    assert.equal(await kit.waitForResult(again), 'held');

    const calledBack = await queue.put(work.needGate('a').onBoth(work.hold.with('callback') as never));
    await kit.waitForStatus(calledBack, 'callbacks');
    openGate('a');
    assert.equal(await kit.waitForResult(await kit.runtime.retry(calledBack)), 'a');
  });

  it('[11.5] refuses a job that has not failed, is forgotten, or was retried, and changes nothing', async (t) => {
    const { kit, queue } = await started(t, { threads: 1, retention: { count: 1 } });
    const { runtime } = kit;
    const refused = async (job: Job | string, code: string, message: RegExp) => {
      const before = (await runtime.stats()).jobs;
      await assert.rejects(runtime.retry(job), { code, message });
      assert.equal((await runtime.stats()).jobs, before);
    };
    const good = await ended(kit, work.mark('good'));
    await refused(good, 'JOB_STATUS', /succeeded/);
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    await refused(held, 'JOB_STATUS', /^the job is (assigned|active): only a failed job/);
    await refused(await queue.put(work.mark('b')), 'JOB_STATUS', /^the job is pending/);
    await refused(await queue.put(work.mark('c'), { held: true }), 'JOB_STATUS', /^the job is new/);
    openGate('held');
    await kit.untilIdle();
    await refused(runtime.job(good.id), 'JOB_FORGOTTEN', /unknown|remembered/);
    await refused('0198f3d4-0000-7000-8000-000000000000', 'JOB_FORGOTTEN', /unknown|remembered/);
    await assert.rejects(runtime.retry('no id'), { code: 'UNKNOWN_JOB' });

    const failed = await ended(kit, work.needGate('a'));
    const again = await retried(kit, failed);
    await refused(failed, 'JOB_STATUS', /retried already/);
    openGate('a');
    assert.equal(await (await retried(kit, again)).result(), 'a');
  });

  it('[11.5] refuses a part and a callback by the name of the job that has them', async (t) => {
    const { kit } = await started(t);
    const whole = await ended(kit, parallel([work.fail('no')], { postprocess: work.list }));
    const [part] = (await kit.runtime.monitor.jobs({ role: 'part' })).items;
    await assert.rejects(kit.runtime.retry(part!.id), {
      code: 'JOB_STATUS',
      message: /belongs to another \(work#list\)/,
    });
    const callback = await whole.addCallback(work.fail.with('never') as never);
    await kit.waitForStatus(callback, 'completed');
    await assert.rejects(kit.runtime.retry(callback), { code: 'JOB_STATUS', message: /work#list/ });
  });

  it('[11.5] refuses bad options, an unknown quota and a queue that is gone', async (t) => {
    const { kit } = await started(t);
    const queue = await kit.runtime.createQueue('short');
    await queue.setQuota('q', { size: 1 });
    const failed = await queue.put(work.fail('no'), { quotas: ['q'] });
    await kit.waitForStatus(failed, 'completed');
    const { runtime } = kit;
    await assert.rejects(runtime.retry(failed, { parts: 'some' } as never), {
      code: 'INVALID_OPTION',
      message: /^`parts`/,
    });
    await assert.rejects(runtime.retry(failed, { unique: 'u' } as never), {
      code: 'INVALID_OPTION',
      message: /unique/,
    });
    await assert.rejects(runtime.retry(failed, { args: 'a' } as never), { code: 'INVALID_OPTION', message: /^`args`/ });
    await queue.removeQuota('q');
    await assert.rejects(runtime.retry(failed), { code: 'UNKNOWN_QUOTA' });
    await kit.runtime.removeQueue('short');
    await assert.rejects(runtime.retry(failed, { quotas: [] }), { code: 'UNKNOWN_QUEUE' });
    assert.equal((await failed.details()).retriedBy, undefined);
  });

  it('[11.5] gives the live job if its unique key is live', async (t) => {
    const { kit, queue } = await started(t);
    const failed = await queue.put(work.needGate('a'), { unique: 'key' });
    await kit.waitForStatus(failed, 'completed');
    const live = await queue.put(work.hold('live'), { unique: 'key' });
    await kit.waitForStart(live);
    assert.equal((await kit.runtime.retry(failed)).id, live.id);
    assert.equal((await failed.details()).retriedBy, live.id);
    assert.equal((await live.details()).retryOf, undefined);
    openGate('live');
    await kit.waitForStatus(live, 'completed');
    const other = await queue.put(work.fail('other'), { unique: 'other' });
    await kit.waitForStatus(other, 'completed');
    assert.equal((await (await kit.runtime.retry(other)).details()).unique, 'other');
  });

  it('[11.5] waits for room in a queue with a bound', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    const failed = await ended(kit, work.needGate('a'));
    await kit.waitForStart(await queue.put(work.hold('held')));
    await queue.setBound(1);
    await queue.put(work.mark('b'));
    const retry = kit.runtime.retry(failed);
    await assert.rejects(kit.runtime.retry(await queue.put(work.mark('c'), { held: true })), { code: 'JOB_STATUS' });
    assert.equal((await queue.details()).putsWaiting, 1);
    openGate('a');
    openGate('held');
    await kit.untilIdle();
    assert.equal(await kit.waitForResult(await retry), 'a');
  });

  it('[11.5] refuses a job that buffers were moved to, unless it gets other arguments', async (t) => {
    const { kit, queue } = await started(t, { durability: 'memory' });
    const buffer = new ArrayBuffer(2);
    const failed = await queue.put(work.argumentsOf(transfer(buffer), 1) as never, { durability: 'memory' });
    await failed.cancel();
    await assert.rejects(kit.runtime.retry(failed), { code: 'ARGUMENT_NOT_STORABLE', message: /moved/ });
    const whole = await queue.put(parallel([work.bytesOf(transfer(new ArrayBuffer(2)))]), { durability: 'memory' });
    await whole.cancel();
    await assert.rejects(kit.runtime.retry(whole), { code: 'ARGUMENT_NOT_STORABLE', message: /moved/ });
    assert.deepEqual(await (await retried(kit, failed as Job, { args: [1] })).result(), [1]);
  });

  it('[11.5] counts the retry of a tick as a job of its schedule', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.hold('tick'), { every: hourMs });
    await kit.clock.advance(hourMs);
    const [tick] = await schedule.history();
    await tick!.job.cancel();
    await kit.untilIdle();
    const again = await kit.runtime.retry(tick!.job);
    await kit.waitForStart(again);
    await kit.clock.advance(hourMs);
    assert.equal((await schedule.details()).skipped, 1, 'the next tick passes while it runs');
    openGate('tick');
    await kit.untilIdle();
    await queue.schedule('s', inside.tick, { every: hourMs });
    await kit.clock.advance(hourMs);
    const last = (await schedule.history()).map(({ job }) => job);
    const seenTick = (await kit.waitForResult(last[0]! as Job<{ previousSuccess?: Date }>))!;
    assert.deepEqual(seenTick.previousSuccess, tick!.at, 'its success is that of the tick');
    await schedule.remove();
    const orphan = await queue.put(work.mark('still works'));
    await kit.waitForResult(orphan);
  });

  it('[11.5] survives restarts and crashes, before and after it', async (t) => {
    const { kit, queue } = await started(t);
    const failed = await queue.put(work.needGate('a'));
    await kit.waitForStatus(failed, 'completed');
    await kit.crash();
    await kit.reopen();
    const again = await kit.runtime.retry(failed.id);
    const { id } = again;
    await kit.crash();
    openGate('a');
    await kit.reopen();
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 'a');
    assert.equal((await kit.runtime.job(failed.id).details()).retriedBy, id);
    assert.equal((await kit.runtime.job(id).details()).retryOf, failed.id);
    await assert.rejects(kit.runtime.retry(failed.id), { code: 'JOB_STATUS' });
  });
});

describe('11 looking at it: retry of a whole', () => {
  const make = { serial, parallel };
  for (const form of ['serial', 'parallel'] as const) {
    it(`[11.5] runs only the failed parts of a ${form} again, then its postprocess`, async (t) => {
      const { kit } = await started(t, { threads: 1 });
      const parts = [work.mark('a'), work.needGate('b'), work.mark('c'), work.needGate('d')];
      const failed = await ended(kit, make[form](parts, { postprocess: work.listAll }));
      openGate('b');
      const again = await retried(kit, failed);
      assert.deepEqual(seen, ['b', 'd', 'postprocess']);
      assert.equal((await again.failure())?.name, 'JobFailedError');
      assert.deepEqual((await again.details()).partsDone, 4);
      openGate('d');
      seen.length = 0;
      const third = await retried(kit, again);
      assert.deepEqual(await third.result(), ['a', 'b', 'c', 'd']);
      assert.deepEqual(seen, ['d', 'postprocess'], 'outcomes are kept over several retries');
    });

    it(`[11.5] runs only the postprocess of a ${form} again whose parts succeeded`, async (t) => {
      const { kit } = await started(t);
      const failed = await ended(
        kit,
        make[form]([work.mark('a'), work.mark('b')], { postprocess: work.fail as never }),
      );
      await retried(kit, failed);
      assert.equal(seen.length, 1);
      assert.match(seen[0]!, /^failing/);
    });

    it(`[11.5] runs all parts of a ${form} on request`, async (t) => {
      const { kit } = await started(t, { threads: 1 });
      const failed = await ended(kit, make[form]([work.mark('a'), work.needGate('b')], { postprocess: work.listAll }));
      openGate('b');
      const again = await retried(kit, failed, { parts: 'all' });
      assert.deepEqual(seen, ['a', 'b', 'postprocess']);
      assert.deepEqual(await again.result(), ['a', 'b']);
    });
  }

  it('[11.5] retries the failed parts of a whole without a postprocess, and of nested wholes', async (t) => {
    const { kit } = await started(t, { threads: 1 });
    const inner = serial([work.mark('a'), work.needGate('b')]);
    const good = parallel([work.mark('c')]);
    const posted = parallel([work.mark('d'), work.mark('e')], { postprocess: work.listAll });
    const whole = await ended(kit, parallel([inner, good, posted, work.needGate('f')]));
    assert.equal(await whole.failure(), undefined, 'its list is its value');
    openGate('b');
    openGate('f');
    const again = await retried(kit, whole as Job<never>);
    assert.deepEqual([...seen].sort(), ['b', 'f']);
    const list = (await again.result()) as { at(index: number): { result: unknown } };
    const texts = (index: number) =>
      Array.from(list.at(index).result as Iterable<{ result: string }>, ({ result }) => result);
    assert.deepEqual([texts(0), texts(1)], [['a', 'b'], ['c']]);
    assert.deepEqual([list.at(2).result, list.at(3).result], [['d', 'e'], 'f']);
    await assert.rejects(kit.runtime.retry(again), { code: 'JOB_STATUS', message: /succeeded/ });
  });

  it('[11.5] keeps outcomes after the failed whole is forgotten, and over a crash', async (t) => {
    const { kit, queue } = await started(t, { threads: 1, retention: { failed: { count: 0 } } });
    const whole = parallel([work.mark('a'), work.needGate('b')], { postprocess: work.listAll });
    const failed = await queue.put(whole.onBoth(work.hold.with('callback') as never));
    await kit.waitForStatus(failed, 'callbacks');
    const { id } = await kit.runtime.retry(failed, { callbacks: 'none', beginAfter: hourMs });
    openGate('callback');
    await kit.untilIdle();
    await assert.rejects(kit.runtime.job(failed.id).details(), { code: 'JOB_FORGOTTEN' });
    await kit.crash();
    await kit.reopen();
    openGate('b');
    seen.length = 0;
    await kit.clock.advance(hourMs);
    assert.deepEqual(await kit.waitForResult(kit.runtime.job(id)), ['a', 'b']);
    assert.deepEqual(seen, ['b', 'postprocess']);
  });

  it('[11.5] shows the postprocess the arguments, times and annotations of parts that did not run again', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    const parts: Part[] = [inside.annotate('said', 1), work.hold('b')];
    const failed = await queue.put(serial(parts, { postprocess: inside.lookAtParts }));
    await kit.waitFor('the second part runs', async () => seen.includes('b'));
    await failed.cancel();
    await kit.waitForStatus(failed, 'completed');
    openGate('b');
    assert.deepEqual(await (await retried(kit, failed)).result(), [
      ['completed', true, 1, ['said', 1], 1],
      ['completed', true, 1, ['b'], undefined],
    ]);
  });
});

describe('11 looking at it: retry of a map', () => {
  const names = Array.from({ length: 300 }, (_, index) => `${index}`);
  /** In both chunks, at their ends too. */
  const bad = ['0', '7', '255', '256', '299'];
  const toJob = (name: string): JobCall<string> => (bad.includes(name) ? work.needGate(name) : work.mark(name));

  it('[11.5] runs only the failed items again, in their places, then the postprocess', async (t) => {
    const { kit } = await started(t, { threads: 1 });
    const failed = await ended(kit, map(names, toJob, { postprocess: work.collect }) as never);
    assert.equal((await failed.failure())?.name, 'JobFailedError');
    for (const name of bad.slice(1)) openGate(name);
    const again = await retried(kit, failed);
    assert.deepEqual(seen, [...bad, 'postprocess']);
    assert.equal((await again.failure())?.name, 'JobFailedError');
    const { parts, partsDone } = await again.details();
    assert.deepEqual([parts, partsDone], [300, 300]);
    openGate('0');
    seen.length = 0;
    const third = await retried(kit, again);
    assert.deepEqual(seen, ['0', 'postprocess']);
    assert.deepEqual(await third.result(), names);
    await assert.rejects(kit.runtime.retry(third), { code: 'JOB_STATUS', message: /succeeded/ });
  });

  it('[11.5] runs the items of a map without a postprocess, and shows the list before they are done', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    const failed = await ended(kit, map(names, toJob) as never);
    for (const name of bad) openGate(name);
    await kit.close();
    await kit.reopen();
    seen.length = 0;
    const { id } = await kit.runtime.retry(failed.id, { beginAfter: hourMs });
    const { parts, partsDone } = await kit.runtime.job(id).details();
    assert.deepEqual([parts, partsDone], [300, 295]);
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, bad);
    const items = await kit.waitForResult(kit.runtime.job<AsyncIterable<{ result: string }>>(id));
    const results: string[] = [];
    for await (const { result } of items) results.push(result);
    assert.deepEqual(results, names);
    void queue;
  });

  it('[11.5] goes on with a map that was cancelled while its items ran again', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    const failed = await ended(kit, map(names, toJob, { postprocess: work.collect }) as never);
    await queue.pause();
    const again = await kit.runtime.retry(failed);
    await again.cancel();
    await kit.waitForStatus(again, 'completed');
    await queue.resume();
    openGate('0');
    const third = await kit.runtime.retry(again);
    while (!seen.includes('0')) assert.ok(await kit.step());
    await third.cancel();
    await kit.waitForStatus(third, 'completed');
    for (const name of bad) openGate(name);
    assert.deepEqual(await (await retried(kit, third)).result(), names);
  });

  it('[11.5] gives the failed items their options and callbacks again', async (t) => {
    const { kit, queue } = await started(t, { threads: 1 });
    await queue.setQuota('q', { size: 1 });
    const toItem = (name: string) =>
      work
        .needGate(name)
        .with({ quotas: ['q'] })
        .onBoth(work.tell.with('after'));
    const failed = await ended(kit, map(['a', 'b'], toItem, { postprocess: work.collect }) as never);
    for (const name of ['a', 'b']) openGate(name);
    assert.deepEqual(await (await retried(kit, failed)).result(), ['a', 'b']);
    assert.deepEqual(seen, ['a', 'after: a', 'b', 'after: b', 'postprocess']);
  });

  it('[11.5] runs only the postprocess again if no item failed', async (t) => {
    const { kit } = await started(t, { threads: 1 });
    const failed = await ended(kit, map(names, work.mark, { postprocess: work.fail as never }) as never);
    await retried(kit, failed);
    assert.equal(seen.length, 1);
    assert.match(seen[0]!, /^failing/);
  });

  it('[11.5] refuses all items of a map, and a map whose input did not end', async (t) => {
    const { kit, queue } = await started(t);
    const failed = await ended(kit, map(['a'], work.needGate) as never);
    await assert.rejects(kit.runtime.retry(failed, { parts: 'all' }), {
      code: 'JOB_STATUS',
      message: /items of a map/,
    });
    const cut = function* () {
      yield 'a';
      throw new Error('no more');
    };
    const open = await queue.put(map(cut(), work.mark) as never);
    await kit.waitForStatus(open, 'completed');
    assert.equal((await open.failure())?.message, 'no more');
    await assert.rejects(kit.runtime.retry(open), { code: 'JOB_STATUS', message: /input|map/ });
  });
});
