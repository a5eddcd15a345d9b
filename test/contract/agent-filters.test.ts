/** Section 5 of the contract: agents whose filter or chooser is a function of a job module. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Part } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { asked, work } from './jobs/all.js';
import { chooserSays, chosenFrom, filtered, filterSays, forgetQuestions, laterAnswer } from './jobs/asked.js';
import { openGate, seen } from './jobs/work.js';
import { opened } from './opened.js';

const marks = (...names: string[]): Part[] => names.map((name) => work.mark(name));

/** The problem that the details of an agent show for its function. */
async function problemOf(kit: Kit, name: string): Promise<string | undefined> {
  const agents = await kit.runtime.queue().agents();
  return agents.find((agent) => agent.name === name)?.problem?.message;
}

describe('5 agents with a filter or a chooser function', () => {
  beforeEach(forgetQuestions);

  it('[5.2] calls a filter function for each job, and leaves the jobs that it refuses in line', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    filterSays((name) => name !== 'b');
    const [, b] = await queue.putAll(marks('a', 'b', 'c'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'c']);
    assert.equal(await b!.status(), 'pending');
    assert.deepEqual((await queue.agents())[0]?.filter, { by: 'asked#takes' });
    assert.deepEqual(await b!.details().then(({ awaits }) => awaits), []);
  });

  it('[5.2] keeps the filter’s answer about a job until the job or the filter changes', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    filterSays((name) => name === 'later');
    const jobs = await queue.putAll(marks('a', 'b'));
    await kit.untilIdle();
    await queue.put(work.mark('c'));
    await kit.untilIdle();
    assert.deepEqual(filtered, ['a', 'b', 'c']);
    await jobs[1]!.change({ args: ['later'] });
    await kit.untilIdle();
    assert.deepEqual(filtered, ['a', 'b', 'c', 'later']);
    assert.deepEqual(seen, ['later']);
    filterSays(() => true);
    await queue.setAgent('mine', { size: 2, filter: asked.takes });
    await kit.untilIdle();
    assert.deepEqual(seen, ['later'], 'the same filter is not asked again');
    await queue.setAgent('mine', { size: 2, filter: { modules: ['work'], by: asked.takes } });
    await kit.untilIdle();
    assert.deepEqual(seen, ['later', 'a', 'c']);
  });

  it('[5.2] asks the filter function only about jobs that match the filter’s data', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: { minPriority: 1, by: asked.takes } });
    filterSays((name) => name !== 'b');
    await queue.putAll([work.mark('a'), work.mark('b').with({ priority: 1 }), work.mark('c').with({ priority: 2 })]);
    await kit.untilIdle();
    assert.deepEqual(filtered, ['c', 'b']);
    assert.deepEqual(seen, ['c']);
  });

  it('[5.2] asks about 1,000 jobs in few questions, and runs them in order', async (t) => {
    const kit = await opened(t, { agent: false, threads: 1 });
    const queue = kit.runtime.queue();
    const names = Array.from({ length: 1000 }, (_, index) => `job ${index}`);
    await queue.putAll(marks(...names));
    filterSays((name) => Number(name.slice(4)) % 100 === 99);
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    await kit.untilIdle();
    assert.deepEqual(
      seen,
      names.filter((name) => name.endsWith('99')),
    );
    assert.deepEqual(filtered, names, 'asked about each job once');
  });

  it('[5.2] delays no other agent, and no job already accepted, while it waits for an answer', async (t) => {
    const kit = await opened(t, { threads: 2, agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    const answer = laterAnswer();
    const first = await queue.put(work.hold('first'));
    const second = await queue.put(work.mark('second'));
    await kit.untilIdle();
    filterSays(() => answer.promise);
    const slow = await queue.put(work.mark('slow'), { priority: 1 });
    openGate('first');
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'second']);
    assert.equal(await first.result(), 'first');
    assert.equal(await second.result(), 'second');
    const { awaits, status } = await slow.details();
    assert.equal(status, 'pending');
    assert.deepEqual(
      awaits.map(({ callable, agent, problem }) => ({ callable, agent, problem })),
      [{ callable: 'asked#takes', agent: 'mine', problem: undefined }],
    );
    const other = await queue.put(work.mark('other'));
    await queue.setAgent('all', { size: 1, filter: { maxPriority: 0 } });
    assert.equal(await kit.waitForResult(other), 'other');
    answer.give(true);
    assert.equal(await kit.waitForResult(slow), 'slow');
  });

  it('[5.2] asks about no job that is not due or has no place in a quota', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    await queue.setAgent('mine', { size: 2, filter: asked.takes });
    const options = { quotas: ['one'] };
    await queue.putAll([work.hold('a').with(options), work.hold('b').with(options)]);
    await queue.put(work.mark('later'), { beginAfter: 1_000 });
    await kit.untilIdle();
    assert.deepEqual(seen, ['a']);
    assert.ok(!filtered.includes('later'));
    openGate('a');
    await kit.clock.advance(1_000);
    assert.deepEqual(seen, ['a', 'b', 'later']);
  });

  it('[5.2] rejects a filter that is not an exported function of this build', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const unknown = (asked as unknown as Record<string, never>).missing!;
    for (const [options, code] of [
      [{ filter: unknown }, 'UNKNOWN_EXPORT'],
      [{ chooser: unknown }, 'UNKNOWN_EXPORT'],
      [{ filter: { by: () => true } }, 'INVALID_OPTION'],
      [{ filter: () => true }, 'INVALID_OPTION'],
      [{ filter: { modules: ['x'.repeat(65_536)] } }, 'INVALID_OPTION'],
      [{ chooser: asked.choose.with({} as never) }, 'INVALID_OPTION'],
    ] as const) {
      await assert.rejects(queue.setAgent('a', { size: 1, ...(options as object) }), { code });
    }
    assert.equal((await queue.agents()).length, 1);
  });

  for (const [what, answer, problem] of [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      /Error: broken/,
    ],
    ['answers something else', () => 'yes', /true or false, got yes/],
    ['rejects', () => Promise.reject(new RangeError('later')), /RangeError: later/],
  ] as [string, (name: string) => unknown, RegExp][]) {
    it(`[5.10] logs a filter that ${what}, shows it on its agent, asks again and disturbs no other agent`, async (t) => {
      const kit = await opened(t, { agent: false });
      const queue = kit.runtime.queue();
      await queue.setAgent('mine', { size: 1, filter: asked.takes });
      filterSays((name) => (name === 'bad' ? answer(name) : true));
      const bad = await queue.put(work.mark('bad'));
      const good = await queue.put(work.mark('good'));
      await kit.untilIdle();
      assert.equal(await good.result(), 'good', 'another job of the same question runs');
      assert.equal(await bad.status(), 'pending');
      assert.match((await problemOf(kit, 'mine')) ?? 'nothing', problem);
      assert.match(kit.fatal[0]?.message ?? 'nothing', problem);
      const { awaits } = await bad.details();
      assert.match(awaits[0]?.problem ?? 'nothing', problem);
      const { since } = (await queue.agents())[0]!.problem!;
      await kit.clock.advance(1_000);
      assert.equal(kit.fatal.length, 2);
      assert.deepEqual((await queue.agents())[0]!.problem!.since, since);
      filterSays(() => true);
      await kit.clock.advance(2_000);
      assert.equal(await bad.result(), 'bad');
      assert.equal(await problemOf(kit, 'mine'), undefined);
    });
  }

  it('[5.10] asks about the other jobs alone after a filter did not answer about one of them', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    filterSays((name) => (name === 'bad' ? new Promise(() => {}) : true));
    const [bad] = await queue.putAll(marks('bad', 'good', 'better'));
    await kit.clock.advance(60_000);
    assert.deepEqual(seen, ['good', 'better']);
    assert.equal(await bad!.status(), 'pending');
    assert.match((await problemOf(kit, 'mine')) ?? 'nothing', /not answered within/);
    assert.ok(kit.fatal.length >= 2);
    await queue.setAgent('all', { size: 1 });
    assert.equal(await kit.waitForResult(bad!), 'bad');
    await queue.removeAgent('all');
    await kit.clock.advance(600_000);
    await kit.run(work.mark('new'));
    assert.equal(await problemOf(kit, 'mine'), undefined, 'it answers again');
  });

  it('[5.10] claims nothing for a filter that this build does not have, and shows the problem', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    await queue.setAgent('all', { size: 1, filter: { minPriority: 1 } });
    await kit.close();
    await kit.reopen({ jobs: [work] });
    const job = await kit.runtime.queue().put(work.mark('job'));
    assert.equal(await kit.waitForResult(await kit.runtime.queue().put(work.mark('other'), { priority: 1 })), 'other');
    assert.equal(await job.status(), 'pending');
    assert.match((await problemOf(kit, 'mine')) ?? 'nothing', /no such function/);
    assert.equal(await problemOf(kit, 'all'), undefined);
  });

  it('[5.2] claims the jobs that a chooser returns, in its order, and shows it those that its agent runs', async (t) => {
    const kit = await opened(t, { agent: false, threads: 2 });
    const queue = kit.runtime.queue();
    await queue.putAll(['a', 'b', 'c', 'd'].map((name) => work.hold(name)));
    // Chooses from the end, and never b beside d.
    chooserSays(({ waiting, running }) =>
      waiting
        .filter(({ arguments: [name] }) => name !== 'b' || !running.some((job) => job.arguments[0] === 'd'))
        .reverse(),
    );
    await queue.setAgent('mine', { size: 2, chooser: asked.choose });
    await kit.untilIdle();
    assert.deepEqual(seen, ['d', 'c']);
    assert.equal((await queue.agents())[0]?.chooser, 'asked#choose');
    assert.deepEqual(chosenFrom[0], { waiting: ['a', 'b', 'c', 'd'], running: [] });
    openGate('c');
    await kit.untilIdle();
    assert.deepEqual(seen, ['d', 'c', 'a']);
    openGate('a');
    await kit.untilIdle();
    assert.deepEqual(seen, ['d', 'c', 'a']);
    assert.deepEqual(chosenFrom.at(-1), { waiting: ['b'], running: ['d'] });
    const before = chosenFrom.length;
    await kit.untilIdle();
    assert.equal(chosenFrom.length, before, 'no job is new');
    openGate('d');
    await kit.untilIdle();
    assert.deepEqual(seen, ['d', 'c', 'a', 'b']);
  });

  it('[5.2] asks a chooser again about a job that it chose and that is back in line', async (t) => {
    const kit = await opened(t, { agent: false, threads: 2 });
    const queue = kit.runtime.queue();
    await queue.put(work.hold('a'));
    chooserSays(({ waiting }) => waiting);
    await queue.setAgent('mine', { size: 2, chooser: asked.choose });
    await kit.untilIdle();
    await kit.killThread();
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'a']);
    assert.deepEqual(chosenFrom, [
      { waiting: ['a'], running: [] },
      { waiting: ['a'], running: [] },
    ]);
  });

  it('[5.2] shows a chooser the first 100 jobs at most', async (t) => {
    const kit = await opened(t, { agent: false, threads: 1 });
    const queue = kit.runtime.queue();
    await queue.putAll(Array.from({ length: 150 }, (_, index) => work.hold(`job ${index}`)));
    chooserSays(({ waiting }) => [waiting.at(-1)!.id]);
    await queue.setAgent('mine', { size: 1, chooser: asked.choose });
    await kit.untilIdle();
    assert.equal(chosenFrom[0]?.waiting.length, 100);
    assert.deepEqual(seen, ['job 99']);
  });

  it('[5.2] shows a chooser only the jobs that the agent’s filter accepts', async (t) => {
    const kit = await opened(t, { agent: false, threads: 1 });
    const queue = kit.runtime.queue();
    filterSays((name) => name !== 'a');
    chooserSays(({ waiting }) => [...waiting].reverse());
    await queue.putAll(marks('a', 'b', 'c'));
    await queue.setAgent('mine', { size: 1, filter: asked.takes, chooser: asked.choose });
    await kit.untilIdle();
    assert.deepEqual(seen, ['c', 'b']);
  });

  for (const [what, answer, problem] of [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      /Error: broken/,
    ],
    ['answers something other than a list', () => true, /a list of waiting jobs/],
    ['answers a job that does not wait', () => ['nobody'], /got nobody/],
    ['does not answer in time', () => new Promise(() => {}), /not answered within/],
  ] as [string, () => unknown, RegExp][]) {
    it(`[5.10] logs a chooser that ${what}, shows it on its agent, asks again and disturbs no other agent`, async (t) => {
      const kit = await opened(t, { agent: false });
      const queue = kit.runtime.queue();
      await queue.setAgent('mine', { size: 1, filter: { maxPriority: 0 }, chooser: asked.choose });
      await queue.setAgent('all', { size: 1, filter: { minPriority: 1 } });
      chooserSays(answer);
      const job = await queue.put(work.mark('job'));
      const other = await queue.put(work.mark('other'), { priority: 1 });
      await kit.untilIdle();
      assert.equal(await other.result(), 'other');
      await kit.clock.advance(5_500);
      assert.match((await problemOf(kit, 'mine')) ?? 'nothing', problem);
      assert.equal(await problemOf(kit, 'all'), undefined);
      assert.match(kit.fatal[0]?.message ?? 'nothing', problem);
      assert.match((await job.details()).awaits[0]?.problem ?? 'nothing', problem);
      chooserSays(({ waiting }) => waiting);
      assert.equal(await kit.waitForResult(job), 'job');
      assert.equal(await problemOf(kit, 'mine'), undefined);
    });
  }
});
