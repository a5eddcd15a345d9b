/** Section 11 of the contract: counts and statistics of many jobs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JobQuery, type JobsOptions, parallel, retryErrors, type StatField, type StatRow } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { work } from './jobs/all.js';
import { openGate } from './jobs/work.js';
import { busy, hourMs, opened } from './opened.js';

const minuteMs = 60_000;

/** The counts of a row, without the zeros. */
function countsOf(row: StatRow | undefined): Record<string, number> {
  const counts = Object.entries(row ?? {}).filter(([name]) => name !== 'from');
  return Object.fromEntries(counts.filter(([, count]) => typeof count === 'number' && count > 0));
}

async function statsOf(kit: Kit, callable: string, stepMs?: number): Promise<StatRow[]> {
  return kit.runtime.monitor.stats({ callable }, stepMs === undefined ? {} : { stepMs });
}

describe('11 looking at it: counts and statistics', () => {
  it('[11.2] counts jobs by the fields that are asked for, through all their statuses', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    await queue.putAll(Array.from({ length: 5 }, (_, n) => work.mark(`${n}`)));
    const failing = await queue.put(work.fail('on purpose'));
    await queue.put(parallel([work.add(1, 1), work.add(2, 2)]), { beginAfter: hourMs });
    assert.deepEqual(await monitor.counts({ callable: 'work#mark' }), [{ status: 'pending', count: 5 }]);
    assert.deepEqual(await monitor.counts({ callable: 'work#add' }, { by: ['role', 'status'] }), [
      { role: 'part', status: 'new', count: 2 },
    ]);
    openGate('before');
    await kit.waitForStatus(failing, 'completed');
    await kit.untilIdle();
    assert.deepEqual(await monitor.counts({ callable: ['work#mark', 'work#fail'] }, { by: ['callable', 'outcome'] }), [
      { callable: 'work#mark', outcome: 'value', count: 5 },
      { callable: 'work#fail', outcome: 'failure', count: 1 },
    ]);
    await kit.crash();
    await kit.reopen();
    assert.deepEqual(await kit.runtime.monitor.counts({ callable: 'work#mark' }), [{ status: 'completed', count: 5 }]);
  });

  it('[11.2] takes name patterns, and several of them', async (t) => {
    const { kit, queue } = await busy(t);
    await kit.runtime.createQueue('mail');
    await kit.runtime.queue('mail').put(work.add(1, 1), { beginAfter: hourMs });
    await queue.putAll([work.add(1, 1), work.addWhenOpen(1, 1), work.mark('a')]);
    const countOf = async (filter: { queue?: string; callable?: string | string[] }) =>
      (await kit.runtime.monitor.counts(filter, { by: [] }))[0]?.count ?? 0;
    assert.equal(await countOf({ callable: 'work#add' }), 2);
    assert.equal(await countOf({ callable: 'work#add*' }), 3);
    assert.equal(await countOf({ callable: 'add' }), 0);
    assert.equal(await countOf({ callable: ['work#mark', 'work#add'] }), 3);
    assert.equal(await countOf({ queue: 'm*', callable: 'work#*' }), 1);
    assert.equal(await countOf({ callable: [] }), 0);
    await kit.runtime.createQueue('*');
    await kit.runtime.queue('*').put(work.add(1, 1), { beginAfter: hourMs });
    assert.equal(await countOf({ queue: '\\*' }), 1);
    const { monitor } = kit.runtime;
    assert.deepEqual([(await monitor.next('*')).length, (await monitor.queues({ queue: '\\*' })).items.length], [1, 1]);
    assert.equal(await countOf({ callable: 'work.add' }), 0, 'a dot is a dot');
    assert.equal(await countOf({ callable: 'work*add*Open' }), 1);
    assert.equal(await countOf({ callable: '*add*Open*en' }), 0, 'each text has a place of its own');
    assert.equal(await countOf({ callable: 'work#add#add' }), 0);
    const start = performance.now();
    assert.equal(await countOf({ callable: `${'*w'.repeat(499)}x` }), 0);
    assert.ok(performance.now() - start < 2000, 'many stars take no time');
  });

  it('[11.2] sums up what happened to jobs, with the shortest and the longest', async (t) => {
    const kit = await opened(t, { threads: 1, retention: { count: 0, failed: { count: 0 } } });
    const queue = kit.runtime.queue();
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    const behind = await queue.put(work.hold('behind'));
    const late = await queue.put(work.hold('late'), { beginByMs: 1000 });
    const gone = await queue.put(work.hold('gone'));
    await gone.cancel();
    await kit.clock.advance(3000);
    openGate('held');
    await kit.waitForStart(behind);
    await kit.clock.advance(500);
    openGate('behind');
    await kit.untilIdle();
    await kit.run(work.mark('last'));
    const [row] = await statsOf(kit, 'work#hold');
    assert.deepEqual(countsOf(row), { put: 4, started: 2, succeeded: 2, cancelled: 1, expired: 1 });
    const { count, mean, min, max, shortest, longest } = row!.run!;
    assert.deepEqual([count, mean, min, max], [2, 1750, 500, 3000]);
    assert.deepEqual([shortest, longest], [behind.id, held.id]);
    assert.deepEqual([row!.wait!.min, row!.wait!.max, row!.wait!.longest], [0, 3000, behind.id]);
    assert.equal((await late.failure())?.name, 'JobExpiredError');
    assert.equal((await kit.runtime.stats()).jobs, 0, 'the jobs themselves are forgotten');
  });

  it('[11.2] counts the pending jobs at the end of each step', async (t) => {
    const { kit, queue } = await busy(t);
    const minuteMs = 60_000;
    const start = Math.floor(kit.clock.now.getTime() / minuteMs) * minuteMs;
    /** On a database they are counted while somebody asks. */
    const passMinute = async () => {
      await kit.runtime.monitor.status();
      await kit.clock.advance(minuteMs);
    };
    await kit.runtime.createQueue('mail');
    await queue.putAll([work.mark('a'), work.mark('b')]);
    await kit.runtime.queue('mail').put(work.add(1, 1), { beginAfter: hourMs });
    await passMinute();
    openGate('before');
    await kit.untilIdle();
    await passMinute();
    await kit.runtime.cancelAll({ queue: 'mail' });
    await passMinute();
    const pending = async (by: readonly StatField[], filter = {}) =>
      (await kit.runtime.monitor.stats(filter, { by, stepMs: minuteMs })).map((row) => [
        (Date.parse(row.from) - start) / minuteMs,
        row.queue,
        row.pending,
      ]);
    assert.deepEqual((await pending([])).slice(0, 3), [
      [0, '*', 3],
      [1, '*', 1],
      [2, '*', 0],
    ]);
    assert.deepEqual(await pending(['queue'], { queue: 'mail' }), [
      [0, 'mail', 1],
      [1, 'mail', 1],
      [2, 'mail', 0],
    ]);
    const lastOf = async (minutes: number) => {
      const to = new Date(start + minutes * minuteMs - 1);
      return (await kit.runtime.monitor.stats({}, { by: [], to })).at(-1)!.pending;
    };
    assert.deepEqual([await lastOf(2), await lastOf(3)], [1, 0], 'as it was last');
  });

  it('[11.2] sums up all queues or callables, if rows are not by them', async (t) => {
    const kit = await opened(t);
    await kit.runtime.createQueue('mail');
    await kit.run(work.add(1, 1));
    await kit.waitForResult(await kit.runtime.queue('mail').put(work.mark('a')));
    const rowsBy = async (by: readonly StatField[]) =>
      (await kit.runtime.monitor.stats({}, { by })).map((row) => [row.queue, row.callable, row.put, row.run?.count]);
    assert.deepEqual(await rowsBy([]), [['*', '*', 2, 2]]);
    assert.deepEqual((await rowsBy(['queue'])).sort(), [
      ['', '*', 1, 1],
      ['mail', '*', 1, 1],
    ]);
    assert.equal((await rowsBy(['queue', 'callable'])).length, 2);
    await assert.rejects(kit.runtime.monitor.stats({}, { by: ['status' as 'queue'] }), RangeError);
  });

  it('[11.7] shows the last work of each thread, and the threads that ended on their own', async (t) => {
    const kit = await opened(t, { threads: 1 });
    await kit.run(work.add(1, 1));
    await kit.run(work.add(2, 2));
    await kit.clock.advance(1000);
    const held = await kit.runtime.queue().put(work.hold('held'));
    await kit.waitForStart(held);
    await kit.clock.advance(200);
    openGate('held');
    await kit.waitForResult(held);
    const { threads, ended, expected } = await kit.runtime.monitor.threads();
    assert.equal(threads.length, 1);
    assert.deepEqual(new Set(expected.map(({ callable }) => callable)), new Set(['work#add', 'work#hold']));
    assert.ok(expected.every(({ ms }) => ms >= 0 && ms <= 1000));
    const spans = threads[0]!.spans.map(({ callable, count, job }) => [callable, count, job === held.id]);
    assert.deepEqual(spans, [
      ['work#add', 2, false],
      ['work#hold', 1, true],
    ]);
    assert.deepEqual(ended, []);
    const later = await kit.runtime.monitor.threads({ since: new Date(kit.clock.now.getTime() + hourMs) });
    assert.deepEqual(later.threads, []);
  });

  it('[11.2] counts each run that is retried or interrupted', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const retry = retryErrors({ limit: 5, backoff: { initialMs: 1000 } });
    const failing = await queue.put(work.failUntil(3), { retry });
    await kit.waitForStatus(failing, 'completed');
    assert.deepEqual(countsOf((await statsOf(kit, 'work#failUntil'))[0]), {
      put: 1,
      started: 3,
      succeeded: 1,
      retried: 2,
    });
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    await kit.killThread();
    assert.deepEqual(countsOf((await statsOf(kit, 'work#hold'))[0]), { put: 1, started: 1, interrupted: 1 });
  });

  it('[11.2] keeps minutes for a day and hours for two weeks, over restarts and crashes', async (t) => {
    const kit = await opened(t);
    const put = async (name: string) => kit.run(work.mark(name));
    await put('minute 0');
    await kit.clock.advance(minuteMs);
    await put('minute 1');
    await put('minute 1');
    const puts = async (stepMs: number) => (await statsOf(kit, 'work#mark', stepMs)).map(({ put }) => put);
    assert.deepEqual(await puts(minuteMs), [1, 2]);
    await kit.close();
    await kit.reopen();
    await put('minute 1 again');
    assert.deepEqual(await puts(minuteMs), [1, 3]);
    await kit.clock.advance(minuteMs);
    await put('minute 2, which a crash loses');
    await kit.crash();
    await kit.reopen();
    assert.deepEqual(await puts(minuteMs), [1, 3]);
    await kit.clock.advance(2 * hourMs);
    await put('hour 2');
    assert.deepEqual(await puts(hourMs), [4, 1]);
    await kit.clock.advance(30 * hourMs);
    await put('the next day');
    assert.deepEqual(await puts(minuteMs), [4, 1, 1], 'only hours are left of the day before');
    await kit.close();
    await kit.reopen();
    assert.deepEqual(await puts(hourMs), [4, 1, 1]);
    await kit.clock.advance(15 * 24 * hourMs);
    await put('long after');
    assert.deepEqual(await puts(hourMs), [1]);
  });

  it('[11.2] bounds the interval by dates, and adds up all of it without steps', async (t) => {
    const kit = await opened(t);
    const start = kit.clock.now.getTime();
    for (let minute = 0; minute < 5; minute++) {
      await kit.run(work.mark('a'));
      await kit.clock.advance(minuteMs);
    }
    const { monitor } = kit.runtime;
    const at = (minute: number) => new Date(start + minute * minuteMs);
    assert.equal((await monitor.stats())[0]?.put, 5);
    const [row] = await monitor.stats({}, { from: at(1), to: at(4) });
    assert.deepEqual([row?.put, row?.from], [3, at(1).toISOString()]);
    assert.deepEqual(await monitor.stats({}, { from: at(100) }), []);
    await assert.rejects(monitor.stats({}, { stepMs: 1 }), RangeError);
    await assert.rejects(monitor.stats({ callabel: 'a' } as never), TypeError);
    await assert.rejects(monitor.counts({}, { by: ['colour' as never] }), RangeError);
    await assert.rejects(monitor.counts({ queue: [5 as never] }), TypeError);
  });

  it('[11.2] lists jobs by status, outcome, names, role and times, from either end, page by page', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const start = kit.clock.now;
    const marks = await queue.putAll(Array.from({ length: 25 }, (_, n) => work.mark(`${n}`)));
    const failing = await queue.put(work.fail('on purpose'));
    await kit.clock.advance(1000);
    const whole = await queue.put(parallel([work.add(1, 1), work.add(2, 2)]), { beginAfter: hourMs });
    const ids = (jobs: readonly { readonly id: string }[]) => jobs.map(({ id }) => id);
    const listed = async (filter: JobQuery, options: JobsOptions = {}) => {
      const found: string[] = [];
      for (let page = await monitor.jobs(filter, options); ; ) {
        assert.deepEqual([page.exact, page.complete], [true, true]);
        found.push(...ids(page.items));
        if (page.next === undefined) return found;
        page = await monitor.jobs(filter, { ...options, cursor: page.next });
      }
    };
    assert.deepEqual(await listed({ callable: 'work#mark' }, { limit: 7, order: 'oldest' }), ids(marks));
    assert.deepEqual(await listed({ callable: 'work#mark' }, { limit: 7 }), ids(marks).toReversed());
    assert.deepEqual(await listed({ queue: '' }, { limit: 10, order: 'claim' }), ids([...marks, failing, whole]));
    assert.deepEqual(ids(await monitor.next('', { limit: 3 })), ids(marks.slice(0, 3)));
    assert.equal((await listed({ role: 'part', status: ['new', 'pending'] })).length, 2);
    assert.deepEqual(await listed({ id: failing.id }), [failing.id]);
    assert.equal((await listed({ id: whole.id.slice(0, 7).toUpperCase() })).length, 30);
    assert.deepEqual(await listed({ id: failing.id.replaceAll('-', '').slice(0, 31), callable: 'work#fail' }), [
      failing.id,
    ]);
    assert.deepEqual(await listed({ put: { from: kit.clock.now }, role: 'root' }), [whole.id]);
    assert.equal(
      (await listed({ put: { from: start, to: kit.clock.now }, callable: ['work#mark', 'work#fail'] })).length,
      26,
    );
    openGate('before');
    await kit.waitForStatus(failing, 'completed');
    await kit.untilIdle();
    assert.deepEqual(await listed({ outcome: 'failure' }), [failing.id]);
    assert.equal((await listed({ completed: { to: start } })).length, 0);
    const last = await monitor.last({ limit: 2 });
    assert.deepEqual(ids(last), [failing.id, marks[24]!.id]);
    assert.deepEqual(ids(await monitor.last({ outcome: 'failure' })), [failing.id]);
    assert.deepEqual(last[0], {
      ...{ id: failing.id, callable: 'work#fail', queue: '', status: 'completed', outcome: 'failure', role: 'root' },
      ...{ parent: undefined, priority: 0, attempts: 1, argumentBytes: 12, agent: 'main', due: undefined },
      put: start.toISOString(),
      ...{ started: kit.clock.now.toISOString(), ended: kit.clock.now.toISOString() },
      completed: kit.clock.now.toISOString(),
      ...{ retryOf: undefined, retriedBy: undefined },
    });
    assert.equal((await listed({ queue: '' }, { limit: 4, order: 'completed' })).length, 27);
  });

  it('[11.2] goes on with a list after the job at its end is forgotten, and while jobs come and go', async (t) => {
    const kit = await opened(t, { retention: { count: 4 } });
    const queue = kit.runtime.queue();
    for (let n = 0; n < 4; n++) {
      await kit.run(work.mark(`${n}`));
      await kit.clock.advance(10);
    }
    const { monitor } = kit.runtime;
    const first = await monitor.jobs({}, { order: 'oldest', limit: 1 });
    for (let n = 4; n < 6; n++) await kit.run(work.mark(`${n}`));
    await assert.rejects(kit.runtime.job(first.items[0]!.id).status(), { code: 'JOB_FORGOTTEN' });
    const rest = await monitor.jobs({}, { order: 'oldest', cursor: first.next! });
    assert.equal(rest.items.length, 4);
    const newest = await monitor.jobs({}, { limit: 1 });
    for (let n = 6; n < 10; n++) await kit.run(work.mark(`${n}`));
    assert.deepEqual((await monitor.jobs({}, { cursor: newest.next! })).items, [], 'all are newer');
    assert.deepEqual(await queue.length(), 0);
  });

  it('[11.2] rejects filters, orders and cursors that make no sense', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    await queue.putAll([work.mark('a'), work.mark('b')]);
    const { next } = await monitor.jobs({}, { limit: 1 });
    for (const bad of [
      monitor.jobs({ status: 'done' as never }),
      monitor.jobs({ status: ['pending', 'done' as never] }),
      monitor.jobs({ outcome: 'cancelled' as never }),
      monitor.jobs({ id: '' }),
      monitor.jobs({ id: 'the first one' }),
      monitor.jobs({ put: { from: new Date(Number.NaN) } }),
      monitor.jobs({}, { limit: 1001 }),
      monitor.jobs({}, { order: 'claim' }),
      monitor.jobs({}, { cursor: next!, order: 'oldest' }),
      monitor.jobs({}, { cursor: 'bm9uc2Vuc2U' }),
      monitor.jobs({}, { order: 'random' as never }),
      monitor.last({ limit: 0 }),
    ])
      await assert.rejects(bad, RangeError);
    await assert.rejects(monitor.jobs({ put: 5 as never }), TypeError);
    await assert.rejects(monitor.jobs({ colour: 'red' } as never), TypeError);
    await assert.rejects(monitor.next('nowhere'), { code: 'UNKNOWN_QUEUE' });
    await assert.rejects(monitor.jobs({ queue: 'nowhere' }, { order: 'claim' }), { code: 'UNKNOWN_QUEUE' });
    assert.deepEqual((await monitor.jobs({ queue: 'nowhere' })).items, []);
  });

  it('[11.2] refuses an argument that a question does not have', async (t) => {
    const { kit } = await busy(t);
    const { monitor } = kit.runtime;
    const more = { counts: 2, jobs: 2, job: 2, explain: 1, traceback: 1, active: 0, queues: 1, status: 0, failures: 1 };
    for (const [name, count] of Object.entries({ ...more, next: 2, last: 1, stats: 2, threads: 1 })) {
      const given = [...Array.from({ length: count }, () => undefined), { by: ['error'] }];
      const call = (monitor[name as keyof typeof monitor] as (...given: unknown[]) => Promise<unknown>)(...given);
      const message = new RegExp(`^\`arguments\\[${count}\\]\` must be left out: \`${name}\``);
      await assert.rejects(call, { code: 'INVALID_OPTION', message });
    }
  });
});
