/** Section 3 of the contract: queues. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, map, type Part, parallel, type Queue, serial } from 'callsheet';
import { allJobs, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { busy, hourMs, opened } from './opened.js';

async function names(queue: Queue): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const job of queue) found.push((await job.arguments())[0]);
  return found;
}

describe('3 queues', () => {
  it('[3.1] has the name "" by default; others are created, listed, returned and removed', async (t) => {
    const kit = await opened(t);
    assert.deepEqual(await kit.runtime.queues(), ['']);
    await kit.runtime.createQueue('mail');
    await kit.runtime.createQueue('mail');
    assert.deepEqual((await kit.runtime.queues()).sort(), ['', 'mail']);
    const job = await kit.runtime.queue('mail').put(work.mark('in mail'));
    assert.equal(await kit.waitForResult(job), 'in mail');
    assert.equal((await job.details()).queue, 'mail');
    await kit.runtime.removeQueue('mail');
    assert.deepEqual(await kit.runtime.queues(), ['']);
    await assert.rejects(kit.runtime.queue('mail').put(work.mark('a')), { code: 'UNKNOWN_QUEUE' });
    await assert.rejects(kit.runtime.removeQueue('mail'), { code: 'UNKNOWN_QUEUE' });
  });

  it('[3.1] is removed only when it is empty', async (t) => {
    const kit = await opened(t);
    const mail = await kit.runtime.createQueue('mail');
    const job = await mail.put(work.hold('held'), { beginAfter: hourMs });
    await assert.rejects(kit.runtime.removeQueue('mail'), { code: 'QUEUE_NOT_EMPTY' });
    await kit.waitForStart(job);
    await assert.rejects(kit.runtime.removeQueue('mail'), { code: 'QUEUE_NOT_EMPTY' });
    openGate('held');
    await kit.waitForStatus(job, 'completed');
    await kit.runtime.removeQueue('mail');
  });

  it('[3.2] claims by priority, then jobs put back at once, then by the time of becoming eligible', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.put(work.mark('dated'), { beginAfter: 1_000 });
    await queue.put(work.mark('put first'));
    await kit.clock.advance(1_000);
    await queue.put(work.mark('put last'));
    await queue.put(work.mark('high'), { priority: 1 });
    await queue.put(work.mark('not yet due, later'), { beginAfter: 2 * hourMs });
    await queue.put(work.mark('not yet due, sooner'), { beginAfter: hourMs });
    const order = ['high', 'put first', 'dated', 'put last', 'not yet due, sooner', 'not yet due, later'];
    assert.deepEqual(await names(queue), order);
    await kit.killThread();
    openGate('before');
    await kit.untilIdle();
    await kit.clock.advance(2 * hourMs);
    assert.deepEqual(seen, ['before', 'high', 'before', ...order.slice(1)], 'put back, and yet behind higher priority');
  });

  it('[3.2] keeps jobs with the same date in the order of their puts', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const all = Array.from({ length: 50 }, (_, n) => `job ${n}`);
    const beginAfter = new Date(kit.clock.now.getTime() + hourMs);
    await queue.putAll(
      all.map((name) => work.mark(name)),
      { beginAfter },
    );
    assert.deepEqual(await names(queue), all);
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, all);
  });

  it('[3.2] keeps its order when the clock is set back', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.put(work.mark('first'));
    await kit.clock.set(new Date(kit.clock.now.getTime() - hourMs));
    await queue.put(work.mark('second'));
    await kit.crash();
    const runtime = await kit.reopen();
    await runtime.queue().put(work.mark('third'));
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'before', 'first', 'second', 'third']);
  });

  it('[3.2] lines up jobs that came due while no runtime was open by their dates', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.put(work.mark('later'), { beginAfter: 2 * hourMs });
    await queue.put(work.mark('sooner'), { beginAfter: hourMs });
    await queue.put(work.mark('urgent'), { beginAfter: hourMs, priority: 1 });
    await queue.put(work.mark('waiting'));
    await kit.crash();
    await kit.clock.set(new Date(kit.clock.now.getTime() + 3 * hourMs));
    await kit.reopen();
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'urgent', 'before', 'waiting', 'sooner', 'later']);
  });

  it('[3.3] has a length, an iterable order, and indices from either end', async (t) => {
    const { queue } = await busy(t);
    for (const name of ['a', 'b', 'c']) await queue.put(work.mark(name));
    const nameAt = async (index: number) => (await (await queue.at(index))?.arguments())?.[0];
    assert.equal(await queue.length(), 3);
    assert.deepEqual(await names(queue), ['a', 'b', 'c']);
    assert.deepEqual(
      [await nameAt(0), await nameAt(-1), await nameAt(3), await nameAt(-4)],
      ['a', 'c', undefined, undefined],
    );
  });

  it('[3.3] iterates over more jobs than fit one page', async (t) => {
    const { queue } = await busy(t);
    const all = Array.from({ length: 600 }, (_, n) => `job ${n}`);
    await queue.putAll(all.map((name) => work.mark(name)));
    assert.deepEqual(await names(queue), all);
  });

  it('[3.3] lists jobs that a full quota holds back in their places, and those with dates last', async (t) => {
    const { queue } = await busy(t);
    await queue.setQuota('full', { size: 1 });
    const numbers = Array.from({ length: 700 }, (_, n) => n);
    const due = numbers.map((n) => `job ${n}`);
    await queue.putAll(numbers.map((n) => work.mark(due[n]!).with(n % 3 === 0 ? { quotas: ['full'] } : {})));
    const later = numbers.map((n) => `later ${n}`);
    await queue.putAll(numbers.map((n) => work.mark(later[699 - n]!).with({ beginAfter: hourMs - n })));
    assert.deepEqual(await names(queue), [...due, ...later]);
    assert.deepEqual((await (await queue.at(1000))?.arguments())?.[0], 'later 300');
  });

  it('[3.3] iterates over each job that stays once, while others leave the line', async (t) => {
    const { queue } = await busy(t);
    const handles = await queue.putAll(Array.from({ length: 600 }, (_, n) => work.mark(`${n}`)));
    const found: unknown[] = [];
    for await (const job of queue) {
      found.push((await job.arguments())[0]);
      if (found.length % 100 === 1) await queue.remove(handles[found.length - 1]!);
    }
    assert.deepEqual(
      found,
      Array.from({ length: 600 }, (_, n) => `${n}`),
    );
  });

  it('[3.3] pulls a job by index, which is new then and can be put again', async (t) => {
    const { kit, queue } = await busy(t);
    for (const name of ['a', 'b', 'c', 'd']) await queue.put(work.mark(name));
    const first = await queue.pull();
    const last = await queue.pull(-1);
    assert.deepEqual(await names(queue), ['b', 'c']);
    assert.deepEqual([await first.status(), await last.status()], ['new', 'new']);
    for (const index of [2, -3, 1.5, Number.NaN]) await assert.rejects(queue.pull(index), RangeError);
    await queue.put(first);
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(seen, ['before', 'b', 'c', 'a']);
    assert.equal(await last.status(), 'new');
  });

  it('[3.3] removes a job, and rejects an unknown one or one awaited by another', async (t) => {
    const { kit, queue } = await busy(t);
    const job = await queue.put(work.mark('a'));
    await queue.remove(job);
    assert.equal(await queue.length(), 0);
    const stranger = kit.runtime.job('01890a5d-ac96-774b-bcce-b302099a8057');
    await assert.rejects(queue.remove(stranger), { code: 'JOB_FORGOTTEN' });
    openGate('before');
    const whole = await queue.put(parallel([work.hold('held'), work.mark('waiting')]));
    await kit.waitForStart(whole);
    const waiting = (await queue.at(0))!;
    await assert.rejects(queue.remove(waiting), { code: 'JOB_STATUS' });
    assert.equal(await waiting.status(), 'pending');
  });

  it('[3.3] rejects the removal of a job of another queue', async (t) => {
    const kit = await opened(t);
    const mail = await kit.runtime.createQueue('mail');
    const job = await mail.put(work.mark('job'), { beginAfter: hourMs });
    await assert.rejects(kit.runtime.queue().remove(job), {
      code: 'JOB_STATUS',
      message: 'the job is in the queue "mail", not in "": remove it from there',
    });
    assert.equal(await mail.length(), 1);
    await mail.remove(job);
    assert.equal(await job.status(), 'new');
  });

  it('[3.6] makes a job that is put again wait for room, like a new one', async (t) => {
    const { kit, queue } = await busy(t);
    const removed = await queue.put(work.mark('removed'));
    await queue.remove(removed);
    await queue.put(work.mark('other'));
    await queue.setBound(1);
    let isPut = false;
    const put = queue.put(removed).then(() => {
      isPut = true;
    });
    await kit.untilIdle();
    assert.equal(isPut, false);
    openGate('before');
    await kit.untilIdle();
    await put;
    assert.equal(await kit.waitForResult(removed), 'removed');
  });

  it('[3.3] puts all jobs of putAll or none', async (t) => {
    const { kit, queue } = await busy(t);
    const jobs = [work.mark('a'), work.mark('b').with({ quotas: ['unknown'] }), work.mark('c')];
    await assert.rejects(queue.putAll(jobs), { code: 'UNKNOWN_QUOTA' });
    assert.equal(await queue.length(), 0);
    assert.equal((await kit.runtime.stats()).jobs, 1);
    assert.equal((await queue.putAll(jobs.slice(0, 1))).length, 1);
  });

  it('[3.4] rejects a put that cannot be stored, with its path, and stores nothing', async (t) => {
    const { kit, queue } = await busy(t);
    const known = await queue.put(work.mark('known'));
    const stored = (await kit.runtime.stats()).jobs;
    const unknown = work as unknown as Record<string, (...args: unknown[]) => Part>;
    const cases: [string, () => Promise<unknown>, string, RegExp][] = [
      ['a job that is in a queue', () => queue.put(known), 'JOB_STATUS', /pending/],
      ['an unknown queue', () => kit.runtime.queue('nowhere').put(work.mark('a')), 'UNKNOWN_QUEUE', /"nowhere"/],
      ['an unknown export', () => queue.put(unknown.nothing!()), 'UNKNOWN_EXPORT', /nothing/],
      ['an unknown quota', () => queue.put(work.mark('a'), { quotas: ['none'] }), 'UNKNOWN_QUOTA', /"none"/],
      [
        'a function as an argument',
        () => queue.put(work.echo({ a: [() => 1] })),
        'ARGUMENT_NOT_STORABLE',
        /arguments\[0\]\.a\[0\]/,
      ],
      [
        'one inside a part',
        () => queue.put(parallel([work.mark('a'), work.echo(Symbol.iterator)])),
        'ARGUMENT_NOT_STORABLE',
        /parts\[1\]\.arguments\[0\]/,
      ],
      [
        'no date',
        () => queue.put(work.mark('a'), { beginAfter: new Date(Number.NaN) }),
        'INVALID_OPTION',
        /beginAfter/,
      ],
      [
        'a date without a zone',
        () => queue.put(work.mark('a'), { beginAfter: '2030-01-01T00:00' }),
        'INVALID_OPTION',
        /zone/,
      ],
      ['a negative delay', () => queue.put(work.mark('a'), { beginAfter: -1 }), 'INVALID_OPTION', /beginAfter/],
      ['a negative duration', () => queue.put(work.mark('a'), { beginByMs: -1 }), 'INVALID_OPTION', /beginByMs/],
      [
        'a timeout that is no number',
        () => queue.put(work.mark('a'), { timeoutMs: Number.NaN }),
        'INVALID_OPTION',
        /timeoutMs/,
      ],
      ['no priority', () => queue.put(work.mark('a'), { priority: Number.NaN }), 'INVALID_OPTION', /priority/],
      [
        'a day that there is not',
        () => queue.put(work.mark('a'), { beginAfter: '2030-02-31T00:00:00Z' }),
        'INVALID_OPTION',
        /beginAfter/,
      ],
      ['nothing for a date', () => queue.put(work.mark('a'), { beginAfter: null as never }), 'INVALID_OPTION', /Date/],
      ['a timeout of nothing', () => queue.put(work.mark('a'), { timeoutMs: 0 }), 'INVALID_OPTION', /timeoutMs/],
      ['an endless timeout', () => queue.put(work.mark('a'), { timeoutMs: 1e300 }), 'INVALID_OPTION', /timeoutMs/],
      [
        'a priority that is text',
        () => queue.put(work.mark('a'), { priority: '1' as never }),
        'INVALID_OPTION',
        /priority/,
      ],
      ['a quota without a name', () => queue.put(work.mark('a'), { quotas: [''] }), 'INVALID_OPTION', /quotas\[0\]/],
      [
        'quotas without end',
        () => queue.put(work.mark('a'), { quotas: Array.from({ length: 900 }, (_, n) => `q${n}`) }),
        'INVALID_OPTION',
        /quotas/,
      ],
      ['an empty key', () => queue.put(work.mark('a'), { unique: '' }), 'INVALID_OPTION', /unique/],
      [
        'held otherwise than yes or no',
        () => queue.put(work.mark('a'), { held: 1 as never }),
        'INVALID_OPTION',
        /held/,
      ],
      ['no policy', () => queue.put(work.mark('a'), { retry: 'often' as never }), 'INVALID_OPTION', /retry/],
      ['a change of its key', () => known.change({ unique: 'a' } as never), 'INVALID_OPTION', /unique/],
      ['a change to no timeout', () => known.change({ timeoutMs: -1 }), 'INVALID_OPTION', /timeoutMs/],
      [
        'a key that would be stored otherwise',
        () => queue.put(work.mark('a'), { unique: 'k\ud800' }),
        'INVALID_OPTION',
        /^`unique` .*"k\\ud800"/,
      ],
      [
        'such a quota',
        () => queue.put(work.mark('a'), { quotas: ['\udc00'] }),
        'INVALID_OPTION',
        /^`quotas\[0\]` .*"\\udc00"/,
      ],
      [
        'such a key of one',
        () => queue.put(work.mark('a'), { quotas: [{ name: 'q', key: '\ud800' }] }),
        'INVALID_OPTION',
        /^`quotas\[0\]\.key` .*"\\ud800"/,
      ],
      [
        'such a condition',
        () => queue.setAgent('a', { size: 1, filter: { quotas: ['\ud800'] } }),
        'INVALID_OPTION',
        /^`filter\.quotas\[0\]` /,
      ],
      ['an unknown option', () => queue.put(work.mark('a'), { beginBy: 5 } as never), 'INVALID_OPTION', /beginBy/],
    ];
    for (const [what, put, code, message] of cases) await assert.rejects(put(), { code, message }, what);
    assert.deepEqual(await known.arguments(), ['known']);
    assert.equal((await kit.runtime.stats()).jobs, stored);
    assert.equal(await queue.length(), 1);
  });

  it('[3.4] rejects a job of a module that was not given to open', async (t) => {
    const kit = await opened(t, { jobs: allJobs.slice(1) });
    await assert.rejects(kit.runtime.queue().put(work.mark('a')), { code: 'UNKNOWN_MODULE', message: /"work"/ });
  });

  it('[3.5] commits puts into several queues all together or not at all', async (t) => {
    const { kit } = await busy(t);
    await kit.runtime.createQueue('mail');
    const jobs = await kit.runtime.putTogether([{ job: work.mark('a') }, { queue: 'mail', job: work.mark('b') }]);
    assert.deepEqual(await Promise.all(jobs.map(async (job) => (await job.details()).queue)), ['', 'mail']);
    const stored = (await kit.runtime.stats()).jobs;
    const puts = [{ job: work.mark('c') }, { queue: 'nowhere', job: work.mark('d') }];
    await assert.rejects(kit.runtime.putTogether(puts), { code: 'UNKNOWN_QUEUE' });
    assert.equal((await kit.runtime.stats()).jobs, stored);
  });

  it('[3.6] claims nothing while paused, over a crash too, takes puts, and lets running jobs go on', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.pause();
    const job = await queue.put(work.mark('job'));
    openGate('before');
    await kit.clock.advance(hourMs);
    assert.deepEqual(seen, ['before']);
    assert.equal((await queue.details()).paused, true);
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(hourMs);
    assert.equal(await kit.runtime.job(job.id).status(), 'pending');
    await kit.runtime.queue().resume();
    assert.equal(await kit.waitForResult(kit.runtime.job(job.id)), 'job');
  });

  it('[3.6] resolves drain when no job is due or running', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.put(work.mark('tomorrow'), { beginAfter: 24 * hourMs });
    await queue.put(work.hold('behind'));
    let drained = false;
    const drain = queue.drain().then(() => {
      drained = true;
    });
    await kit.untilIdle();
    assert.equal(drained, false);
    openGate('before');
    await kit.untilIdle();
    assert.equal(drained, false);
    openGate('behind');
    await kit.untilIdle();
    assert.equal(drained, true);
    await drain;
  });

  for (const [kind, whole] of [
    ['a map', map(['one', 'two'], (name) => work.holdDeaf(name))],
    ['a parallel', parallel([work.holdDeaf('one'), work.holdDeaf('two')])],
    ['a serial', serial([work.holdDeaf('one'), work.holdDeaf('two')])],
    ['a job with a callback', work.mark('job')],
  ] as const) {
    it(`[3.6] [3.1] waits for jobs that still run after ${kind} completed, before a drain or a removal`, async (t) => {
      const kit = await opened(t, { threads: 2 });
      const queue = await kit.runtime.createQueue('mail');
      const job: Job<unknown> = await queue.put(whole as Part<unknown>);
      await kit.untilIdle();
      if (kind === 'a job with a callback') await job.addCallback(work.holdDeaf.with('one'));
      else await job.cancel();
      await kit.untilIdle();
      assert.equal(await job.status(), 'completed');
      assert.ok(kit.running.length > 0);
      let drained = false;
      const drain = queue.drain().then(() => {
        drained = true;
      });
      await kit.untilIdle();
      assert.equal(drained, false);
      await assert.rejects(kit.runtime.removeQueue('mail'), { code: 'QUEUE_NOT_EMPTY' });
      openGate('one');
      openGate('two');
      await kit.untilIdle();
      assert.deepEqual(kit.running, []);
      await drain;
      await kit.runtime.removeQueue('mail');
    });
  }
});
