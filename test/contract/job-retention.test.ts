/** Section 2 of the contract: forgetting, changing, references. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, JobForgottenError, parallel } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 jobs: retention, changes, references', () => {
  const ended = async (kit: Awaited<ReturnType<typeof opened>>, names: string[]): Promise<Job[]> => {
    const jobs: Job[] = [];
    for (const name of names) {
      jobs.push(await kit.runtime.queue().put(work.mark(name)));
      await kit.waitForStatus(jobs.at(-1)!, 'completed');
    }
    return jobs;
  };

  it('[2.12] forgets completed jobs after keepMs, but delivers the outcome to a handle still held', async (t) => {
    const kit = await opened(t, { retention: { ageMs: 60_000 } });
    const [old] = await ended(kit, ['old']);
    await kit.clock.advance(59_000);
    await ended(kit, ['young']);
    assert.equal(await kit.runtime.job(old!.id).result(), 'old');
    await kit.clock.advance(2_000);
    await ended(kit, ['last']);
    assert.equal(await old!.result(), 'old');
    await assert.rejects(kit.runtime.job(old!.id).result(), JobForgottenError);
    await assert.rejects(old!.status(), { name: 'JobForgottenError', code: 'JOB_FORGOTTEN' });
  });

  it('[2.12] delivers the outcome to a held handle from any kind of put, also one of a live key', async (t) => {
    const kit = await opened(t, { retention: { count: 0 } });
    const queue = kit.runtime.queue();
    const live = await queue.put(work.hold('live'), { unique: 'key' });
    const marks = ['a', 'b', 'c'].map((name) => work.mark(name));
    const inHand = [
      ...(await queue.putAll(marks)),
      ...(await kit.runtime.putTogether([
        { job: work.mark('d') },
        { job: work.mark('e'), options: { unique: 'key' } },
      ])),
      await queue.put(work.mark('f'), { unique: 'key' }),
      ...(await queue.putAll([work.mark('g'), work.mark('h').with({ unique: 'key' })])),
      (await queue.putAll([parallel([work.mark('i'), work.mark('j')], { postprocess: work.list })]))[0]!,
    ];
    openGate('live');
    await kit.untilIdle();
    await kit.run(work.mark('last'));
    assert.equal((await kit.runtime.stats()).jobs, 0);
    const names = ['a', 'b', 'c', 'd', 'live', 'live', 'g', 'live', ['i', 'j']];
    assert.deepEqual(await Promise.all(inHand.map((job) => job.result())), names);
    for (const job of [live, ...inHand]) {
      await assert.rejects(kit.runtime.job(job.id).result(), JobForgottenError);
      await assert.rejects(job.details(), JobForgottenError);
    }
  });

  for (const [what, retention] of [
    ['so many', { count: 2 }],
    ['so many bytes', { bytes: 20 }],
  ] as const) {
    it(`[2.12] keeps ${what} completed jobs`, async (t) => {
      const kit = await opened(t, { retention });
      const jobs = await ended(kit, ['aaa', 'bbb', 'ccc', 'ddd', 'eee']);
      await kit.untilIdle();
      await assert.rejects(kit.runtime.job(jobs[0]!.id).status(), JobForgottenError);
      assert.equal(await kit.runtime.job(jobs[4]!.id).result(), 'eee');
      assert.ok((await kit.runtime.stats()).jobs < 5);
    });
  }

  it('[2.12] keeps failed jobs, with their parts, while later successes are forgotten', async (t) => {
    const kit = await opened(t, { retention: { count: 3, bytes: 500, failed: { count: 2 } } });
    const queue = kit.runtime.queue();
    const fail = async () => {
      const job = await queue.put(work.fail('on purpose'));
      await kit.waitForStatus(job, 'completed');
      return job.id;
    };
    const failed = [await fail(), await fail()];
    for (let n = 0; n < 20; n++) await ended(kit, ['later']);
    for (const id of failed) await failedWith(kit.runtime.job(id), 'RangeError');
    assert.equal((await kit.runtime.stats()).jobs, 5);
    await fail();
    await assert.rejects(kit.runtime.job(failed[0]!).status(), JobForgottenError, 'they have a limit of their own');
    await kit.crash();
    await kit.reopen();
    await ended(kit, ['after', 'the', 'reopening', '!']);
    await failedWith(kit.runtime.job(failed[1]!), 'RangeError');
  });

  it('[2.12] counts the bytes of a failed whole and its parts by the limits of failed jobs', async (t) => {
    const kit = await opened(t, { retention: { bytes: 5000, failed: { bytes: 100_000 } } });
    const long = 'x'.repeat(40_000);
    const failing = (text: string) => parallel([work.mark(text)], { postprocess: work.fail.with('done') as never });
    const whole = await kit.runtime.queue().put(failing(long));
    await kit.waitForStatus(whole, 'completed');
    const [kept] = await ended(kit, ['small', 'last']);
    assert.equal(await kit.runtime.job(kept!.id).result(), 'small');
    await failedWith(kit.runtime.job(whole.id), 'RangeError');
    const larger = await kit.runtime.queue().put(failing(long.repeat(5)));
    await kit.untilIdle();
    assert.notEqual(await larger.failure(), undefined);
    await assert.rejects(kit.runtime.job(whole.id).status(), JobForgottenError);
  });

  it('[2.12] forgets any number of due jobs, also without other activity', async (t) => {
    const kit = await opened(t, { retention: { ageMs: 60_000 } });
    await kit.runtime.queue().putAll(Array.from({ length: 700 }, (_, number) => work.mark(`${number}`)));
    await kit.untilIdle();
    await kit.clock.advance(61_000);
    await kit.run(work.mark('last'));
    await kit.untilIdle();
    assert.equal((await kit.runtime.stats()).jobs, 1);
  });

  it('[2.12] keeps jobs that a composition or a callback still needs', async (t) => {
    const kit = await opened(t, { retention: { count: 0 }, threads: 4 });
    const queue = kit.runtime.queue();
    const whole = await queue.put(parallel([work.add(1, 1), work.addWhenOpen(2, 2)], { postprocess: work.gather }));
    const called = await queue.put(work.mark('called').onBoth(work.hold.with('callback') as never));
    await kit.untilIdle();
    await kit.run(work.mark('other'));
    assert.equal(await kit.runtime.job(called.id).result(), 'called');
    openGate('add');
    assert.equal(await kit.waitForResult(whole), 6);
  });

  it('[2.12] keeps a whole as long as a job that returned it has its list', async (t) => {
    const kit = await opened(t, { retention: { count: 2 } });
    const queue = kit.runtime.queue();
    const names = async (id: string) =>
      Array.from((await kit.runtime.job(id).result()) as Iterable<{ result: string }>, ({ result }) => result);
    const returned = await queue.put(inside.returnList(['a', 'b']).onBoth(work.hold.with('late') as never));
    await kit.untilIdle();
    const [whole] = (await kit.runtime.monitor.jobs({ role: 'root', status: 'completed' })).items;
    await ended(kit, ['1', '2', '3']);
    assert.deepEqual(await names(returned.id), ['a', 'b']);
    await kit.crash();
    await kit.reopen();
    await ended(kit, ['4', '5', '6']);
    assert.deepEqual(await names(returned.id), ['a', 'b']);
    await kit.clock.advance(1000);
    openGate('late');
    await kit.untilIdle();
    assert.deepEqual(await names(returned.id), ['a', 'b']);
    await kit.clock.advance(1000);
    await ended(kit, ['7', '8', '9']);
    for (const { id } of [returned, whole!]) await assert.rejects(kit.runtime.job(id).status(), JobForgottenError);
    assert.equal((await kit.runtime.monitor.counts({}, { by: ['role'] }))[0]?.count, 2);
  });

  /** A whole, and a `memory` job in callbacks that has its list. Two more jobs are remembered. */
  const listed = async (kit: Kit) => {
    const queue = kit.runtime.queue();
    const whole = await queue.put(parallel([work.mark('a'), work.mark('b')]));
    const returning = inside.returnGiven(whole as never).onBoth(work.hold.with('late') as never);
    const returned = await queue.put(returning, { durability: 'memory' });
    await kit.untilIdle();
    await ended(kit, ['1', '2', '3']);
    return { whole, returned };
  };

  it('[2.12] keeps a whole for a memory job that has its list', async (t) => {
    const kit = await opened(t, { retention: { count: 2 } });
    const { returned } = await listed(kit);
    const list = await kit.runtime.job(returned.id).result();
    assert.deepEqual(
      Array.from(list as Iterable<{ result: string }>, ({ result }) => result),
      ['a', 'b'],
    );
  });

  it('[2.12] forgets a whole whose list only a memory job had that a crash has ended', async (t) => {
    const kit = await opened(t, { retention: { count: 2 } });
    const { whole } = await listed(kit);
    await kit.crash();
    await kit.reopen();
    await ended(kit, ['4', '5', '6']);
    await assert.rejects(kit.runtime.job(whole.id).status(), JobForgottenError);
  });

  it('[2.6] gives the list of a whole that a postprocess has returned, with its own parts', async (t) => {
    const kit = await opened(t);
    const list = await kit.run(
      parallel([work.mark('first')], { postprocess: inside.returnList.with(['a', 'b']) as never }),
    );
    assert.deepEqual(
      Array.from(list as Iterable<{ result: string }>, ({ result }) => result),
      ['a', 'b'],
    );
  });

  it('[2.13] changes arguments until the job has begun', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    const job = await queue.put(work.add(1, 2));
    await job.change({ args: [20, 22] });
    assert.deepEqual(await job.arguments(), [20, 22]);
    openGate('before');
    assert.equal(await kit.waitForResult(job), 42);
    await assert.rejects(job.change({ args: [1, 1] }), { code: 'JOB_STATUS' });
  });

  it('[2.13] changes deadline, priority and quotas of a pending job', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    await kit.waitForStart(await queue.put(work.hold('before'), { quotas: ['one'] }));
    const [late, blocked, first, last] = await queue.putAll(
      ['late', 'blocked', 'first', 'last'].map((name) => work.mark(name)),
    );
    await late!.change({ beginByMs: 1_000 });
    await blocked!.change({ quotas: ['one'] });
    await last!.change({ priority: 5 });
    await kit.clock.advance(1_000);
    await failedWith(late!, 'JobExpiredError');
    assert.deepEqual((await blocked!.details()).quotas, [{ name: 'one' }]);
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'last', 'blocked', 'first']);
    assert.equal(await first!.result(), 'first');
  });

  it('[2.13] fails a job that has not begun with a given error, and runs its callbacks', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime
      .queue()
      .put(work.mark('never').onBoth(work.tell.with('callback')), { beginAfter: hourMs });
    await job.fail(new SyntaxError('not like this'));
    await failedWith(job, 'SyntaxError');
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(seen, ['callback: SyntaxError']);
  });

  it('[2.14] passes a handle among arguments as a handle', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('job'));
    assert.equal(await kit.run(work.idOf(job as never)), job.id);
    const again = await kit.runtime.queue().put(work.echo({ deep: [job] }));
    assert.equal(((await again.arguments())[0] as { deep: Job[] }).deep[0]!.id, job.id);
  });

  it('[2.14] passes a handle within a result to a waiting client, a callback and a postprocess', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job'));
    const result = (await kit.run<unknown>(work.echo({ job }))) as { job: Job };
    assert.equal(await result.job.result(), 'job');
    const called = await queue.put(work.echo({ job }).onBoth(work.idInside as never));
    await kit.waitForStatus(called, 'completed');
    assert.deepEqual(seen, ['job', job.id]);
    assert.equal(
      await kit.run<unknown>(parallel([work.echo({ job })], { postprocess: work.idOfFirst as never })),
      job.id,
    );
  });

  it('[2.14] passes a handle in an annotation, outside and inside', async (t) => {
    const kit = await opened(t);
    const [job, other] = await kit.runtime.queue().putAll([work.mark('job'), work.mark('other')]);
    await job!.annotations.set('other', other);
    assert.equal(((await job!.annotations.get('other')) as Job).id, other!.id);
    assert.equal(await kit.run(inside.idFromAnnotation(job as never, 'other')), other!.id);
  });
});
