/** Section 11 of the contract: the log, and functions that a build does not have. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parallel, retryErrors } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { allJobs, inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { hourMs, opened } from './opened.js';

const others = allJobs.filter((module) => module !== work);

/** Reopens the jobs that `put` has put with a build without the module `work`. */
async function deployed(t: TestContext, put: (kit: Kit) => Promise<unknown>): Promise<Kit> {
  const kit = await opened(t);
  await kit.runtime.queue().pause();
  await put(kit);
  await kit.close();
  kit.logs.splice(0);
  await kit.reopen({ jobs: others });
  await kit.runtime.queue().resume();
  return kit;
}

const linesOf = ({ logs }: Kit, level: string) =>
  logs.filter((line) => line.level === level).map(({ message }) => message);

/** Log lines about jobs: level, message, callable and the error's message. */
const saidOf = ({ logs }: Kit) =>
  logs.map(({ level, message, fields: { callable, err } }) => [level, message, callable, (err as Error)?.message]);

describe('11 the log', () => {
  it('[11.1] warns of a failure that no caller waits for, and not of one that is delivered', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const unseen = await queue.put(work.fail('unseen'));
    await kit.untilIdle();
    const [line, ...others] = kit.logs;
    assert.deepEqual(others, []);
    const { err, ...fields } = line!.fields;
    assert.deepEqual([line!.level, line!.message, line!.detail], ['warn', 'a job failed', `job ${unseen.id}`]);
    assert.deepEqual(fields, { job: unseen.id, callable: 'work#fail', queue: '', attempt: 1, agent: 'main' });
    assert.match((err as Error).stack!, /work\.js:\d+/);
    kit.logs.splice(0);
    (await queue.put(work.fail('awaited'))).result().catch(() => {});
    await queue.put(work.fail('called back').on({ failure: work.tell.with('him') }));
    await queue.put(parallel([work.fail('part')]));
    const [many] = await queue.putAll([work.fail('asked for')]);
    many!.failure();
    await kit.untilIdle();
    assert.deepEqual(new Set(kit.logs.map(({ level }) => level)), new Set(['info']));
    assert.equal(kit.logs.length, 4);
  });

  it('[11.1] names retries, interruptions and failed callbacks, with their errors', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await kit.run(work.failUntil(2).with({ retry: retryErrors({ limit: 1 }) }));
    await kit.run(work.add(1, 2).onBoth(work.fail.with('bad callback')));
    await kit.untilIdle();
    await kit.waitForStart(await queue.put(work.hold('held')));
    await kit.killThread();
    assert.deepEqual(
      saidOf(kit).map(([level, message, callable]) => [level, message, callable]),
      [
        ['info', 'a job failed, and will run again', 'work#failUntil'],
        ['fatal', 'a callback failed', 'work#fail'],
        ['error', 'a worker thread died: Error: a virtual thread was killed', undefined],
        ['info', 'a job was interrupted: its thread died', 'work#hold'],
      ],
    );
    assert.deepEqual(saidOf(kit)[1]![3], 'bad callback');
    assert.notEqual(saidOf(kit)[0]![3], undefined);
  });

  it('[11.1] names a result that was lost at commit', async (t) => {
    const kit = await opened(t);
    (await kit.runtime.queue().put(inside.putBadly())).result().catch(() => {});
    await kit.untilIdle();
    (await kit.runtime.queue().put(inside.returnHeld('held', 'nowhere'))).result().catch(() => {});
    await kit.untilIdle();
    const lost = kit.logs.filter(({ level }) => level === 'error');
    assert.equal(lost.length, 1, JSON.stringify(kit.logs));
    assert.match(lost[0]!.message, /^the outcome of the job could not be stored: /);
    assert.equal(lost[0]!.fields.callable, 'inside#returnHeld');
  });

  it('[11.1] is limited to a number of lines a second, and counts those left out', async (t) => {
    const kit = await opened(t);
    await kit.runtime.queue().putAll(Array.from({ length: 1200 }, () => work.fail('again')));
    await kit.untilIdle();
    assert.equal(kit.logs.length, 1000);
    await kit.clock.advance(1000);
    assert.deepEqual(
      linesOf(kit, 'warn').at(-1),
      '200 lines about jobs were not logged: the limit is 1000 lines a second',
    );
  });
});

describe('11 jobs whose functions this build does not have', () => {
  it('[11.4] are counted by callable in a warning when the runtime opens', async (t) => {
    const kit = await deployed(t, async ({ runtime }) => {
      await runtime.queue().putAll([work.mark('a'), work.mark('b'), work.echo('c'), inside.listenSync('nothing')]);
      await runtime.queue().put(work.mark('later'), { beginAfter: hourMs });
    });
    const [warning, ...more] = linesOf(kit, 'warn');
    assert.deepEqual(more, []);
    assert.equal(warning, '4 jobs wait for functions that this build does not have: work#mark (3), work#echo (1)');
    await kit.close();
    kit.logs.splice(0);
    await kit.reopen({ jobs: allJobs });
    assert.deepEqual(linesOf(kit, 'warn'), []);
  });

  it('[11.4] are marked in their details, and run when a build has them', async (t) => {
    const ids: string[] = [];
    const kit = await deployed(t, async ({ runtime }) => {
      for (const job of await runtime.queue().putAll([work.mark('a'), inside.listenSync('nothing')])) ids.push(job.id);
    });
    await kit.clock.advance(hourMs);
    const seenOf = async () => {
      const details = await Promise.all(ids.map((id) => kit.runtime.job(id).details()));
      return details.map(({ status, unknownCallable }) => [status, unknownCallable]);
    };
    assert.deepEqual(await seenOf(), [
      ['pending', true],
      ['completed', false],
    ]);
    await kit.close();
    await kit.reopen({ jobs: allJobs });
    assert.equal(await kit.waitForResult(kit.runtime.job(ids[0]!)), 'a');
    assert.deepEqual((await seenOf())[0], ['completed', false]);
  });

  it('[11.4] are counted by drain, which does not wait for them', async (t) => {
    const kit = await deployed(t, async ({ runtime }) => {
      await runtime.queue().putAll([work.mark('a'), work.mark('b'), inside.listenSync('nothing'), work.echo('c')]);
    });
    const drained = kit.runtime.queue().drain();
    await kit.clock.advance(hourMs);
    assert.deepEqual(await drained, {
      left: [
        { callable: 'work#mark', jobs: 2 },
        { callable: 'work#echo', jobs: 1 },
      ],
    });
    const later = await kit.runtime.queue().put(inside.listenSync('more'), { priority: -1 });
    const again = kit.runtime.queue().drain();
    await kit.clock.advance(hourMs);
    assert.equal((await again).left.length, 2);
    assert.equal(await later.status(), 'completed');
  });

  it('[11.4] keep their composition waiting, for which drain does not wait', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const whole = await kit.runtime.queue().put(parallel([work.hold('held'), work.mark('part')]));
    await kit.waitForStart(whole);
    await kit.close();
    await kit.reopen({ jobs: others });
    const drained = kit.runtime.queue().drain();
    await kit.clock.advance(hourMs);
    assert.deepEqual(
      new Map((await drained).left.map(({ callable, jobs }) => [callable, jobs])),
      new Map([
        ['work#hold', 1],
        ['work#mark', 1],
      ]),
    );
    await kit.close();
    await kit.reopen({ jobs: allJobs });
    openGate('held');
    assert.equal((await kit.waitForResult(kit.runtime.job<readonly unknown[]>(whole.id))).length, 2);
  });

  it('[11.4] hold back the jobs that need their place, which drain counts', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    await queue.setQuota('one');
    const whole = await queue.put(parallel([work.hold('held')]).with({ quotas: ['one'] }));
    await kit.waitForStart(whole);
    await queue.put(inside.listenSync('nothing'), { quotas: ['one'] });
    await kit.close();
    await kit.reopen({ jobs: others });
    const drained = kit.runtime.queue().drain();
    await kit.clock.advance(hourMs);
    assert.deepEqual(
      new Map((await drained).left.map(({ callable, jobs }) => [callable, jobs])),
      new Map([
        ['work#hold', 1],
        ['inside#listenSync', 1],
      ]),
    );
  });

  it('[11.4] wait as callbacks for a build that has them', async (t) => {
    const ids: string[] = [];
    const kit = await deployed(t, async ({ runtime }) => {
      const job = await runtime.queue().put(inside.listenSync('nothing'));
      ids.push(job.id, (await job.addCallback(work.mark.with('called'))).id);
    });
    const drained = kit.runtime.queue().drain();
    await kit.clock.advance(hourMs);
    assert.deepEqual(await drained, { left: [{ callable: 'work#mark', jobs: 1 }] });
    assert.equal((await kit.runtime.job(ids[1]!).details()).unknownCallable, true);
    await kit.close();
    await kit.reopen({ jobs: allJobs });
    await kit.waitForStatus(kit.runtime.job(ids[0]!), 'completed');
    assert.ok(seen.includes('called'));
  });

  it('[11.4] keep no agent’s place from other jobs as callbacks', async (t) => {
    const kit = await deployed(t, async ({ runtime }) => {
      for (let n = 0; n < 4; n++) await runtime.queue().put(inside.legs(0).onBoth(work.mark.with('called')));
    });
    await kit.untilIdle();
    assert.equal(await kit.waitForResult(await kit.runtime.queue().put(inside.legs(0))), 'arrived');
  });

  it('[11.4] are logged once for each callable when a caller waits for their result', async (t) => {
    const ids: string[] = [];
    const kit = await deployed(t, async ({ runtime }) => {
      for (const job of await runtime.queue().putAll([work.mark('a'), work.mark('b')])) ids.push(job.id);
    });
    kit.logs.splice(0);
    for (const id of ids)
      kit.runtime
        .job(id)
        .result()
        .catch(() => {});
    await kit.untilIdle();
    assert.deepEqual(
      kit.logs.map(({ level, message, detail }) => [level, message, detail]),
      [['warn', 'an awaited job waits for work#mark, which this build does not have', `job ${ids[0]}`]],
    );
  });
});
