/** Section 8 of the contract: retries. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Failure,
  type Job,
  type Part,
  type RetryPolicy,
  retryDefault,
  retryErrors,
  retryForever,
  retryNever,
} from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, opened } from './opened.js';

/** Kills the job's thread at each of its starts; returns the number of starts. */
async function killUntilEnded(kit: Kit, job: Job, most: number): Promise<number> {
  for (let begun = 0; begun < most; begun++) {
    await kit.untilIdle();
    const isOver = async () => (await job.details()).endAt !== undefined;
    while (!kit.running.includes(job.id) && !(await isOver()) && (await kit.clock.next()));
    if (await isOver()) return begun;
    await kit.killThread();
  }
  return most;
}

describe('8 retry policies', () => {
  for (const [name, policy] of [
    ['default', retryDefault],
    ['retryForever', retryForever],
    ['retryNever', retryNever],
  ] as const) {
    it(`[8.2] do not retry own errors with ${name}`, async (t) => {
      const kit = await opened(t);
      const job = await kit.runtime.queue().put(work.fail('no'), { retry: policy });
      await kit.waitForStatus(job, 'completed');
      await failedWith(job, 'OrderError');
      assert.equal((await job.details()).attempts, 1);
    });
  }

  it('[8.4] keep the end of the thread as the cause of the failure, and show it with the interruption', async (t) => {
    const kit = await opened(t);
    const events = kit.runtime.events();
    const job = await kit.runtime.queue().put(work.hold('held'), { retry: retryNever });
    await kit.waitForStart(job);
    await kit.killThread();
    await kit.waitForStatus(job, 'completed');
    const failure = (await job.failure())!;
    assert.match(failure.message, /its thread died \(Error: a virtual thread was killed\)$/);
    assert.equal((failure.cause as Failure).message, 'a virtual thread was killed');
    assert.ok((failure.cause as Failure).stack);
    for await (const event of events) {
      if (event.type !== 'job.interrupted') continue;
      const { cause, error } = event.interruption!;
      assert.deepEqual([cause, error?.message], ['thread', 'a virtual thread was killed']);
      break;
    }
  });

  for (const [name, policy, starts] of [
    ['the default', retryDefault, 10],
    ['retryErrors', retryErrors({ limit: 2 }), 10],
    ['retryNever', retryNever, 1],
  ] as [string, RetryPolicy, number][]) {
    it(`[8.2] begin an interrupted job ${starts} times in all with ${name}`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const job = await kit.runtime.queue().put(work.hold('job'), { retry: policy });
      assert.equal(await killUntilEnded(kit, job, 30), starts);
      await failedWith(job, 'JobInterruptedError');
      const { attempts, interruptions } = await job.details();
      assert.deepEqual({ attempts, interruptions }, { attempts: starts, interruptions: starts });
    });
  }

  it('[8.2] begin an interrupted job without limit with retryForever', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.hold('job'), { retry: retryForever });
    assert.equal(await killUntilEnded(kit, job, 30), 30);
    await kit.untilIdle();
    openGate('job');
    assert.equal(await kit.waitForResult(job), 'job');
  });

  it('[8.2] begin a job once at most with retryNever, over a crash and a clean close too', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const [first, second] = await queue.putAll([work.hold('first'), work.hold('second')], { retry: retryNever });
    await kit.waitForStart(first!);
    await kit.crash();
    await kit.reopen();
    await kit.untilIdle();
    await failedWith(kit.runtime.job(first!.id), 'JobInterruptedError');
    const third = await kit.runtime.queue().put(work.hold('third'), { retry: retryNever });
    await kit.waitForStart(third);
    await kit.close();
    await kit.reopen();
    await kit.untilIdle();
    await failedWith(kit.runtime.job(third.id), 'JobInterruptedError');
    assert.ok(seen.filter((name) => name === 'first').length === 1);
    assert.ok(seen.filter((name) => name === 'third').length === 1);
    assert.ok(seen.filter((name) => name === 'second').length <= 1);
    assert.ok(second !== undefined);
  });

  it('[8.2] retry own errors with retryErrors up to its limit, later each time', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 4, backoff: { initialMs: 1_000, factor: 3, maxMs: 20_000, jitter: 0 } });
    const job = await kit.runtime.queue().put(work.failUntil(9), { retry });
    const start = kit.clock.now.getTime();
    const due: number[] = [];
    for (let retries = 1; retries <= 4; retries++) {
      await kit.waitFor(`${retries} retries`, async () => (await job.details()).errors === retries);
      due.push((await job.details()).dueAt!.getTime() - kit.clock.now.getTime());
    }
    await kit.waitForStatus(job, 'completed');
    assert.deepEqual(due, [1_000, 3_000, 9_000, 20_000]);
    assert.equal(kit.clock.now.getTime() - start, 33_000);
    assert.equal((await job.failure())?.message, 'attempt 5');
  });

  it('[8.2] retry only errors with the names given to retryErrors, their own or of a class', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const put = (only: string[]) => queue.put(work.failUntil(2), { retry: retryErrors({ limit: 5, only }) });
    const [own, base, other] = [await put(['OrderError']), await put(['RangeError']), await put(['TypeError'])];
    assert.equal(await kit.waitForResult(own), 2);
    assert.equal(await kit.waitForResult(base), 2);
    await kit.waitForStatus(other, 'completed');
    await failedWith(other, 'OrderError');
  });

  it('[8.2] randomise a part of the delay by the jitter of retryErrors', async (t) => {
    const kit = await opened(t, { seed: 7 });
    const retry = retryErrors({ limit: 1, backoff: { initialMs: 10_000, jitter: 0.5 } });
    const jobs = await kit.runtime.queue().putAll(Array.from({ length: 20 }, () => work.fail('no').with({ retry })));
    await kit.untilIdle();
    const delays = await Promise.all(
      jobs.map(async (job) => (await job.details()).dueAt!.getTime() - kit.clock.now.getTime()),
    );
    assert.ok(new Set(delays).size > 15, `${delays}`);
    assert.ok(
      delays.every((delay) => delay >= 5_000 && delay <= 10_000),
      `${delays}`,
    );
  });

  it('[8.2] reject invalid options', () => {
    const wrong = [
      { limit: -1 },
      { limit: 1.5 },
      { limit: 1, backoff: { factor: 0 } },
      { limit: 1, backoff: { jitter: 2 } },
    ];
    for (const options of wrong) assert.throws(() => retryErrors(options), { code: 'INVALID_OPTION' });
  });

  it('[8.1] put a retry at once in front of the line, and a later one in its place by date', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const atOnce = retryErrors({ limit: 1, backoff: { initialMs: 0 } });
    const later = retryErrors({ limit: 1, backoff: { initialMs: 10, jitter: 0 } });
    const jobs: Part[] = [
      work.failUntil(2).with({ retry: atOnce }),
      work.failUntil(2).with({ retry: later }),
      work.mark('behind'),
    ];
    const put = await queue.putAll(jobs);
    for (const job of put) await kit.waitForResult(job);
    assert.deepEqual(seen, ['attempt 1', 'attempt 2', 'attempt 1', 'behind', 'attempt 2']);
  });

  it('[8.1] keep the policy’s own data with the job, over crashes', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 3, backoff: { initialMs: 1_000, jitter: 0 } });
    const { id } = await kit.runtime.queue().put(work.failUntil(9), { retry });
    for (let crashes = 0; crashes < 3; crashes++) {
      await kit.clock.advance(1_000 * 2 ** crashes - 1);
      await kit.crash();
      await kit.reopen();
    }
    await kit.waitForStatus(kit.runtime.job(id), 'completed');
    assert.deepEqual(seen, ['attempt 1', 'attempt 2', 'attempt 3', 'attempt 4']);
  });

  it('[8.1] keep the policy’s own data with parts and callbacks too', async (t) => {
    const kit = await opened(t);
    const retry = retryErrors({ limit: 1, backoff: { initialMs: 5 } });
    const job = await kit.runtime.queue().put(work.mark('job'));
    const callback = await job.addCallback(work.failUntil(2).with({ retry }) as never);
    assert.equal(await kit.waitForResult(callback), 2);
  });

  it('[8.3] count and show each attempt and each interruption', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const retry = retryErrors({ limit: 5, backoff: { initialMs: 10 } });
    const job = await kit.runtime.queue().put(work.failThenHold('job'), { retry });
    await kit.waitFor('the second run', () => seen.length === 1);
    for (let kills = 0; kills < 2; kills++) {
      await kit.killThread();
      await kit.clock.advance(1_000);
    }
    const { attempts, errors, interruptions } = await job.details();
    assert.deepEqual({ attempts, errors, interruptions }, { attempts: 4, errors: 1, interruptions: 2 });
  });

  it('[8.3] record an interruption by a clean close without counting it', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime.queue().put(work.hold('job'));
    for (let closes = 0; closes < 15; closes++) {
      await kit.untilIdle();
      await kit.close();
      await kit.reopen();
    }
    await kit.untilIdle();
    const { attempts, interruptions } = await kit.runtime.job(id).details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 16, interruptions: 0 });
    openGate('job');
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 'job');
  });

  it('[8.4] count the deaths for a job that kills its process, give it up, and count none for its neighbours', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const [first, poison, ...others] = await queue.putAll([
      ...['a', 'poison'].map((name) => work.hold(name)),
      ...['b', 'c'].map((name) => work.mark(name)),
    ]);
    const isOver = async () => (await kit.runtime.job(poison!.id).details()).endAt !== undefined;
    await kit.untilIdle();
    let deaths = 0;
    for (; deaths < 30; deaths++) {
      // A neighbour may run before it, and goes on until it is cleared.
      await kit.untilIdle();
      while (!kit.running.includes(poison!.id) && !(await isOver()) && (await kit.clock.next()));
      if (await isOver()) break;
      assert.ok(kit.running.includes(poison!.id), 'no other job begins');
      await kit.crash();
      await kit.reopen();
    }
    await failedWith(kit.runtime.job(poison!.id), 'JobInterruptedError');
    // Before it runs alone it cannot be distinguished from its neighbours, so earlier deaths are
    // not counted.
    assert.ok(deaths >= 10 && deaths <= 12, `${deaths} deaths`);
    openGate('a');
    for (const { id } of [first!, ...others]) {
      assert.ok(await kit.waitForResult(kit.runtime.job(id)));
      assert.equal((await kit.runtime.job(id).details()).interruptions, 0);
    }
    assert.equal(seen.filter((name) => name === 'poison').length, deaths);
  });

  it('[8.4] rerun a job at once after the first death of its thread, then after growing delays', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.hold('poison'));
    const waits: number[] = [];
    for (let deaths = 1; deaths <= 9; deaths++) {
      await kit.waitForStart(job);
      await kit.killThread();
      const { dueAt } = await job.details();
      waits.push(dueAt === undefined ? 0 : dueAt.getTime() - kit.clock.now.getTime());
    }
    assert.equal(waits.shift(), 0);
    for (const [index, longest] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      const waited = waits[index]! / 1_000;
      assert.ok(waited >= 0.8 * longest && waited <= longest, `${waited} s of at most ${longest} s`);
    }
  });

  it('[8.4] run the jobs behind poison jobs between their reruns', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const queue = kit.runtime.queue();
    const poisons = await queue.putAll([work.hold('a'), work.hold('b')]);
    await queue.putAll(['one', 'two', 'three'].map((name) => work.mark(name)));
    for (let deaths = 1; deaths <= 2; deaths++) {
      for (const poison of poisons) await kit.waitForStart(poison);
      await kit.killThread(1);
      await kit.killThread(0);
    }
    await kit.untilIdle();
    assert.deepEqual(seen.slice(4), ['one', 'two', 'three']);
  });

  it('[8.4] run the jobs behind a job that kills its process before its third run', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const poison = await queue.put(work.hold('poison'));
    await queue.putAll(['one', 'two'].map((name) => work.mark(name)));
    for (let deaths = 1; deaths <= 2; deaths++) {
      await kit.untilIdle();
      await kit.crash();
      await kit.reopen();
    }
    await kit.waitFor('the third run', () => seen.length === 5);
    assert.deepEqual(seen, ['poison', 'poison', 'one', 'two', 'poison']);
    await kit.crash();
    await kit.reopen();
    const { dueAt, attempts, interruptions } = await kit.runtime.job(poison.id).details();
    assert.ok(dueAt! > kit.clock.now);
    assert.deepEqual({ attempts, interruptions }, { attempts: 3, interruptions: 1 });
  });

  it('[8.4] count no death for a job that was only claimed', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime.queue().put(work.mark('job'));
    await kit.crash();
    await kit.reopen();
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 'job');
    assert.deepEqual(seen, ['job']);
    const { attempts, interruptions } = await kit.runtime.job(id).details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 0 });
  });

  it('[8.3] repeat no attempt number when the process dies before a start is written', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime.queue().put(work.failUntil(3));
    for (let crashes = 1; crashes <= 2; crashes++) {
      await kit.crash();
      await kit.reopen();
    }
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 3);
    assert.deepEqual(seen, ['attempt 3']);
  });

  it('[2.5] expire a job that was claimed when the process died and is late at the next open', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime.queue().put(work.mark('job'), { beginByMs: 1_000 });
    await kit.crash();
    await kit.clock.set(new Date(kit.clock.now.getTime() + 2_000));
    await kit.reopen();
    await kit.untilIdle();
    await failedWith(kit.runtime.job(id), 'JobExpiredError');
    assert.deepEqual(seen, []);
  });
});
