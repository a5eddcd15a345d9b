/** Tests the test kit itself: steps, clock, waits, crashes. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { defineJobs, retryErrors } from 'callsheet';
import { openVirtual } from 'callsheet/testing';
import { allJobs, inside, work } from '../contract/jobs/all.js';
import { forget, openGate, seen } from '../contract/jobs/work.js';

describe('a virtual runtime', () => {
  beforeEach(forget);

  it('[12.1] begins a job only when the test takes a step', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const jobs = await kit.runtime.queue().putAll(['a', 'b', 'c'].map((name) => work.mark(name)));
    assert.deepEqual(seen, []);
    assert.equal(await kit.step(), true);
    assert.deepEqual(seen, ['a']);
    assert.equal(await jobs[0]!.result(), 'a');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c']);
    assert.equal(await kit.step(), false);
  });

  it('[12.1] keeps its clock still, and moves it from event to event', async () => {
    await using kit = await openVirtual({ jobs: allJobs, start: new Date('2031-05-05T00:00:00Z') });
    const queue = kit.runtime.queue();
    const late = await queue.put(work.mark('late'), { beginAfter: 3_600_000 });
    const early = await queue.put(work.mark('early'), { beginAfter: 60_000 });
    await kit.untilIdle();
    assert.deepEqual(seen, []);
    await kit.clock.advance(3_600_000);
    assert.deepEqual(seen, ['early', 'late']);
    assert.deepEqual((await early.details()).endAt, new Date('2031-05-05T00:01:00Z'));
    assert.deepEqual((await late.details()).endAt, new Date('2031-05-05T01:00:00Z'));
    assert.deepEqual(kit.clock.now, new Date('2031-05-05T01:00:00Z'));
    await assert.rejects(kit.clock.advance(-1), RangeError);
  });

  it('runs the files given to it, even if another kit has other files under the same name', async () => {
    const other = defineJobs<typeof import('./jobs/other-work.js')>(
      'work',
      new URL('./jobs/other-work.js', import.meta.url),
    );
    await using first = await openVirtual({ jobs: allJobs });
    assert.equal(await first.run(work.add(1, 2)), 3);
    await using second = await openVirtual({ jobs: [other] });
    assert.equal(await second.run(other.add(1, 2)), 'another file');
    assert.equal(await first.run(work.add(1, 2)), 3);
  });

  it('returns an outcome that a handle has received, even after closing', async () => {
    const kit = await openVirtual({ jobs: allJobs });
    const job = await kit.runtime.queue().put(work.add(1, 2));
    const [many, unasked] = await kit.runtime.queue().putAll([work.add(3, 4), work.add(5, 6)]);
    const waiting = await kit.runtime.queue().put(work.add(1, 2), { beginAfter: 1000 });
    await kit.untilIdle();
    assert.equal(await many!.result(), 7);
    await kit.close();
    assert.deepEqual([await job.result(), await many!.result()], [3, 7]);
    assert.equal(await job.failure(), undefined);
    await assert.rejects(unasked!.result(), { code: 'CLOSED' });
    await assert.rejects(waiting.result(), { code: 'CLOSED' });
  });

  it('[12.1] moves its clock to the next event', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const start = kit.clock.now.getTime();
    await kit.runtime.queue().put(work.mark('late'), { beginAfter: 60_000 });
    assert.equal(await kit.clock.next(), true);
    assert.equal(kit.clock.now.getTime(), start + 60_000);
    assert.deepEqual(seen, ['late']);
    assert.equal(await kit.clock.next(), false);
  });

  it('begins jobs late whose dates its clock skipped when it was set', async () => {
    await using kit = await openVirtual({ jobs: allJobs, start: new Date('2031-05-05T00:00:00Z') });
    const job = await kit.runtime.queue().put(work.mark('early'), {
      beginAfter: new Date('2031-05-05T00:01:00Z'),
    });
    await kit.clock.set(new Date('2031-05-06T00:00:00Z'));
    assert.equal(await kit.waitForResult(job), 'early');
    assert.deepEqual((await job.details()).endAt, new Date('2031-05-06T00:00:00Z'));
  });

  it('[12.1] waits for results, starts, statuses and annotations, and moves the clock for it', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const queue = kit.runtime.queue();
    const retried = await queue.put(work.failUntil(4), { retry: retryErrors({ limit: 5 }) });
    assert.equal(await kit.waitForResult(retried), 4);
    const held = await queue.put(work.hold('held'), { beginAfter: 5_000 });
    await kit.waitForStart(held);
    assert.deepEqual(kit.running, [held.id]);
    assert.equal(await held.status(), 'active');
    openGate('held');
    await kit.waitForStatus(held, 'completed');
    const said = await queue.put(inside.annotate('greeting', 'hello'));
    assert.equal(await kit.waitForAnnotation(said, 'greeting'), 'hello');
    assert.equal(await kit.run(work.add(1, 2)), 3);
  });

  it('fails a wait when no event is left, naming the time and the seed', async () => {
    await using kit = await openVirtual({ jobs: allJobs, seed: 5 });
    const job = await kit.runtime.queue().put(work.mark('late'), { beginAfter: 2_000 });
    await assert.rejects(kit.waitForStart(job, { withinMs: 1_000 }), /begins: nothing is left within 1000 ms.*seed 5/);
  });

  it('rejects invalid dates, and a seed that is no integer', async () => {
    const none = new Date(Number.NaN);
    await assert.rejects(openVirtual({ jobs: allJobs, start: none }), { name: 'RangeError', message: /^`start` must/ });
    for (const seed of [Number.NaN, 0.5])
      await assert.rejects(openVirtual({ jobs: allJobs, seed }), { name: 'RangeError', message: /^`seed` must/ });
    await using kit = await openVirtual({ jobs: allJobs });
    const { now } = kit.clock;
    for (const moment of [none]) {
      await assert.rejects(kit.clock.set(moment), { name: 'RangeError', message: /^`moment` must/ });
      await assert.rejects(kit.clock.advanceTo(moment), { name: 'RangeError', message: /^`moment` must/ });
    }
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, -1])
      await assert.rejects(kit.clock.advance(ms), RangeError);
    assert.deepEqual(kit.clock.now, now);
    assert.equal(await kit.run(work.add(1, 2)), 3);
  });

  it('repeats its randomness for the same seed', async () => {
    const times: number[] = [];
    for (const seed of [1, 1, 2]) {
      await using kit = await openVirtual({ jobs: allJobs, seed });
      const job = await kit.runtime.queue().put(work.failUntil(3), { retry: retryErrors({ limit: 5 }) });
      await kit.waitForResult(job);
      times.push(kit.clock.now.getTime());
    }
    assert.equal(times[0], times[1]);
    assert.notEqual(times[0], times[2]);
  });

  it('[12.1] replaces a killed thread, and runs its job again', async () => {
    await using kit = await openVirtual({ jobs: allJobs, threads: 1 });
    const job = await kit.runtime.queue().put(work.hold('held'));
    await kit.waitForStart(job);
    await kit.killThread();
    await kit.waitForStart(job);
    openGate('held');
    assert.equal(await kit.waitForResult(job), 'held');
    assert.equal((await job.details()).interruptions, 1);
    assert.equal(kit.logs.filter(({ message }) => message.startsWith('a worker thread died')).length, 1);
    assert.deepEqual(kit.fatal, []);
  });

  it('[12.1] keeps the committed changes across a crash', async () => {
    await using kit = await openVirtual({ jobs: allJobs, threads: 1 });
    const queue = kit.runtime.queue();
    const [held, waiting] = await queue.putAll([work.hold('held'), work.mark('waiting')]);
    const light = await queue.put(work.mark('light'), { durability: 'memory' });
    await kit.waitForStart(held!);
    const result = held!.result();
    await kit.crash();
    await assert.rejects(result, { code: 'COORDINATOR_DIED' });
    await assert.rejects(kit.untilIdle(), /not open/);
    assert.deepEqual(kit.fatal, []);
    const runtime = await kit.reopen();
    assert.deepEqual(runtime.found, { jobs: 2, unfinished: 2 });
    openGate('held');
    assert.equal(await kit.waitForResult(runtime.job(held!.id)), 'held');
    assert.equal(await kit.waitForResult(runtime.job(waiting!.id)), 'waiting');
    await assert.rejects(runtime.job(light.id).status(), { code: 'JOB_FORGOTTEN' });
  });

  it('[12.1] names the jobs that are still running when it closes', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const job = await kit.runtime.queue().put(work.holdDeaf('deaf'));
    await kit.waitForStart(job);
    assert.deepEqual(await kit.close({ graceMs: 1000 }), { stillRunning: [`work#holdDeaf ${job.id}`] });
    const runtime = await kit.reopen();
    await kit.waitForStart(runtime.job(job.id));
    openGate('deaf');
    assert.equal(await kit.waitForResult(runtime.job(job.id)), 'deaf');
    assert.deepEqual(await kit.close(), { stillRunning: [] });
  });

  it('runs handlers that wait for something outside the kit', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const job = await kit.runtime.queue().put(work.readOwnFile());
    assert.match((await kit.waitForResult(job)) as string, /contract/);
  });

  it('[12.1] collects fatal log lines', async () => {
    await using kit = await openVirtual({ jobs: allJobs });
    const job = await kit.runtime.queue().put(work.mark('a').onBoth(work.fail.with('no')));
    await kit.waitForStatus(job, 'completed');
    assert.equal(kit.fatal.length, 1);
  });

  it('[12.1] calls the current exports of a module, imported by `importModule`', async (t) => {
    const exported = { add: (a: number, b: number) => a + b };
    const urls: string[] = [];
    const importModule = async (url: string) => {
      urls.push(url);
      return exported;
    };
    await using kit = await openVirtual({ jobs: [work], importModule });
    assert.equal(await kit.run(work.add(1, 2)), 3);
    t.mock.method(exported, 'add', () => 9);
    assert.equal(await kit.run(work.add(1, 2)), 9);
    assert.deepEqual([...new Set(urls)], [new URL('../contract/jobs/work.js', import.meta.url).href]);
    exported.add = undefined as never;
    await assert.rejects(kit.run(work.add(1, 2)), { message: /work exports no function named add/ });
  });
});
