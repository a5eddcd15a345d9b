/**
 * Section 2 of the contract: jobs that return jobs, and puts, callbacks and removals from inside a
 * running job.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CompletedJobs,
  type Job,
  type Part,
  parallel,
  retryDefault,
  retryErrors,
  retryForever,
  retryNever,
  serial,
} from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('2 jobs: a handler', () => {
  it('[2.6] may be synchronous or asynchronous', async (t) => {
    const kit = await opened(t);
    assert.equal(await kit.run(work.add(1, 2)), 3);
    assert.equal(await kit.run(inside.listen('nothing is said', 1)), 'nothing');
    const job = await kit.runtime.queue().put(work.failLater('no'));
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'OrderError');
  });

  for (const [name, returned] of [
    ['that it put', inside.addLater(20, 22)],
    ['that is put for it', inside.addReturned(20, 22)],
  ] as const) {
    it(`[2.6] takes the outcome of a job that it returns ${name}`, async (t) => {
      const kit = await opened(t);
      assert.equal(await kit.run<unknown>(returned as Part), 42);
    });
  }

  it('[2.6] waits for a held job that it returns until that is put by its id', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const outer = await queue.put(inside.returnUnput('inner'));
    await kit.clock.advance(hourMs);
    assert.deepEqual([await outer.status(), await queue.length(), seen], ['active', 0, []]);
    await kit.crash();
    await kit.reopen();
    const inner = (await kit.runtime.job(outer.id).details()).returned!;
    assert.equal(await kit.runtime.job(inner).status(), 'new');
    const other = await kit.runtime.createQueue('other');
    await other.put(kit.runtime.job(inner));
    assert.equal(await kit.waitForResult(kit.runtime.job(outer.id)), 'inner');
    assert.equal((await kit.runtime.job(inner).details()).queue, 'other');
  });

  it('[2.6] puts a held job together with its own outcome', async (t) => {
    const kit = await opened(t);
    const held = await kit.runtime.queue().put(work.mark('held'), { held: true });
    await kit.untilIdle();
    assert.deepEqual([await held.status(), seen], ['new', []]);
    await kit.run(inside.putGiven(held as never));
    assert.equal(await kit.waitForResult(held), 'held');
    await assert.rejects(kit.runtime.queue().put(held), { code: 'JOB_STATUS' });
  });

  it('[2.6] puts a held composition with its parts into another queue if its quotas are known there', async (t) => {
    const kit = await opened(t);
    const [queue, other] = [kit.runtime.queue(), await kit.runtime.createQueue('other')];
    await queue.setQuota('one');
    const parts = [work.hold('a'), work.mark('b').with({ quotas: ['one'] })] as Part[];
    const whole = await queue.put(parallel(parts, { postprocess: work.list }), { held: true });
    await assert.rejects(other.put(whole), { code: 'UNKNOWN_QUOTA' });
    assert.deepEqual([await whole.status(), (await whole.details()).queue], ['new', '']);
    await other.setQuota('one');
    await other.put(whole);
    await kit.untilIdle();
    assert.equal((await kit.runtime.job(kit.running[0]!).details()).queue, 'other');
    openGate('a');
    assert.deepEqual(await kit.waitForResult(whole), ['a', 'b']);
    const inPart = parallel([work.mark('a').with({ held: true })]);
    await assert.rejects(queue.put(inPart), { code: 'INVALID_OPTION', message: /^`parts\[0\]\.held`/ });
  });

  it('[2.6] stays active without a thread or a place of its agent while its inner job runs', async (t) => {
    const kit = await opened(t, { threads: 1, agent: { size: 1 } });
    const outer = await kit.runtime.queue().put(inside.returnHeld('inner'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner']);
    assert.equal(await outer.status(), 'active');
    assert.deepEqual((await kit.runtime.queue().agents())[0]!.running.length, 1, 'the inner job alone');
    openGate('inner');
    assert.equal(await kit.waitForResult(outer), 'inner');
    assert.equal((await outer.details()).attempts, 1);
  });

  it('[2.6] takes the failure of an inner job, a composition’s outcome, and one through any chain of jobs', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const failing = await kit.runtime.queue().put(inside.returnFailing('inner'));
    await kit.waitForStatus(failing, 'completed');
    assert.equal((await failing.failure())?.message, 'inner');
    assert.deepEqual(await kit.run<unknown>(inside.returnParallel(['a', 'b']) as Part), ['a', 'b']);
    assert.equal(await kit.run<unknown>(inside.legs(30) as Part), 'arrived');
  });

  it('[2.6] treats a returned callable as a job without arguments, and fails if it returns a map', async (t) => {
    const kit = await opened(t);
    assert.deepEqual(await kit.run<unknown>(inside.returnUncalled()), []);
    const job = await kit.runtime.queue().put(inside.returnMap() as Part);
    await kit.waitForStatus(job, 'completed');
    const failure = await job.failure();
    assert.deepEqual([failure?.code, failure?.message.slice(0, 15)], ['RESULT_NOT_STORABLE', 'result is a map']);
    assert.equal((await kit.runtime.stats()).jobs, 3);
  });

  it('[2.6] goes on waiting for its inner job after a crash', async (t) => {
    const kit = await opened(t);
    const outer = await kit.runtime.queue().put(inside.returnHeld('inner'));
    await kit.untilIdle();
    await kit.crash();
    await kit.reopen();
    openGate('inner');
    assert.equal(await kit.waitForResult(kit.runtime.job(outer.id)), 'inner');
    assert.equal((await kit.runtime.job(outer.id).details()).attempts, 1);
  });

  it('[2.6] puts a returned job into its own queue', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = await kit.runtime.createQueue('other');
    const outer = await queue.put(inside.returnHeld('inner'));
    await kit.untilIdle();
    const [held] = kit.running;
    assert.equal((await kit.runtime.job(held!).details()).queue, 'other');
    openGate('inner');
    await kit.waitForResult(outer);
  });

  it('[2.6] fails with JobStatusError if it returns itself or a job that waits for it', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const own = await queue.put(inside.returnGiven(undefined as never), { beginAfter: hourMs });
    await own.change({ args: [own] });
    await kit.waitForStatus(own, 'completed');
    await failedWith(own, 'JobStatusError');
    const whole = await queue.put(serial([work.mark('first')]), { beginAfter: hourMs });
    const [part] = await whole.addParts([inside.returnGiven(whole as never) as Part]);
    await kit.waitForStatus(whole, 'completed');
    await failedWith(part!, 'JobStatusError');
  });

  it('[2.6] takes the outcome of a completed job at once', async (t) => {
    const kit = await opened(t);
    const done = await kit.runtime.queue().put(work.add(1, 2));
    await kit.waitForStatus(done, 'completed');
    assert.equal(await kit.run<unknown>(inside.returnGiven(done as never) as Part), 3);
  });
});

describe('2 jobs: a put inside a job', () => {
  it('[2.7] is committed with the outcome of its job, and not before', async (t) => {
    const kit = await opened(t);
    const outer = await kit.runtime.queue().put(inside.putAndHold('outer'));
    const id = (await kit.waitForAnnotation(outer, 'put')) as string;
    await assert.rejects(kit.runtime.job(id).status(), { code: 'JOB_FORGOTTEN' });
    assert.equal(await kit.runtime.queue().length(), 0);
    openGate('outer');
    assert.equal(await kit.waitForResult(outer), id);
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 'put by outer');
  });

  for (const how of ['throw', 'unstorable'] as const) {
    it(`[2.7] is discarded if its job fails (${how})`, async (t) => {
      const kit = await opened(t);
      const outer = await kit.runtime.queue().put(inside.putAndEnd(how, 'inner'), { retry: retryNever });
      await kit.waitForStatus(outer, 'completed');
      await kit.untilIdle();
      assert.deepEqual(seen, []);
      assert.equal((await kit.runtime.stats()).jobs, 1);
    });
  }

  it('[2.7] is discarded if the thread or process dies, and committed once by the run that ends', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const outer = await kit.runtime.queue().put(inside.putAndHold('outer'));
    await kit.waitForStart(outer);
    await kit.killThread();
    await kit.waitForStart(outer);
    await kit.crash();
    await kit.reopen();
    assert.equal(kit.runtime.found.jobs, 1);
    openGate('outer');
    await kit.waitForResult(kit.runtime.job(outer.id));
    await kit.untilIdle();
    assert.deepEqual(seen, ['outer', 'outer', 'outer', 'put by outer']);
  });

  it('[2.7] is discarded by a retry', async (t) => {
    const kit = await opened(t);
    const outer = await kit.runtime.queue().put(inside.putAndFailOnce('inner'), { retry: retryErrors({ limit: 1 }) });
    await kit.waitForResult(outer);
    await kit.untilIdle();
    assert.deepEqual(seen, ['inner, attempt 2']);
  });

  it('[2.7] rejects a wait inside with JobNotCommittedError, which names two ways out', async (t) => {
    const kit = await opened(t);
    assert.match((await kit.run(inside.waitForPut())) as string, /^JobNotCommittedError: .*return it.*putNow/);
  });

  it('[2.7] is committed at once by putNow, whatever the outcome, and can be waited for inside', async (t) => {
    const kit = await opened(t, { threads: 2 });
    assert.equal(await kit.run(inside.putNowAndEnd('inner', false)), 'inner');
    const failing = await kit.runtime.queue().put(inside.putNowAndEnd('stays', true));
    await kit.waitForStatus(failing, 'completed');
    await failedWith(failing, 'OrderError');
    assert.deepEqual(seen, ['inner', 'stays', 'failing: after a put']);
  });

  it('[2.7] allows a wait for any given handle inside but the job’s own', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const other = await queue.put(work.mark('other'), { beginAfter: hourMs });
    assert.equal(await kit.run(inside.waitForGiven(other as never)), 'other');
    const own = await queue.put(inside.waitForGiven(undefined as never), { beginAfter: hourMs });
    await own.change({ args: [own] });
    await kit.waitForStatus(own, 'completed');
    await failedWith(own, 'JobStatusError');
    const forgotten = kit.runtime.job('01890a5d-ac96-774b-bcce-b302099a8057');
    const asking = await queue.put(inside.waitForGiven(forgotten as never));
    await kit.waitForStatus(asking, 'completed');
    await failedWith(asking, 'JobForgottenError');
  });

  it('[2.7] is rejected at once by putNow, and its failure is thrown to the job that waits', async (t) => {
    const kit = await opened(t, { threads: 2 });
    assert.equal(await kit.run(inside.putNowBadly('failing')), 'JOB_FAILED: inner');
    assert.match((await kit.run(inside.putNowBadly('unknown queue'))) as string, /^UNKNOWN_QUEUE: .*"nowhere"/);
  });

  it('[2.7] returns the live job by putNow with its key, and ignores a queue’s bound', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    await queue.setBound(1);
    const first = await queue.put(work.hold('unique'), { unique: 'key' });
    await kit.waitForStart(first);
    const filling = queue.put(work.mark('filling'), { beginAfter: hourMs });
    assert.equal(await kit.run(inside.putUnique('key')), first.id);
    await filling;
    openGate('unique');
    await kit.untilIdle();
    assert.deepEqual(seen, ['unique']);
  });

  it('[2.7] counts a delay on the clock of the runtime', async (t) => {
    const kit = await opened(t);
    await kit.clock.advance(5 * hourMs);
    const before = kit.clock.now.getTime();
    const id = await kit.run(inside.putDelayed('later', hourMs));
    assert.deepEqual((await kit.runtime.job(id).details()).dueAt, new Date(before + hourMs));
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['later']);
  });

  it('[2.7] is checked at once as far as the job’s thread can check it', async (t) => {
    const kit = await opened(t);
    assert.equal(await kit.run(inside.putBadly()), 'ARGUMENT_NOT_STORABLE');
  });

  it('[2.7] ignores a queue’s bound', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const outer = await queue.put(inside.putAndHold('outer'));
    await kit.waitForStart(outer);
    await queue.setBound(1);
    await queue.put(work.mark('filling'));
    openGate('outer');
    assert.match(await kit.waitForResult(outer), /-/);
    await kit.untilIdle();
    assert.deepEqual(seen, ['outer', 'filling', 'put by outer']);
  });

  it('[2.7] fails its job if it clashes at commit, keeps nothing, and lets the policy retry', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const call = () => inside.putAndEnd('unknown queue', 'inner');
    for (const retry of [retryDefault, retryNever, retryForever]) {
      const job = await queue.put(call(), { retry });
      await kit.waitForStatus(job, 'completed');
      await failedWith(job, 'UnknownQueueError');
      assert.equal((await job.details()).attempts, 1);
    }
    const patient = await queue.put(call(), { retry: retryErrors({ limit: 2, only: ['UnknownQueueError'] }) });
    await kit.waitFor('2 retries', async () => (await patient.details()).errors === 2);
    assert.deepEqual(seen, []);
    await kit.runtime.createQueue('nowhere');
    assert.equal(await kit.waitForResult(patient), 'ended');
    await kit.untilIdle();
    assert.deepEqual([...seen].sort(), ['inner', 'inner, elsewhere']);
  });

  it('[2.7] fails its job without a retry if it can never be committed, and names the reason', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const gone = kit.runtime.job('01890a5d-ac96-774b-bcce-b302099a8057');
    const done = await queue.put(work.add(1, 2));
    await kit.waitForStatus(done, 'completed');
    const cases: [Part, string, RegExp][] = [
      [inside.putInQuota('missing'), 'UnknownQuotaError', /no quota named "missing"/],
      [inside.removeJob(done as never, false), 'JobStatusError', /completed, not pending/],
      [inside.removeJob(gone as never, false), 'JobForgottenError', /forgotten/],
      [inside.hangCallback(gone as never, false), 'JobForgottenError', /forgotten/],
    ];
    for (const [call, name, message] of cases) {
      const job = await queue.put(call);
      await kit.waitForStatus(job, 'completed');
      await failedWith(job, name);
      assert.match((await job.failure())!.message, message);
      assert.equal((await job.details()).attempts, 1);
    }
  });

  it('[2.7] commits callbacks and removals with the outcome of the job, or not at all', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const target = () => queue.put(work.mark('target'), { beginAfter: hourMs });
    const [hung, unhung, removed, unremoved] = [await target(), await target(), await target(), await target()];
    const calls: Part[] = [
      inside.hangCallback(hung as never, false),
      inside.hangCallback(unhung as never, true),
      inside.removeJob(removed as never, false),
      inside.removeJob(unremoved as never, true),
    ];
    for (const job of await queue.putAll(calls)) await kit.waitForStatus(job, 'completed');
    const callbacks = async (job: Job) => (await job.details()).callbacks;
    assert.deepEqual([await callbacks(hung), await callbacks(unhung)], [1, 0]);
    assert.deepEqual([await removed.status(), await unremoved.status()], ['new', 'pending']);
  });

  it('[2.7] commits added parts with the outcome of the job, or not at all', async (t) => {
    const kit = await opened(t);
    const parts: Part[] = [inside.addPartsAndEnd(['kept'], false), inside.addPartsAndEnd(['lost'], true)];
    const whole = await kit.runtime.queue().put(parallel(parts, { postprocess: work.list }));
    assert.deepEqual(await kit.waitForResult(whole), ['added', 'OrderError', 'kept']);
  });
});

describe('2 jobs: a unique key inside a job', () => {
  it('[2.9] waits for the live job if a returned job has its key', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const live = await queue.put(work.hold('live'), { unique: 'key' });
    await kit.waitForStart(live);
    const outer = await queue.put(inside.returnUnique('key'));
    await kit.untilIdle();
    assert.equal((await outer.details()).returned, live.id);
    openGate('live');
    assert.equal(await kit.waitForResult(outer), 'live');
    assert.equal(await kit.run<unknown>(inside.returnUnique('key') as Part), 'returned', 'the key is free again');
  });

  it('[2.9] fails with JobStatusError if a returned job has the key of the job or of one that waits for it', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const own = await queue.put(inside.returnUnique('key'), { unique: 'key' });
    await kit.waitForStatus(own, 'completed');
    await failedWith(own, 'JobStatusError');
    const whole = await queue.put(serial([inside.returnUnique('whole') as Part]), { unique: 'whole' });
    const [part] = (await kit.waitForResult(whole)) as CompletedJobs;
    assert.equal(part?.failure?.name, 'JobStatusError');
    assert.deepEqual(seen, []);
  });

  it('[2.9] makes one job of two puts with one new key', async (t) => {
    const kit = await opened(t);
    assert.equal(await kit.run<unknown>(inside.putUniqueTwice('key') as Part), 'first');
    assert.deepEqual(seen, ['first']);
  });

  it('[2.9] adds callbacks of a put with a live key to the live job', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const live = await queue.put(work.hold('live'), { unique: 'key' });
    await kit.waitForStart(live);
    const callback = kit.runtime.job(await kit.run(inside.hangOnUnique('key')));
    assert.deepEqual([(await live.details()).callbacks, await callback.status()], [1, 'new']);
    openGate('live');
    assert.equal(await kit.waitForResult(callback), 'hung: live');
  });
});
