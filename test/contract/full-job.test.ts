/** Section 11 of the contract: one job in full, and filters by its relations. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JobQuery, map, type Part, parallel, retryErrors } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate } from './jobs/work.js';
import { busy, hourMs, opened } from './opened.js';

const ids = (jobs: readonly { readonly id: string }[]) => jobs.map(({ id }) => id);

async function listed(kit: Kit, filter: JobQuery, cursor?: string): Promise<string[]> {
  const page = await kit.runtime.monitor.jobs(filter, { order: 'oldest', ...(cursor === undefined ? {} : { cursor }) });
  return ids(page.items);
}

describe('11 looking at it: one job in full', () => {
  it('[11.7] shows a job with its whole, its parts in pages, and its callbacks as a tree', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const first = work.add(1, 1).onBoth(work.tell.with('first'));
    const whole = await queue.put(
      parallel([first, ...Array.from({ length: 129 }, (_, n) => work.add(n, n))], { postprocess: work.gather }),
    );
    const pair = await whole.addCallbacks({ success: work.tell.with('well'), failure: work.tell.with('badly') });
    const below = await pair.onSuccess!.addCallback(work.tell.with('below'));
    const full = await monitor.job(whole.id);
    assert.deepEqual(full.details, await whole.details());
    assert.deepEqual([full.id, full.form, full.role, full.outcome], [whole.id, 'parallel', 'root', 'none']);
    assert.deepEqual([full.parent, full.thread, full.schedule, full.returnedBy], [undefined, undefined, undefined, []]);
    assert.equal(full.parts.length, 100);
    assert.ok(
      full.parts.every(({ parent, role, status }) => parent === whole.id && role === 'part' && status === 'new'),
    );
    const rest = await listed(kit, { parent: whole.id, role: 'part' }, full.moreParts);
    const all = await listed(kit, { parent: whole.id, role: 'part' });
    assert.deepEqual([...ids(full.parts), ...rest], [...all, ...rest], 'the rest follows');
    assert.equal(rest.length, 30);
    const [shown] = full.callbacks;
    assert.deepEqual([full.callbacks.length, full.areAllCallbacks, shown?.id], [1, true, pair.id]);
    assert.deepEqual(ids(shown!.callbacks), [pair.onSuccess!.id, pair.onFailure!.id]);
    assert.deepEqual(ids(shown!.callbacks[0]!.callbacks), [below.id]);
    const part = await monitor.job(full.parts[0]!.id);
    assert.deepEqual([part.parent?.id, part.role, part.moreParts], [whole.id, 'part', undefined]);
    assert.equal(part.callbacks.length, 1);
    openGate('before');
    await kit.waitForResult(whole);
    await kit.untilIdle();
    assert.equal((await monitor.job(whole.id)).callbacks[0]?.callbacks[0]?.status, 'completed');
  });

  it('[11.7] shows annotations and sizes, and reads arguments and outcome only if asked', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const job = await queue.put(work.text(5000), { unique: 'key' });
    await job.annotations.set('note', { a: 1 });
    const failing = await queue.put(work.fail('on purpose'));
    const waiting = await monitor.job(job.id);
    assert.deepEqual(
      [waiting.details.unique, waiting.annotations.note, waiting.areAllAnnotations],
      ['key', { a: 1 }, true],
    );
    assert.ok(waiting.argumentBytes > 0 && waiting.argumentBytes < 20);
    assert.equal(waiting.resultBytes, 0);
    for (const name of ['arguments', 'result', 'failure']) assert.ok(!(name in waiting), name);
    openGate('before');
    await kit.waitForResult(job);
    await kit.waitForStatus(failing, 'completed');
    const done = await monitor.job(job.id, { arguments: true, result: true });
    assert.deepEqual([done.arguments, done.result, done.outcome], [[5000], 'x'.repeat(5000), 'value']);
    assert.ok(done.resultBytes >= 5000);
    const { failure } = await monitor.job(failing.id, { result: true });
    assert.deepEqual([failure?.name, failure?.message], ['OrderError', 'on purpose']);
    for (let n = 0; n < 5; n++) await job.annotations.set(`long ${n}`, 'y'.repeat(60_000));
    const { annotations, areAllAnnotations } = await monitor.job(job.id);
    assert.deepEqual([Object.keys(annotations).length, areAllAnnotations], [5, false]);
    assert.deepEqual(await monitor.job(job), await monitor.job(job.id));
    await assert.rejects(monitor.job('no id'), { code: 'UNKNOWN_JOB' });
    await assert.rejects(monitor.job({} as never), { code: 'UNKNOWN_JOB' });
    await assert.rejects(monitor.job(kit.runtime.id), { code: 'JOB_FORGOTTEN' });
    await assert.rejects(monitor.job(job.id, { argument: true } as never), TypeError);
    await assert.rejects(monitor.job(job.id, { result: 1 as never }), TypeError);
  });

  it('[11.7] shows the thread of a running job, the jobs that returned one, and a schedule', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const [running] = await listed(kit, {});
    assert.equal((await monitor.job(running!)).thread, 1);
    await queue.schedule('hourly', work.mark('tick'), { every: hourMs });
    openGate('before');
    await kit.untilIdle();
    const outer = await queue.put(inside.returnHeld('inner') as Part);
    await kit.waitForStatus(outer, 'active');
    await kit.untilIdle();
    const inner = (await outer.details()).returned!;
    assert.deepEqual((await monitor.job(inner)).returnedBy, [outer.id]);
    openGate('inner');
    await kit.clock.advance(hourMs);
    await kit.untilIdle();
    const [tick] = await listed(kit, { callable: 'work#mark' });
    const { schedule } = await monitor.job(tick!);
    assert.equal(schedule?.name, 'hourly');
    assert.ok(Number.isFinite(Date.parse(schedule!.tick)));
    const known = [running, outer.id, inner, tick];
    assert.deepEqual(await listed(kit, {}), known, 'a template is no job');
  });

  it('[11.7] counts parts by their states, in cells along their order', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { monitor } = kit.runtime;
    const queue = kit.runtime.queue();
    const calls = [1, 2, 3, 4].map((n) => work.add(n, n));
    const whole = await queue.put(parallel([...calls, work.fail('no'), work.hold('held'), ...calls]));
    const ended = async () => (await monitor.parts(whole)).totals.slice(0, 2).join() === '4,1';
    await kit.waitFor('a part is held', ended);
    // Parts behind it may be claimed, which counts as running.
    const running = (await monitor.parts(whole.id, { cells: 3 })).cells.map(([succeeded, failed, active, left]) => [
      succeeded,
      failed,
      active + left,
    ]);
    assert.deepEqual(running, [
      [4, 0, 0],
      [0, 1, 2],
      [0, 0, 3],
    ]);
    openGate('held');
    await kit.waitForResult(whole);
    const { cells, totals } = await monitor.parts(whole);
    assert.equal(cells.length, 10, 'a cell has one part at least');
    assert.deepEqual(totals, [9, 1, 0, 0, 0]);
    const none = await monitor.parts(await queue.put(work.add(1, 1)));
    assert.deepEqual([none.cells, none.totals], [[], [0, 0, 0, 0, 0]]);
    await assert.rejects(monitor.parts(whole, { cells: 0 }), RangeError);
    await assert.rejects(monitor.parts(kit.runtime.id), { code: 'JOB_FORGOTTEN' });
  });

  it('[11.7] shows items of a map as its parts', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const mapped = await queue.put(map([1, 2, 3], (n) => work.add(n, n)));
    await kit.untilIdle();
    const { parts } = await monitor.job(mapped.id);
    assert.equal(parts.length, 3);
    assert.ok(parts.every(({ parent }) => parent === mapped.id));
    assert.deepEqual(await listed(kit, { parent: mapped.id }), ids(parts));
    assert.deepEqual(ids((await monitor.jobs({ parent: mapped.id })).items), ids(parts).toReversed());
    assert.deepEqual((await monitor.parts(mapped)).totals, [0, 0, 0, 3, 0]);
    openGate('before');
    await kit.waitForResult(mapped);
    assert.deepEqual((await monitor.job(mapped.id)).parts.length, 0, 'they are folded');
    const { cells, totals } = await monitor.parts(mapped, { cells: 2 });
    assert.deepEqual(
      [cells, totals],
      [
        [
          [0, 0, 0, 0, 2],
          [0, 0, 0, 0, 1],
        ],
        [0, 0, 0, 0, 3],
      ],
    );
  });
});

describe('11 looking at it: runs and tracebacks', () => {
  it('[11.7] shows the runs that failed or were interrupted, with thread, times and error', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const retry = retryErrors({ limit: 20, backoff: { initialMs: 1000, factor: 1, jitter: 0 } });
    const job = await queue.put(work.failThenHold('held'), { retry, timeoutMs: hourMs });
    await kit.waitForStart(job);
    const start = kit.clock.now.getTime();
    await kit.clock.advance(1000);
    await kit.waitFor('it runs again', async () => (await job.details()).attempts === 2);
    await kit.killThread();
    await kit.waitFor('it runs a third time', async () => (await job.details()).attempts === 3);
    await kit.clock.advance(2 * hourMs);
    await kit.waitFor('its time is over', async () => (await job.details()).errors === 2);
    const { runs } = await kit.runtime.monitor.job(job.id);
    assert.deepEqual(
      runs.map(({ attempt, end, error }) => [attempt, end, error]),
      [
        [1, 'failed', 'OrderError'],
        [2, 'interrupted', 'Error'],
        [3, 'timeout', undefined],
      ],
    );
    assert.equal(runs[0]!.started, new Date(start).toISOString());
    assert.notEqual(runs[0]!.thread, runs[2]!.thread, 'the killed thread was replaced');
    assert.ok(runs.every(({ started, ended }) => started === undefined || started <= ended));
    openGate('held');
    await kit.waitForResult(job);
    assert.equal((await kit.runtime.monitor.job(job.id)).runs.length, 3, 'the run that went well is not one of them');
    const often = await queue.put(work.failUntil(15), { retry });
    await kit.waitForResult(often);
    const last = (await kit.runtime.monitor.job(often.id)).runs;
    assert.deepEqual([last.length, last[0]!.attempt], [10, 5]);
  });

  it('[11.7] shows the last lines that a job logged, if asked', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const { monitor } = kit.runtime;
    const job = await queue.put(inside.say(130, 'hello'));
    const long = await queue.put(inside.say(1, 'x'.repeat(5000)));
    await kit.waitForResult(job);
    await kit.waitForResult(long);
    const { log } = await monitor.job(job.id, { log: true });
    assert.equal(log?.length, 100);
    const { at, ...line } = log!.at(-1)!;
    assert.deepEqual(line, { level: 'warn', attempt: 1, message: 'hello', fields: { n: 129 } });
    assert.ok(!Number.isNaN(Date.parse(at)));
    const [cut] = (await monitor.job(long.id, { log: true })).log!;
    assert.match(cut!.message, /^a line of 5\d\d\d characters is too long/);
    assert.equal(cut!.level, 'warn');
    assert.ok(!('log' in (await monitor.job(job.id))));
    await assert.rejects(monitor.job(job.id, { log: 1 as never }), TypeError);
  });

  it('[11.7] returns the traceback of a failed job with its causes, and of no other', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    const [running] = await listed(kit, {});
    const failing = await queue.put(work.fail('on purpose'));
    await assert.rejects(monitor.traceback(running!), { code: 'JOB_STATUS', message: /in thread 1/ });
    await assert.rejects(monitor.traceback(failing.id), { code: 'JOB_STATUS', message: /it is pending/ });
    openGate('before');
    await kit.waitForStatus(failing, 'completed');
    const { text, failure, causes, runs } = await monitor.traceback(failing);
    assert.match(text, /^[^\n]*OrderError\]?: on purpose\n {4}at .*work\.js[\s\S]*TypeError: the reason/);
    assert.deepEqual([failure.name, causes.map(({ name }) => name)], ['OrderError', ['TypeError']]);
    assert.deepEqual(
      runs.map(({ end }) => end),
      ['failed'],
    );
    await assert.rejects(monitor.traceback(running!), { code: 'JOB_STATUS', message: /it has succeeded/ });
    await assert.rejects(monitor.traceback('no id'), { code: 'UNKNOWN_JOB' });
  });
});

describe('11 looking at it: filters and cursors', () => {
  it('[11.2] lists jobs by parent, agent, quota, unique key, annotation and date', async (t) => {
    const { kit, queue } = await busy(t);
    const start = kit.clock.now.getTime();
    const [running] = await listed(kit, {});
    await queue.setQuota('tenant', { size: 5 });
    const quotas = [{ name: 'tenant', key: 'acme' }];
    const acme = await queue.put(work.mark('acme'), { quotas });
    const plain = await queue.put(work.mark('plain'), { quotas: ['tenant'], unique: 'one' });
    const later = await queue.put(work.mark('later'), { beginAfter: hourMs });
    const whole = await queue.put(parallel([work.add(1, 1), work.add(2, 2)]));
    await acme.annotations.set('step', { n: 1 });
    await plain.annotations.set('step', { n: 2 });
    const cases: [JobQuery, string[]][] = [
      [{ agent: 'main' }, [running!]],
      [{ agent: 'other' }, []],
      [{ dispatcher: kit.runtime.id }, [running!]],
      [{ quota: 'tenant' }, [acme.id, plain.id]],
      [{ quota: quotas[0]! }, [acme.id]],
      [{ unique: 'one' }, [plain.id]],
      [{ annotation: 'step' }, [acme.id, plain.id]],
      [{ annotation: { name: 'step', value: { n: 2 } } }, [plain.id]],
      [{ annotation: { name: 'step', value: { n: 3 } } }, []],
      [{ due: { from: new Date(start) } }, [later.id]],
      [{ due: { to: new Date(start + hourMs) } }, []],
      [{ parent: whole.id, callable: 'work#mark' }, []],
    ];
    for (const [filter, found] of cases) assert.deepEqual(await listed(kit, filter), found, JSON.stringify(filter));
    assert.equal((await listed(kit, { parent: whole.id, status: 'new' })).length, 2);
  });

  it('[11.2] refuses a cursor of another filter, order or runtime, and names that make no sense', async (t) => {
    const { kit, queue } = await busy(t);
    const { monitor } = kit.runtime;
    await queue.putAll([work.mark('a'), work.mark('b')]);
    const filter = { callable: 'work#mark', put: { from: new Date(0) } };
    const { next: cursor } = await monitor.jobs(filter, { limit: 1 });
    assert.equal((await monitor.jobs(filter, { cursor: cursor! })).items.length, 1);
    const other = await opened(t);
    const refused = (list: Promise<unknown>, word: string) => assert.rejects(list, new RegExp(`cursor.*same ${word}`));
    await refused(monitor.jobs({ callable: 'work#*' }, { cursor: cursor! }), 'filter');
    await refused(monitor.jobs(filter, { cursor: cursor!, order: 'oldest' }), 'order');
    await refused(other.runtime.monitor.jobs(filter, { cursor: cursor! }), 'runtime');
    for (const bad of [
      { parent: 'no id' },
      { dispatcher: 'no id' },
      { agent: '' },
      { agent: 5 },
      { unique: 5 },
      { quota: '' },
      { quota: { key: 'a' } },
      { annotation: '' },
      { annotation: { nam: 'a' } },
      { annotation: { name: 'a', value: () => 0 } },
      { due: { from: new Date(2), to: new Date(1) } },
    ])
      await assert.rejects(monitor.jobs(bad as never), (error: { code?: string }) => typeof error.code === 'string');
  });
});
