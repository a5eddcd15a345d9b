/** Section 8 of the contract: own policies, and which policy a job has. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Job, type Part, parallel, retryDefault, retryErrors, retryForever, retryNever } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { allJobs, asked, inside, work } from './jobs/all.js';
import { forgetQuestions, laterAnswer, questions, say } from './jobs/asked.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, isShared, opened } from './opened.js';

/** Milliseconds after which another process asks a policy whose answer died with its process. */
const askedAgainMs = isShared ? 60_000 : 0;

const own = { retry: asked.policy };

/** The questions that were asked, in words. */
const told = () => questions.map((one) => (one.kind === 'interrupted' ? `${one.kind}: ${one.cause}` : one.kind));

/** Waits until the job shows that its policy gave no usable answer. */
async function isHeld(kit: Kit, job: Job, problem: RegExp): Promise<void> {
  await kit.untilIdle();
  const { status, awaits, endAt } = await kit.runtime.job(job.id).details();
  assert.deepEqual({ status, endAt }, { status: 'active', endAt: undefined });
  assert.match(awaits[0]?.problem ?? 'nothing', problem);
  assert.equal(awaits[0]?.agent, undefined);
  assert.ok(awaits[0]!.againAt! > kit.clock.now);
  assert.match(kit.fatal.at(-1)?.message ?? 'nothing', problem);
}

describe('8 own retry policies', () => {
  beforeEach(forgetQuestions);

  it('[8.1] are asked when the job fails, with the job, the failure and its attempts', async (t) => {
    const kit = await opened(t);
    say(true, true, false);
    const job = await kit.runtime.queue().put(work.fail('no'), own);
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'OrderError');
    assert.deepEqual(told(), ['jobError', 'jobError', 'jobError']);
    const [, , question] = questions;
    assert.equal(question?.failure.check('RangeError'), true);
    const { id, callable, attempts, errors, interruptions, arguments: given } = question!.job;
    assert.deepEqual(
      { id, callable, attempts, errors, interruptions, given },
      { id: job.id, callable: 'work#fail', attempts: 3, errors: 2, interruptions: 0, given: ['no'] },
    );
    assert.deepEqual(kit.fatal, []);
  });

  it('[8.1] retry at once in front of the line, or later at their time', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const at = new Date(kit.clock.now.getTime() + hourMs);
    say(true, { retry: true, afterMs: 1_000 }, { retry: true, at }, { retry: true, at: new Date(0) }, false);
    const jobs: Part[] = [work.failUntil(9), work.mark('while it is asked'), work.mark('behind')];
    const [job, , other] = await kit.runtime.queue().putAll(jobs, own);
    await kit.untilIdle();
    assert.deepEqual(seen, ['attempt 1', 'while it is asked', 'attempt 2', 'behind']);
    assert.equal((await job!.details()).dueAt?.getTime(), kit.clock.now.getTime() + 1_000);
    await kit.clock.advance(1_000);
    assert.deepEqual((await job!.details()).dueAt, at);
    await kit.clock.advanceTo(at);
    await failedWith(job!, 'OrderError');
    assert.equal((await job!.details()).attempts, 5);
    assert.equal(await other!.result(), 'behind');
  });

  it('[8.1] are asked when the puts of a job cannot be committed, and a retry drops them', async (t) => {
    const kit = await opened(t);
    say(true, false);
    const job = await kit.runtime.queue().put(inside.putAndEnd('unknown queue', 'inner'), own);
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(told(), ['commitError', 'commitError']);
    assert.equal(questions[0]?.failure.name, 'UnknownQueueError');
    await failedWith(job, 'UnknownQueueError');
    assert.deepEqual(seen, []);
    assert.equal(await kit.runtime.queue().length(), 0);
  });

  it('[8.1] are asked when a result cannot be stored, as for the job’s own failure', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.unstorable, own);
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(told(), ['jobError']);
    await failedWith(job, 'NotStorableError');
  });

  it('[8.1] are asked when the job’s thread dies', async (t) => {
    const kit = await opened(t, { threads: 1 });
    say(true, false);
    const job = await kit.runtime.queue().put(work.hold('job'), own);
    for (let kills = 0; kills < 2; kills++) {
      await kit.untilIdle();
      await kit.killThread();
    }
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(told(), ['interrupted: thread', 'interrupted: thread']);
    await failedWith(job, 'JobInterruptedError');
    const { attempts, interruptions } = await job.details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 2 });
  });

  it('[8.1] are asked when the process dies, before the job begins again', async (t) => {
    const kit = await opened(t, { threads: 1 });
    say(true, false);
    const { id } = await kit.runtime.queue().put(work.hold('job'), own);
    for (let crashes = 0; crashes < 2; crashes++) {
      await kit.untilIdle();
      await kit.crash();
      await kit.reopen();
    }
    await kit.untilIdle();
    assert.deepEqual(told(), ['interrupted: process', 'interrupted: process']);
    assert.deepEqual(seen, ['job', 'job']);
    await failedWith(kit.runtime.job(id), 'JobInterruptedError');
  });

  it('[8.3] are asked after a clean close as a cause of its own, uncounted', async (t) => {
    const kit = await opened(t, { threads: 1 });
    say(true);
    const { id } = await kit.runtime.queue().put(work.hold('job'), own);
    await kit.untilIdle();
    await kit.close();
    await kit.reopen();
    await kit.untilIdle();
    assert.deepEqual(told(), ['interrupted: close']);
    const { attempts, interruptions } = await kit.runtime.job(id).details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 0 });
  });

  it('[8.4] count deaths for a poison job and not for its neighbour, even if they never give up', async (t) => {
    const kit = await opened(t, { threads: 2 });
    say(true);
    const neighbour = await kit.runtime.queue().put(work.hold('neighbour'));
    const poison = await kit.runtime.queue().put(work.hold('own'), own);
    for (let deaths = 0; deaths < 8; deaths++) {
      await kit.untilIdle();
      while (!kit.running.includes(poison.id) && (await kit.clock.next()));
      await kit.crash();
      await kit.reopen();
    }
    assert.ok((await kit.runtime.job(poison.id).details()).interruptions >= 3);
    assert.equal((await kit.runtime.job(neighbour.id).details()).interruptions, 0);
  });

  it('[8.1] keep data of their own with the job, over crashes', async (t) => {
    const kit = await opened(t);
    const { id } = await kit.runtime.queue().put(work.failUntil(9), { retry: asked.counting });
    for (let crashes = 1; crashes <= 3; crashes++) {
      await kit.untilIdle();
      await kit.crash();
      await kit.reopen();
      await kit.clock.advance(crashes * 1_000);
    }
    await kit.waitForStatus(kit.runtime.job(id), 'completed');
    assert.deepEqual(seen, ['attempt 1', 'attempt 2', 'attempt 3', 'attempt 4']);
  });

  it('[8.1] keep their data if an answer has none', async (t) => {
    const kit = await opened(t);
    say({ retry: true, data: { kept: [1, 'two'] } }, true, { retry: true, data: null }, false);
    await kit.waitForStatus(await kit.runtime.queue().put(work.fail('no'), own), 'completed');
    assert.deepEqual(
      questions.map(({ data }) => data),
      [undefined, { kept: [1, 'two'] }, { kept: [1, 'two'] }, null],
    );
  });

  it('[8.1] are asked again after a crash before their answer', async (t) => {
    const kit = await opened(t);
    say(new Promise(() => {}), true, false);
    const { id } = await kit.runtime.queue().put(work.fail('no'), own);
    await kit.untilIdle();
    const { status, awaits } = await kit.runtime.job(id).details();
    assert.equal(status, 'active');
    assert.deepEqual(
      awaits.map(({ callable, agent, problem }) => ({ callable, agent, problem })),
      [{ callable: 'asked#policy', agent: undefined, problem: undefined }],
    );
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(askedAgainMs);
    await failedWith(kit.runtime.job(id), 'OrderError');
    assert.deepEqual(told(), ['jobError', 'jobError', 'jobError']);
    assert.equal((await kit.runtime.job(id).details()).attempts, 2);
  });

  it('[8.1] [4.6] free the agent’s place and keep quota places while asked; only a retry at once keeps them', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const [first, second] = [laterAnswer(), laterAnswer()];
    say(first.promise, second.promise);
    const job = await queue.put(work.failUntil(9), { ...own, quotas: ['one'] });
    const blocked = await queue.put(work.mark('blocked'), { quotas: ['one'] });
    await queue.put(work.mark('free'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['attempt 1', 'free']);
    assert.deepEqual((await queue.agents())[0]?.running, []);
    assert.deepEqual((await queue.quotas())[0]?.holders, [job.id]);
    first.give(true);
    await kit.untilIdle();
    assert.deepEqual(seen, ['attempt 1', 'free', 'attempt 2']);
    second.give({ retry: true, afterMs: 1_000 });
    await kit.untilIdle();
    assert.deepEqual(seen, ['attempt 1', 'free', 'attempt 2', 'blocked']);
    assert.equal(await blocked.result(), 'blocked');
    assert.deepEqual((await queue.quotas())[0]?.holders, []);
  });

  it('[8.1] change nothing by an answer after the job was cancelled', async (t) => {
    const kit = await opened(t);
    const answer = laterAnswer();
    say(answer.promise);
    const job = await kit.runtime.queue().put(work.fail('no'), own);
    await kit.untilIdle();
    await job.cancel();
    await failedWith(job, 'JobCancelledError');
    answer.give(true);
    await kit.untilIdle();
    assert.equal(await job.status(), 'completed');
    assert.equal((await job.details()).attempts, 1);
  });

  it('[8.1] fail the job at once with its last error if the retry would come after the deadline', async (t) => {
    const kit = await opened(t);
    say({ retry: true, afterMs: 10_000 });
    const job = await kit.runtime.queue().put(work.fail('no'), { ...own, beginByMs: 5_000 });
    await kit.untilIdle();
    await failedWith(job, 'OrderError');
    assert.equal(await job.status(), 'completed');
  });

  it('[8.1] apply to parts, postprocesses and callbacks too', async (t) => {
    const kit = await opened(t);
    say(true, true, true, false);
    const parts = [work.failUntil(2).with(own) as Part, work.mark('other') as Part];
    const job = await kit.runtime.queue().put(parallel(parts, { postprocess: work.list }));
    const callback = await job.addCallback(work.failUntil(2).with(own) as never);
    assert.deepEqual(await kit.waitForResult(job), ['2', 'other']);
    assert.equal(await kit.waitForResult(callback), 2);
    const failing = await kit.runtime.queue().put(parallel([work.mark('x')], { postprocess: inside.failFirst }), own);
    assert.equal(await kit.waitForResult(failing), 'after 2 attempts');
  });

  for (const [what, answer, problem] of [
    ['throws', new RangeError('the policy is broken'), /RangeError: the policy is broken/],
    ['answers nothing', undefined, /got undefined/],
    ['answers a number', 7, /got 7/],
    ['answers an object of another form', { again: true }, /an object of another form/],
    ['answers with a misspelt delay', { retry: true, aftrMs: 5 }, /`answer` .*afterMs.*aftrMs/],
    ['answers a delay that is not a number', { retry: true, afterMs: Number.NaN }, /afterMs .*NaN/],
    ['answers a delay below zero', { retry: true, afterMs: -1 }, /afterMs .*-1/],
    ['answers an invalid date', { retry: true, at: new Date(Number.NaN) }, /must be a valid Date/],
    ['answers two times', { retry: true, at: new Date(), afterMs: 1 }, /not both/],
    ['keeps what cannot be stored', { retry: true, data: () => 1 }, /data/],
    ['keeps too much', { retry: true, data: 'x'.repeat(3_000) }, /data/],
  ] as [string, unknown, RegExp][]) {
    it(`[8.5] hold the job and are asked again if one ${what}`, async (t) => {
      const kit = await opened(t);
      say(answer, answer, { retry: false });
      const job = await kit.runtime.queue().put(work.fail('no'), own);
      await isHeld(kit, job, problem);
      const first = (await job.details()).awaits[0]!.againAt!;
      await kit.clock.advanceTo(first);
      await isHeld(kit, job, problem);
      const second = (await job.details()).awaits[0]!.againAt!;
      assert.ok(second.getTime() - first.getTime() > 1_000, 'later each time');
      assert.equal(kit.fatal.length, 2);
      await kit.clock.advanceTo(second);
      await failedWith(job, 'OrderError');
      assert.deepEqual((await job.details()).awaits, []);
      assert.equal((await job.details()).attempts, 1);
    });
  }

  it('[8.5] hold the job if one does not answer in time, and ignore its late answer', async (t) => {
    const kit = await opened(t);
    const answer = laterAnswer();
    say(answer.promise, false);
    const job = await kit.runtime.queue().put(work.fail('no'), own);
    await kit.clock.advance(5_000);
    await isHeld(kit, job, /not answered within/);
    answer.give(true);
    await kit.untilIdle();
    assert.equal((await job.details()).attempts, 1);
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'OrderError');
  });

  it('[8.5] hold the job until a build has the policy', async (t) => {
    const kit = await opened(t);
    say(new Promise(() => {}), false);
    const job = await kit.runtime.queue().put(work.fail('no'), own);
    await kit.untilIdle();
    await kit.crash();
    await kit.reopen({ jobs: [work] });
    await kit.clock.advance(askedAgainMs);
    await isHeld(kit, job, /this build has no such function/);
    assert.equal(await kit.runtime.queue().length(), 0);
    await kit.close();
    await kit.reopen({ jobs: allJobs });
    await kit.clock.advance(askedAgainMs);
    await failedWith(kit.runtime.job(job.id), 'OrderError');
  });

  it('[8.5] let a held job be cancelled, and delay no other job', async (t) => {
    const kit = await opened(t, { threads: 1 });
    say(undefined);
    const job = await kit.runtime.queue().put(work.fail('no'), own);
    await isHeld(kit, job, /got undefined/);
    assert.equal(await kit.run(work.mark('other')), 'other');
    await job.cancel();
    await failedWith(job, 'JobCancelledError');
    await kit.clock.advance(hourMs);
    assert.equal(questions.length, 1);
  });

  it('[8.2] are checked at the put: a value that is no policy of this build is rejected', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    for (const [retry, code] of [
      [asked.always(), 'INVALID_OPTION'],
      [asked.policy.with({} as never), 'INVALID_OPTION'],
      ['asked#policy', 'INVALID_OPTION'],
      [(asked as unknown as Record<string, unknown>).missing, 'UNKNOWN_EXPORT'],
      [(asked as unknown as Record<string, unknown>).notAFunction, 'EXPORT_NOT_CALLABLE'],
    ] as const) {
      await assert.rejects(queue.put(work.mark('job'), { retry: retry as never }), { code });
      await assert.rejects(queue.setAgent('a', { size: 1, retry: { jobs: retry as never } }), { code });
    }
    assert.equal(await queue.length(), 0);
    assert.equal((await queue.agents()).length, 1);
  });
});

describe('8 retry defaults', () => {
  beforeEach(forgetQuestions);

  /** Returns how often a job that always fails begins. */
  async function starts(kit: Kit, job: Job): Promise<number> {
    await kit.waitForStatus(job, 'completed');
    return (await job.details()).attempts;
  }

  const times = (limit: number) => retryErrors({ limit, backoff: { initialMs: 0 } });

  it('[8.3] prefer the job’s policy to its agent’s, and that to the runtime’s', async (t) => {
    const kit = await opened(t, { retry: { jobs: times(1) } });
    const queue = kit.runtime.queue();
    assert.equal(await starts(kit, await queue.put(work.fail('no'))), 2);
    await queue.setAgent('main', { size: 2, retry: { jobs: times(2) } });
    assert.equal(await starts(kit, await queue.put(work.fail('no'))), 3);
    assert.equal(await starts(kit, await queue.put(work.fail('no'), { retry: times(3) })), 4);
    assert.equal(await starts(kit, await queue.put(work.fail('no'), { retry: retryDefault })), 1);
  });

  it('[8.3] differ for jobs and for callbacks', async (t) => {
    const kit = await opened(t, { retry: { callbacks: times(2) } });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.fail('no'));
    const callback = await job.addCallback(work.failUntil(3) as never);
    assert.equal(await kit.waitForResult(callback), 3);
    assert.equal((await job.details()).attempts, 1);
    await queue.setAgent('main', { size: 2, retry: { callbacks: times(0) } });
    const again = await queue.put(work.mark('job'));
    assert.equal(await starts(kit, await again.addCallback(work.failUntil(3) as never)), 1);
    assert.equal((await callback.details()).retry, times(0));
  });

  it('[8.3] are shown as the policy of a job, before and after its claim', async (t) => {
    const kit = await opened(t, { threads: 1, retry: { jobs: times(1) } });
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('before')));
    const waiting = await queue.put(work.mark('job'));
    assert.equal((await waiting.details()).retry, times(1));
    await queue.setAgent('main', { size: 1, retry: { jobs: times(2) } });
    assert.equal((await waiting.details()).retry, times(2));
    openGate('before');
    await kit.waitForResult(waiting);
    assert.equal((await waiting.details()).retry, times(2));
  });

  it('[8.3] can be own policies', async (t) => {
    const kit = await opened(t, { retry: { jobs: asked.policy } });
    say(true, false);
    assert.equal(await starts(kit, await kit.runtime.queue().put(work.fail('no'))), 2);
    assert.equal(questions.length, 2);
  });

  it('[8.3] are stored, and changed by open only if given', async (t) => {
    const kit = await opened(t, { retry: { jobs: times(1) } });
    await kit.runtime.queue().setAgent('main', { size: 2, retry: { callbacks: retryForever } });
    await kit.close();
    await kit.reopen({ retry: undefined as never, agent: { size: 1 } });
    assert.equal(await starts(kit, await kit.runtime.queue().put(work.fail('no'))), 2);
    assert.deepEqual((await kit.runtime.queue().agents())[0]?.retry, { callbacks: retryForever });
    await kit.close();
    await kit.reopen({ retry: {} });
    assert.equal(await starts(kit, await kit.runtime.queue().put(work.fail('no'))), 1);
  });

  it('[8.3] begin a job once at most with retryNever, over a crash too', async (t) => {
    const kit = await opened(t, { threads: 1, retry: { jobs: retryNever } });
    const { id } = await kit.runtime.queue().put(work.hold('job'));
    await kit.waitForStart(kit.runtime.job(id));
    await kit.crash();
    // The policy under which the job began counts, not the new default.
    await kit.reopen({ retry: { jobs: retryForever } });
    await kit.untilIdle();
    openGate('job');
    await failedWith(kit.runtime.job(id), 'JobInterruptedError');
    assert.deepEqual(seen, ['job']);
  });

  it('[8.3] count the claim as the start with retryNever as an agent’s default', async (t) => {
    const kit = await opened(t, { threads: 1 });
    await kit.runtime.queue().setAgent('main', { size: 1, retry: { jobs: retryNever } });
    const { id } = await kit.runtime.queue().put(work.mark('job'));
    await kit.crash();
    await kit.reopen();
    await kit.untilIdle();
    await failedWith(kit.runtime.job(id), 'JobInterruptedError');
    assert.deepEqual(seen, []);
  });

  it('[8.3] reject a value that is no policy', async (t) => {
    await assert.rejects(opened(t, { retry: { jobs: 'often' as never } }), { code: 'INVALID_OPTION' });
    await assert.rejects(opened(t, { retry: { parts: retryNever } as never }), { code: 'INVALID_OPTION' });
  });
});
