/** Section 14 of the contract: recurring jobs. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type CurrentSchedule, parallel, type Queue, type ScheduleOptions } from 'callsheet';
import { newId } from '../../src/codec/id.js';
import type { ScheduleRecord } from '../../src/core/records.js';
import { Kit } from '../../src/testing/kit.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { KeptRecords } from '../../src/testing/virtual-store.js';
import { allJobs, inside, work } from './jobs/all.js';
import { forget, openGate, seen } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

const minuteMs = 60_000;
const dayMs = 24 * hourMs;

async function started(
  t: TestContext,
  options: Parameters<typeof opened>[1] = {},
): Promise<{ kit: Kit; queue: Queue }> {
  const kit = await opened(t, options);
  return { kit, queue: kit.runtime.queue() };
}

const texts = (dates: readonly Date[]) => dates.map((date) => date.toISOString());

/** Closes the kit, lets time pass, and opens it again. */
async function closedFor(kit: Kit, ms: number): Promise<void> {
  await kit.close();
  await kit.clock.set(new Date(kit.clock.now.getTime() + ms));
  await kit.reopen();
  await kit.untilIdle();
}

describe('14 a schedule', () => {
  it('[14.1] puts one job at each tick, by a pattern in a zone or by an interval', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('daily', work.mark('daily'), { cron: '30 2 * * *', zone: 'Asia/Tokyo' });
    await queue.schedule('often', work.mark('often'), { every: '6h' });
    await kit.clock.advance(dayMs);
    assert.deepEqual(seen, ['often', 'often', 'daily', 'often', 'often']);
    const jobs = await kit.runtime.schedule('daily').history();
    assert.deepEqual(texts(jobs.map(({ at }) => at)), ['2030-01-01T17:30:00.000Z']);
    assert.deepEqual((await jobs[0]!.job.details()).putAt, jobs[0]!.at);
  });

  it('[14.1] changes nothing when it is set again, also after a restart', async (t) => {
    const { kit, queue } = await started(t);
    const set = () => kit.runtime.queue().schedule('s', work.mark('s'), { every: hourMs, missed: 'skip' });
    await set();
    await kit.clock.advance(90 * minuteMs);
    const before = await kit.runtime.schedule('s').details();
    await set();
    await kit.close();
    await kit.reopen();
    await set();
    assert.deepEqual(await kit.runtime.schedule('s').details(), before);
    assert.equal((await queue.details().catch(() => undefined))?.length ?? 0, 0);
    await kit.clock.advance(30 * minuteMs);
    assert.deepEqual(seen, ['s', 's']);
  });

  it('[14.1] is replaced by another job, which keeps the next tick, or by other ticks', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('old'), { every: hourMs });
    await kit.clock.advance(50 * minuteMs);
    await queue.schedule('s', work.mark('new'), { every: hourMs });
    await kit.clock.advance(10 * minuteMs);
    assert.deepEqual(seen, ['new']);
    await queue.schedule('s', work.mark('new'), { every: '10m' });
    await kit.clock.advance(10 * minuteMs);
    assert.deepEqual(seen, ['new', 'new']);
    assert.equal((await kit.runtime.schedules()).length, 1);
  });

  it('[14.1] puts compositions with callbacks and options, each time with the delays of the put', async (t) => {
    const { kit, queue } = await started(t);
    await queue.setQuota('q', { size: 1 });
    const parts = [work.mark('a').with({ quotas: ['q'] }), work.mark('b').with({ beginAfter: minuteMs })];
    const whole = parallel(parts, { postprocess: work.list }).onBoth(work.mark.with('then') as never);
    await queue.schedule('s', whole, { every: hourMs });
    await kit.clock.advance(minuteMs);
    for (let hour = 0; hour < 2; hour++) {
      await kit.clock.advance(hourMs - minuteMs);
      assert.deepEqual(seen.splice(0), ['a']);
      await kit.clock.advance(minuteMs);
      assert.deepEqual(seen.splice(0), ['b', 'postprocess', 'then']);
    }
  });

  it('[14.1] has no tick before `from` and none after `until`', async (t) => {
    const { kit, queue } = await started(t);
    const at = (hour: number, minute = 0) => new Date(Date.UTC(2030, 0, 1, hour, minute));
    const limits = { from: at(2), until: at(4) };
    const even = await queue.schedule('even', work.mark('even'), { every: hourMs, ...limits });
    await queue.schedule('cron', work.mark('cron'), { cron: '30 * * * *', ...limits });
    const past = { from: new Date(0), until: new Date(Date.UTC(2029, 0)) };
    await queue.schedule('over', work.mark('over'), { every: hourMs, ...past });
    assert.deepEqual(texts(await even.next(9)), texts([at(2), at(3), at(4)]));
    await kit.clock.advance(150 * minuteMs);
    assert.deepEqual(seen, ['even', 'cron']);
    await closedFor(kit, 10 * hourMs);
    assert.deepEqual([...seen].sort(), ['cron', 'cron', 'even', 'even'], 'the latest missed tick of each');
    const { nextAt, lastAt, missedCount, from, until } = await kit.runtime.schedule('even').details();
    assert.deepEqual(
      { nextAt, lastAt, missedCount, from, until },
      { nextAt: undefined, lastAt: at(4), missedCount: 1, ...limits },
    );
    assert.deepEqual(await kit.runtime.schedule('over').next(), []);
    await kit.runtime.queue().schedule('even', work.mark('even'), { every: hourMs, from: at(2), until: at(14) });
    await kit.clock.advance(5 * hourMs);
    assert.equal((await kit.runtime.schedule('even').details()).fired, 4, 'a later end lets it tick once more');
  });

  it('[14.1] has its next tick computed anew when the data of time zones has changed', async (t) => {
    forget();
    const kept = new KeptRecords();
    const clock = new VirtualClock(Date.UTC(2030, 0));
    const dispatcher = newId();
    const open = async () => {
      const kit = new Kit({ jobs: allJobs }, { clock, keeping: kept, dispatcher });
      await kit.reopen();
      t.after(() => kit.close());
      return kit;
    };
    const first = await open();
    const options = { cron: '0 12 * * *', zone: 'Europe/Berlin' };
    await first.runtime.queue().schedule('s', work.mark('s'), options);
    await first.runtime.queue().schedule('same', work.mark('same'), options);
    const noon = new Date('2030-01-01T11:00:00Z');
    assert.deepEqual((await first.runtime.schedule('s').details()).nextAt, noon);
    await first.close();
    // As a build would have stored them that knew another offset of Berlin.
    const other = (name: string, change: Partial<ScheduleRecord>) => {
      const [key, record] = [...kept.settings()].find(([, one]) => one.kind === 'schedule' && one.name === name)!;
      kept.keep({
        jobs: [],
        forgotten: [],
        annotations: [],
        settings: [[key, { ...(record as ScheduleRecord), ...change }]],
      } as never);
    };
    other('s', { nextAt: noon.getTime() + hourMs, zones: '1999a' });
    other('same', { nextAt: noon.getTime() + hourMs });
    const second = await open();
    await second.untilIdle();
    assert.deepEqual((await second.runtime.schedule('s').details()).nextAt, noon);
    assert.deepEqual((await second.runtime.schedule('same').details()).nextAt, new Date(noon.getTime() + hourMs));
    await second.clock.advance(12 * hourMs);
    assert.deepEqual(seen, ['s', 'same']);
  });

  it('[14.1] survives a crash: the tick that was committed has its job, and no tick has two', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { every: hourMs });
    for (let hour = 0; hour < 5; hour++) {
      await kit.clock.advance(hourMs);
      await kit.crash();
      await kit.reopen();
      await kit.untilIdle();
    }
    assert.equal(seen.length, 5);
    assert.equal((await kit.runtime.schedule('s').details()).fired, 5);
  });

  it('[14.1] goes on when its job can no longer be put, and logs why', async (t) => {
    const { kit, queue } = await started(t);
    await queue.setQuota('q', { size: 1 });
    await queue.schedule('s', work.mark('s').with({ quotas: ['q'] }), { every: hourMs });
    await queue.removeQuota('q');
    await kit.clock.advance(2 * hourMs);
    const lines = kit.logs.filter(({ level, message }) => level === 'error' && /schedule "s" could not/.test(message));
    assert.equal(lines.length, 2);
    await queue.setQuota('q', { size: 1 });
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['s']);
  });

  it('[14.1] counts as no job', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { every: hourMs });
    assert.equal(await queue.length(), 0);
    await queue.drain();
    assert.deepEqual(await kit.runtime.monitor.counts(), []);
    assert.deepEqual((await kit.runtime.monitor.status()).jobs.new, 0);
    assert.equal((await kit.runtime.stats()).jobs, 0);
    assert.deepEqual(await kit.runtime.monitor.stats(), []);
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['s']);
    await kit.close();
    await kit.reopen();
    assert.deepEqual(kit.runtime.found, { jobs: 1, unfinished: 0 });
  });

  it('[14.1] is refused with the place of the mistake', async (t) => {
    const { kit, queue } = await started(t);
    const job = work.mark('s');
    const bad: [options: ScheduleOptions, message: RegExp][] = [
      [{}, /either `cron` or `every`/],
      [{ cron: '* * * * *', every: 5000 }, /either `cron` or `every`/],
      [{ cron: 'banana' }, /`cron` must be a cron pattern/],
      [{ cron: '61 * * * *' }, /`cron` must be a cron pattern/],
      [{ cron: '2031-01-01T00:00:00' }, /`cron` must be a cron pattern/],
      [{ cron: '0 0 31 2 *' }, /`cron` must match a date/],
      [{ cron: '0 0 * * *', zone: 'Mars/Olympus' }, /`zone` must be the IANA name/],
      [{ cron: '0 0 * * *', anchor: new Date() }, /`anchor` must be left out/],
      [{ every: 999 }, /`every`/],
      [{ every: '15 minutes' }, /`every` must be at least a second/],
      [{ every: '0.5s' }, /`every` must be at least a second/],
      [{ every: '5m', zone: 'UTC' }, /`zone` must be left out/],
      [{ every: '5m', missed: 'some' as 'one' }, /`missed`/],
      [{ every: '5m', overlap: 'maybe' as 'skip' }, /`overlap`/],
      [{ every: '5m', windowMs: -1 }, /`windowMs`/],
      [{ every: '5m', jitterMs: -1 }, /`jitterMs`/],
      [{ every: '5m', jiter: 1 } as ScheduleOptions, /jiter/],
      [{ every: '5m', from: '2030' as never }, /`from` must be a valid Date/],
      [{ every: '5m', until: new Date(Number.NaN) }, /`until` must be a valid Date/],
      [{ every: '5m', from: new Date(2), until: new Date(1) }, /`until` must not be before `from`/],
      [{ every: '5m', from: new Date(1), until: new Date(2) }, /`until` must leave a tick after `from`/],
    ];
    for (const [options, message] of bad)
      await assert.rejects(queue.schedule('s', job, options), { code: 'INVALID_OPTION', message });
    for (const given of [{ beginAfter: 1 }, { unique: 'k' }, { held: true }])
      await assert.rejects(queue.schedule('s', job.with(given), { every: '5m' }), { code: 'INVALID_OPTION' });
    const unknown = kit.runtime.queue('nowhere').schedule('s', job, { every: '5m' });
    await assert.rejects(unknown, { code: 'UNKNOWN_QUEUE' });
    const quota = queue.schedule('s', job.with({ quotas: ['none'] }), { every: '5m' });
    await assert.rejects(quota, { code: 'UNKNOWN_QUOTA' });
    assert.deepEqual(await kit.runtime.schedules(), []);
    const there = kit.runtime.schedule('s');
    for (const call of [there.details(), there.pause(), there.resume(), there.trigger(), there.next(), there.remove()])
      await assert.rejects(call, { code: 'UNKNOWN_SCHEDULE', message: /"s"/ });
  });
});

describe('14 a tick that was missed', () => {
  const hours = (count: number) => Array.from({ length: count }, () => 's');

  it('[14.2] runs once for all by default, not at all, or each, within a window', async (t) => {
    for (const [options, expected, missed] of [
      [{}, hours(1), 4],
      [{ missed: 'skip' }, [], 5],
      [{ missed: 'all' }, hours(5), 0],
      [{ missed: 'all', windowMs: 150 * minuteMs }, hours(3), 2],
      [{ missed: 'one', windowMs: 10 * minuteMs }, [], 5],
    ] as const) {
      const { kit, queue } = await started(t);
      const events = kit.runtime.events();
      await queue.schedule('s', work.mark('s'), { every: hourMs, overlap: 'allow', ...options });
      await closedFor(kit, 5 * hourMs + 20 * minuteMs);
      assert.deepEqual(seen, expected, JSON.stringify(options));
      const { missedCount, lastAt } = await kit.runtime.schedule('s').details();
      assert.deepEqual([missedCount, lastAt], [missed, new Date('2030-01-01T05:00:00Z')]);
      await kit.clock.advance(40 * minuteMs);
      assert.equal(seen.length, expected.length + 1, 'the next one is in time');
      await events.return();
    }
  });

  it('[14.2] is counted for a pattern up to a hundred', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { cron: '* * * * *' });
    await closedFor(kit, 50 * minuteMs + 30_000);
    assert.deepEqual([seen.length, (await kit.runtime.schedule('s').details()).missedCount], [1, 49]);
    await closedFor(kit, 10 * dayMs);
    assert.deepEqual([seen.length, (await kit.runtime.schedule('s').details()).missedCount], [2, 149]);
    assert.equal((await kit.runtime.schedule('s').next())[0]?.getTime(), kit.clock.now.getTime() + 30_000);
  });

  it('[14.2] is an event, and known to the job that runs', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', inside.tick, { every: hourMs });
    await kit.clock.advance(hourMs);
    await kit.close();
    await kit.clock.set(new Date(kit.clock.now.getTime() + 3 * hourMs));
    await kit.reopen();
    await kit.untilIdle();
    const [last] = await kit.runtime.schedule('s').history(1);
    const tick = await kit.waitForResult(last!.job);
    const [first, now] = [new Date('2030-01-01T01:00:00Z'), new Date('2030-01-01T04:00:00Z')];
    assert.deepEqual(tick, { name: 's', at: now, previousSuccess: first, missed: 2 });
  });

  it('[14.2] fires nothing twice after the clock was set back', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { every: hourMs });
    await kit.clock.advance(2 * hourMs);
    await kit.clock.set(new Date(kit.clock.now.getTime() - 90 * minuteMs));
    await kit.clock.advance(90 * minuteMs);
    assert.equal(seen.length, 2);
    await kit.clock.advance(hourMs);
    assert.equal(seen.length, 3);
  });

  it('[14.2] counts as missed after the clock was set forward', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { every: hourMs });
    await kit.clock.set(new Date(kit.clock.now.getTime() + 5 * hourMs));
    await kit.untilIdle();
    assert.deepEqual([seen.length, (await kit.runtime.schedule('s').details()).missedCount], [1, 4]);
  });
});

describe('14 ticks that overlap', () => {
  it('[14.2] pass while a job of the schedule is not completed, by default', async (t) => {
    const { kit, queue } = await started(t);
    const events = kit.runtime.events();
    await queue.schedule('s', work.hold('s'), { every: hourMs });
    await kit.clock.advance(3 * hourMs);
    assert.deepEqual(seen, ['s']);
    assert.equal((await kit.runtime.schedule('s').details()).skipped, 2);
    openGate('s');
    await kit.clock.advance(hourMs);
    assert.equal(seen.length, 2);
    const found = [];
    for await (const event of events) {
      if (event.type.startsWith('schedule.')) found.push(event);
      if (found.length === 2) break;
    }
    const tick = new Date('2030-01-01T03:00:00Z');
    assert.deepEqual(found[1], { type: 'schedule.skipped', schedule: 's', at: tick, tick, count: 1 });
  });

  it('[14.2] wait for its end, one at most, with `queue`', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.hold('s'), { every: hourMs, overlap: 'queue' });
    await kit.clock.advance(3 * hourMs);
    assert.deepEqual(seen, ['s']);
    const jobs = (await kit.runtime.schedule('s').history()).map(({ job }) => job);
    assert.deepEqual(await Promise.all(jobs.map((job) => job.status())), ['new', 'active']);
    openGate('s');
    await kit.untilIdle();
    assert.equal(seen.length, 2);
    assert.deepEqual(await Promise.all(jobs.map((job) => job.status())), ['completed', 'completed']);
  });

  it('[14.2] may be put by hand while they wait', async (t) => {
    const { kit, queue } = await started(t);
    await queue.setAgent('main', { size: 1 });
    await queue.schedule('s', work.hold('s'), { every: hourMs, overlap: 'queue' });
    await kit.clock.advance(2 * hourMs);
    const [waiting, live] = (await kit.runtime.schedule('s').history()).map(({ job }) => job);
    await queue.put(waiting!);
    openGate('s');
    await kit.untilIdle();
    assert.deepEqual(await Promise.all([live!.status(), waiting!.status()]), ['completed', 'completed']);
  });

  it('[14.2] run beside each other with `allow`', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.hold('s'), { every: hourMs, overlap: 'allow' });
    await kit.clock.advance(2 * hourMs);
    assert.equal(kit.running.length, 2);
  });

  it('[14.2] cancel the job, and run when it has ended, with `replace`', async (t) => {
    const { kit, queue } = await started(t, { stopGraceMs: 5000 });
    await queue.schedule('s', work.holdDeaf('s'), { every: hourMs, overlap: 'replace' });
    await kit.clock.advance(2 * hourMs);
    assert.deepEqual(seen, ['s'], 'it is asked to stop');
    await kit.clock.advance(5000);
    assert.deepEqual([seen, kit.running.length], [['s', 's'], 1]);
    const [, old] = await kit.runtime.schedule('s').history();
    assert.equal((await old!.job.failure())?.name, 'JobCancelledError');
  });

  it('[14.2] replace the job that waits too, and wait for its callbacks', async (t) => {
    const { kit, queue } = await started(t, { stopGraceMs: dayMs });
    const job = work.holdDeaf('s').onBoth(work.hold.with('then') as never);
    const schedule = await queue.schedule('s', job, { every: hourMs, overlap: 'replace' });
    await kit.clock.advance(3 * hourMs);
    const jobs = (await schedule.history()).map(({ job }) => job);
    assert.deepEqual(await Promise.all(jobs.map((one) => one.status())), ['new', 'callbacks', 'active']);
    openGate('s');
    openGate('then');
    await kit.untilIdle();
    assert.equal(await jobs[0]!.result(), 's');
    assert.equal((await schedule.details()).skipped, 0);
  });

  it('[14.2] end with the job, however it ends', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.hold('s'), { every: hourMs });
    await kit.clock.advance(hourMs);
    const [last] = await kit.runtime.schedule('s').history();
    await last!.job.cancel();
    await kit.clock.advance(hourMs);
    assert.deepEqual([seen.length, kit.running.length], [2, 1]);
  });
});

describe('14 the jitter of a schedule', () => {
  it('[14.2] delays each tick by less than its limit, and equally in each process', async (t) => {
    const delays: number[][] = [];
    for (let run = 0; run < 2; run++) {
      const { kit, queue } = await started(t);
      await queue.schedule('s', inside.tick, { every: hourMs, jitterMs: 30 * minuteMs, overlap: 'allow' });
      await kit.clock.advance(10 * hourMs + 30 * minuteMs);
      const jobs = (await kit.runtime.schedule('s').history()).reverse();
      assert.equal(jobs.length, 10);
      const found = await Promise.all(
        jobs.map(async ({ at, job }) => {
          assert.deepEqual(((await job.result()) as CurrentSchedule).at, at, 'the tick is its own');
          return (await job.details()).firstStartAt!.getTime() - at.getTime();
        }),
      );
      assert.ok(found.every((ms) => ms >= 0 && ms < 30 * minuteMs));
      assert.ok(new Set(found).size > 5);
      delays.push(found);
    }
    assert.deepEqual(delays[0], delays[1]);
  });
});

describe('14 the handle of a schedule', () => {
  it('[14.3] pauses and resumes it, also over a restart; ticks in between do not run', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.mark('s'), { every: hourMs, missed: 'all' });
    await schedule.pause();
    await kit.clock.advance(150 * minuteMs);
    await kit.close();
    await kit.reopen();
    const again = kit.runtime.schedule('s');
    assert.deepEqual([(await again.details()).paused, (await again.details()).nextAt], [true, undefined]);
    await kit.runtime.queue().schedule('s', work.mark('other'), { every: hourMs, missed: 'all' });
    assert.ok((await again.details()).paused, 'a deployment does not resume it');
    await again.resume();
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['other']);
    assert.equal((await again.details()).missedCount, 0);
  });

  it('[14.1] ticks after a restart whose first command was refused', async (t) => {
    const { kit, queue } = await started(t);
    await queue.schedule('s', work.mark('s'), { every: hourMs });
    await kit.close();
    await kit.reopen();
    await assert.rejects(kit.runtime.schedule('other').pause(), { code: 'UNKNOWN_SCHEDULE' });
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['s']);
  });

  it('[14.3] runs it now, whatever it does otherwise', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', inside.tick, { every: hourMs });
    await schedule.pause();
    await kit.clock.advance(minuteMs);
    const tick = (await kit.waitForResult(await schedule.trigger())) as CurrentSchedule;
    assert.deepEqual([tick.name, tick.at], ['s', new Date('2030-01-01T00:01:00Z')]);
    await schedule.resume();
    assert.deepEqual(texts(await schedule.next()), ['2030-01-01T01:00:00.000Z']);
  });

  it('[14.3] is refused if its job can no longer be put, and puts nothing then', async (t) => {
    const { kit, queue } = await started(t);
    await queue.setQuota('q');
    const schedule = await queue.schedule('s', work.mark('s').with({ quotas: ['q'] }), { every: hourMs });
    await queue.removeQuota('q');
    await assert.rejects(schedule.trigger(), { code: 'UNKNOWN_QUOTA' });
    await assert.rejects(schedule.backfill(new Date(0), new Date(2 * hourMs)), { code: 'UNKNOWN_QUOTA' });
    assert.deepEqual([(await schedule.details()).fired, await schedule.history()], [0, []]);
    await kit.untilIdle();
    assert.deepEqual(seen, []);
  });

  it('[14.3] fills in ticks that have no job, in order', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', inside.tick, { every: hourMs });
    await kit.clock.advance(hourMs);
    const from = new Date('2029-12-31T22:00:00Z');
    const jobs = await schedule.backfill(from, kit.clock.now);
    const ticks = [];
    for (const job of jobs) ticks.push(((await kit.waitForResult(job)) as CurrentSchedule).at);
    assert.deepEqual(texts(ticks), [
      '2029-12-31T22:00:00.000Z',
      '2029-12-31T23:00:00.000Z',
      '2030-01-01T00:00:00.000Z',
    ]);
    assert.deepEqual(await schedule.backfill(from, kit.clock.now), []);
    await assert.rejects(schedule.backfill(new Date('2020-01-01T00:00:00Z'), kit.clock.now), {
      code: 'INVALID_OPTION',
    });
    await assert.rejects(schedule.backfill(kit.clock.now, from), { code: 'INVALID_OPTION' });
    const first = await schedule.backfill(new Date(0), new Date(2 * hourMs));
    assert.deepEqual(
      await Promise.all(first.map(async (job) => ((await kit.waitForResult(job)) as CurrentSchedule).at)),
      [new Date(hourMs), new Date(2 * hourMs)],
    );
  });

  it('[14.3] fills in no tick that had another job, and each tick before its time once', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.mark('first'), { every: hourMs });
    await kit.clock.advance(hourMs);
    await queue.schedule('s', work.mark('second'), { every: hourMs });
    const [from, to] = [kit.clock.now, new Date(kit.clock.now.getTime() + 2 * hourMs)];
    assert.equal((await schedule.backfill(from, to)).length, 2);
    await kit.clock.advance(3 * hourMs);
    assert.deepEqual(seen, ['first', 'second', 'second', 'second']);
    const { fired, skipped, missedCount } = await schedule.details();
    assert.deepEqual([fired, skipped, missedCount], [4, 0, 0]);
  });

  it('[14.3] shows the next ticks and the last jobs', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.mark('s'), { cron: '0 12 * * MON', zone: 'Europe/Berlin' });
    const next = ['2030-01-07T11:00:00.000Z', '2030-01-14T11:00:00.000Z'];
    assert.deepEqual(texts(await schedule.next(2)), next);
    await kit.clock.advance(15 * dayMs);
    assert.deepEqual(texts((await schedule.history()).map(({ at }) => at)), next.reverse());
    assert.deepEqual(texts((await schedule.history(1)).map(({ at }) => at)), [next[0]]);
    const { fired, lastAt, lastSuccessAt, zone, everyMs } = await schedule.details();
    const last = new Date(next[0]!);
    assert.deepEqual([fired, lastAt, lastSuccessAt, zone, everyMs], [2, last, last, 'Europe/Berlin', undefined]);
  });

  it('[14.3] removes it; its jobs stay, and one that waits is cancelled', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.hold('s'), { every: hourMs, overlap: 'queue' });
    await kit.clock.advance(2 * hourMs);
    const [waiting, running] = (await schedule.history()).map(({ job }) => job);
    await schedule.remove();
    openGate('s');
    await kit.clock.advance(5 * hourMs);
    assert.deepEqual([seen.length, await kit.runtime.schedules()], [1, []]);
    assert.deepEqual([await running!.result(), (await waiting!.failure())?.name], ['s', 'JobCancelledError']);
    await queue.schedule('s', work.mark('again'), { every: hourMs });
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['s', 'again']);
  });

  it('[14.3] pauses it by itself when a job failed, if that was asked', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', work.fail('no'), { every: hourMs, pauseOnFailure: true });
    await queue.schedule('goes on', work.fail('no'), { every: hourMs });
    await kit.clock.advance(3 * hourMs);
    assert.deepEqual([(await schedule.details()).fired, (await schedule.details()).paused], [1, true]);
    const { fired, lastSuccessAt } = await kit.runtime.schedule('goes on').details();
    assert.deepEqual([fired, lastSuccessAt], [3, undefined]);
  });

  it('[14.3] tells callbacks and parts of a job its tick, and other jobs none', async (t) => {
    const { kit, queue } = await started(t);
    const schedule = await queue.schedule('s', parallel([inside.tick()]), { every: hourMs });
    await kit.clock.advance(hourMs);
    const [last] = await schedule.history();
    const [part] = (await last!.job.result()) as Iterable<{ result: CurrentSchedule }>;
    assert.equal(part!.result.name, 's');
    assert.equal(await kit.run(inside.tick()), undefined);
  });
});

describe('14 schedules given to open', () => {
  it('[14.3] are set before it resolves; those missing later are reported, or removed with `pruneSchedules`', async (t) => {
    const schedules = {
      a: { job: work.mark('a'), every: hourMs },
      b: { job: work.mark('b'), cron: '0 * * * *', zone: 'UTC' },
    };
    const { kit, queue } = await started(t, { schedules });
    await queue.schedule('own', work.mark('own'), { every: hourMs });
    await kit.clock.advance(hourMs);
    assert.deepEqual([...seen].sort(), ['a', 'b', 'own']);
    await kit.close();
    const { a } = schedules;
    await kit.reopen({ schedules: { a } });
    const lines = () => kit.logs.filter(({ level, message }) => level === 'warn' && /"b"/.test(message));
    assert.equal(lines().length, 1);
    assert.equal((await kit.runtime.schedules()).length, 3);
    await kit.close();
    await kit.reopen({ schedules: { a }, pruneSchedules: true });
    assert.deepEqual(
      (await kit.runtime.schedules()).map(({ name }) => name),
      ['a', 'own'],
    );
    assert.equal(lines().length, 1);
  });

  it('[14.3] are refused by name', async () => {
    const open = () =>
      import('callsheet/testing').then(({ openVirtual }) =>
        openVirtual({ jobs: allJobs, schedules: { nightly: { job: work.mark('x'), cron: '0 0 31 2 *' } } }),
      );
    await assert.rejects(open(), { code: 'INVALID_OPTION', message: /`schedules.nightly.cron` must match/ });
  });
});
