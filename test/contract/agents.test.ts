/** Section 5 of the contract: agents and dispatchers, in one process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentFilter, Part } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

describe('5 agents', () => {
  it('[5.1] keeps its dispatcher’s id over a restart', async (t) => {
    const kit = await opened(t);
    const { id } = kit.runtime;
    await kit.close();
    await kit.reopen();
    assert.equal(kit.runtime.id, id);
  });

  it('[5.1] claims nothing from a queue in which its dispatcher has no agent', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    assert.deepEqual(await queue.agents(), []);
    const job = await queue.put(work.mark('job'));
    const whole = await queue.put(work.mark('other'), { beginByMs: hourMs });
    await kit.clock.advance(2 * hourMs);
    assert.equal(await job.status(), 'pending');
    await failedWith(whole, 'JobExpiredError');
    assert.deepEqual(seen, []);
    await queue.setAgent('one', { size: 1 });
    assert.equal(await kit.waitForResult(job), 'job');
  });

  it('[5.2] runs at most as many jobs at a time as its size, which can be changed at any time', async (t) => {
    const kit = await opened(t, { threads: 4, agent: { size: 2 } });
    const queue = kit.runtime.queue();
    await queue.putAll(['a', 'b', 'c', 'd', 'e'].map((name) => work.hold(name)));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b']);
    await queue.setAgent('main', { size: 3 });
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c']);
    await queue.setAgent('main', { size: 1 });
    openGate('a');
    openGate('b');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c']);
    openGate('c');
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  });

  it('[5.2] is installed in every queue, later ones included, with one place for each thread', async (t) => {
    const kit = await opened(t, { threads: 3 });
    const mail = await kit.runtime.createQueue('mail');
    for (const queue of [kit.runtime.queue(), mail]) {
      assert.deepEqual(
        (await queue.agents()).map(({ name, size, dispatcher }) => [name, size, dispatcher]),
        [['main', 3, kit.runtime.id]],
      );
    }
  });

  it('[5.2] stores the size given to open, and keeps its other settings', async (t) => {
    const kit = await opened(t);
    const sizes = async () => (await kit.runtime.queue().agents()).map(({ name, size }) => [name, size]);
    await kit.runtime.queue().setAgent('main', { size: 1, filter: { modules: ['work'] } });
    await kit.runtime.queue().setAgent('other', { size: 7 });
    await kit.close();
    await kit.reopen();
    assert.deepEqual(await sizes(), [
      ['main', 1],
      ['other', 7],
    ]);
    await kit.close();
    await kit.reopen({ agent: { size: 4 } });
    assert.deepEqual(await sizes(), [
      ['main', 4],
      ['other', 7],
    ]);
    const [main] = await kit.runtime.queue().agents();
    assert.deepEqual(main?.filter, { modules: ['work'] });
  });

  it('[5.2] keeps its stored size if open is given only the number of threads', async (t) => {
    const kit = await opened(t, { threads: 2 });
    await kit.runtime.queue().setAgent('main', { size: 1 });
    await kit.close();
    await kit.reopen({ threads: 4 });
    assert.deepEqual(
      (await kit.runtime.queue().agents()).map(({ size }) => size),
      [1],
    );
  });

  const filters: [string, AgentFilter, string[]][] = [
    ['callables', { callables: ['work#echo', 'inside#listenSync'] }, ['echo', 'inside']],
    ['modules', { modules: ['inside'] }, ['inside']],
    ['quotas', { quotas: ['q'] }, ['quota']],
    ['a least priority', { minPriority: 1 }, ['high']],
    ['a highest priority', { maxPriority: -1 }, ['low']],
    [
      'several at once',
      { modules: ['work'], minPriority: 0, maxPriority: 0, callables: ['work#mark'] },
      ['plain', 'quota'],
    ],
  ];
  for (const [what, filter, expected] of filters) {
    it(`[5.2] claims only jobs that match its filter: ${what}`, async (t) => {
      const kit = await opened(t, { agent: false });
      const queue = kit.runtime.queue();
      await queue.setQuota('q', { size: 9 });
      const put: [string, Part, object?][] = [
        ['plain', work.mark('plain')],
        ['echo', work.echo('echo')],
        ['inside', inside.listenSync('nothing')],
        ['quota', work.mark('quota'), { quotas: ['q'] }],
        ['high', work.mark('high'), { priority: 1 }],
        ['low', work.mark('low'), { priority: -1 }],
      ];
      const jobs = await Promise.all(
        put.map(async ([name, job, options]) => [name, await queue.put(job, options)] as const),
      );
      await queue.setAgent('picky', { size: 1, filter });
      await kit.untilIdle();
      const taken: string[] = [];
      for (const [name, job] of jobs) if ((await job.status()) === 'completed') taken.push(name);
      assert.deepEqual(taken, expected);
    });
  }

  it('[5.2] applies a filter that is changed while jobs run', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('picky', { size: 1, filter: { minPriority: 1 } });
    const job = await queue.put(work.mark('job'));
    await kit.untilIdle();
    assert.equal(await job.status(), 'pending');
    await queue.setAgent('picky', { size: 1 });
    assert.equal(await kit.waitForResult(job), 'job');
  });

  it('[5.2] keeps the quota places of jobs sent to a thread but not begun, which can be removed', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const job = await queue.put(work.mark('job'), { quotas: ['one'] });
    assert.equal(await job.status(), 'assigned');
    assert.deepEqual((await queue.quotas())[0]!.holders, [job.id]);
    await queue.remove(job);
    assert.equal(await job.status(), 'new');
    await kit.untilIdle();
    assert.deepEqual(seen, []);
    assert.deepEqual((await queue.quotas())[0]!.holders, []);
  });

  it('[5.3] lists the jobs that it is running', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    const jobs = await queue.putAll(['a', 'b'].map((name) => work.hold(name)));
    await kit.untilIdle();
    const running = async () => [...(await queue.agents())[0]!.running].sort();
    assert.deepEqual(await running(), jobs.map(({ id }) => id).sort());
    openGate('a');
    await kit.untilIdle();
    assert.deepEqual(await running(), [jobs[1]!.id]);
    assert.equal((await jobs[1]!.details()).agent, 'main');
  });

  it('[5.4] rejects its removal while it has running jobs', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const job = await queue.put(work.hold('held'));
    await kit.waitForStart(job);
    await assert.rejects(queue.removeAgent('main'), { code: 'JOB_STATUS', message: /running/ });
    await assert.rejects(queue.removeAgent('nobody'), { code: 'UNKNOWN_AGENT' });
    assert.equal((await queue.agents()).length, 1);
    openGate('held');
    await kit.waitForStatus(job, 'completed');
    await queue.removeAgent('main');
    assert.deepEqual(await queue.agents(), []);
    assert.equal(await (await queue.put(work.mark('job'))).status(), 'pending');
  });
});

describe('5 closing', () => {
  it('[5.9] claims no more jobs, and waits for running ones up to its grace', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const [first, behind] = await queue.putAll([work.hold('first'), work.mark('behind')]);
    await kit.waitForStart(first!);
    const closed = kit.runtime.close({ graceMs: 60_000 });
    await assert.rejects(queue.put(work.mark('late')), { code: 'CLOSED' });
    openGate('first');
    assert.equal(await first!.result(), 'first');
    assert.deepEqual(await closed, { hangingThreads: [], interrupted: 0 });
    assert.deepEqual(seen, ['first']);
    await kit.close();
    await kit.reopen();
    assert.equal(await kit.waitForResult(kit.runtime.job(behind!.id)), 'behind');
  });

  it('[5.9] interrupts the jobs that remain, which rerun at once at the next open, uncounted', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.hold('job'));
    await kit.waitForStart(job);
    await kit.clock.advance(5_000);
    const before = kit.clock.now.getTime();
    assert.deepEqual(await kit.close({ graceMs: 1_000 }), { stillRunning: [`work#hold ${job.id}`] });
    assert.equal(kit.clock.now.getTime(), before + 1_000);
    await kit.reopen();
    await kit.untilIdle();
    assert.deepEqual(seen, ['job', 'job']);
    const { attempts, interruptions } = await kit.runtime.job(job.id).details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 0 });
    openGate('job');
    assert.equal(await kit.waitForResult(kit.runtime.job(job.id)), 'job');
  });

  it('[5.9] interrupts at once a job that waits for a job not yet begun', async (t) => {
    const kit = await opened(t, { threads: 3 });
    const queue = kit.runtime.queue();
    const inner = await queue.put(work.hold('inner'));
    const outer = await queue.put(inside.waitForGiven(inner as never));
    const later = await queue.put(work.mark('later'), { beginAfter: 1000 });
    const stuck = await queue.put(inside.waitForGiven(later as never));
    for (const job of [inner, outer, stuck]) await kit.waitForStart(job);
    const closed = kit.runtime.close({ graceMs: Number.POSITIVE_INFINITY });
    await kit.untilIdle();
    assert.equal(await outer.status(), 'active', 'the job that it waits for runs');
    openGate('inner');
    assert.equal(await outer.result(), 'inner');
    assert.deepEqual(await closed, { hangingThreads: [], interrupted: 1 });
    await kit.close();
    await kit.reopen();
    const again = kit.runtime.job(stuck.id);
    assert.equal(await kit.waitForResult(again), 'later');
    const { attempts, interruptions } = await again.details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 0 });
  });
});
