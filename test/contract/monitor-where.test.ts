/** Section 11 of the contract: filters with a function of a job module. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { JobQuery } from 'callsheet';
import { asked, work } from './jobs/all.js';
import { filtered, filterSays, forgetQuestions, laterAnswer } from './jobs/asked.js';
import { hourMs, opened } from './opened.js';

const where = asked.takes;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);
const isEven = (name: string) => Number(name) % 2 === 0;

/** Puts jobs that wait, with the names 0, 1, 2 …. */
async function started(t: TestContext, count: number) {
  forgetQuestions();
  const kit = await opened(t, { threads: 1 });
  const queue = kit.runtime.queue();
  const jobs = await queue.putAll(
    numbered(count).map((name) => work.mark(name)),
    { beginAfter: hourMs },
  );
  const names = new Map(jobs.map(({ id }, index) => [id, index]));
  /** Drives the world until the answer is there. */
  const driven = async <Result>(result: Promise<Result>): Promise<Result> => {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    result.then(end, end);
    await kit.waitFor('there is an answer', () => isOver);
    return result;
  };
  const page = async (filter: JobQuery, options = {}) => {
    const { items, next } = await driven(kit.runtime.monitor.jobs(filter, { order: 'oldest', ...options }));
    return { found: items.map(({ id }) => names.get(id)!), next };
  };
  return { kit, queue, jobs, page, driven };
}

describe('11 looking at it: jobs by a function', () => {
  it('[11.2] lists the jobs that it takes among those that fit otherwise, page by page', async (t) => {
    const { kit, queue, page } = await started(t, 600);
    filterSays(isEven);
    await queue.put(work.hold('other'));
    const callable = 'work#mark';
    const expected = numbered(600).filter(isEven).map(Number);
    assert.deepEqual((await page({ callable, where }, { limit: 1000 })).found, expected);
    assert.ok(!filtered.includes('other'), 'it is asked about nothing else');
    const all: number[] = [];
    for (let cursor: string | undefined; ; ) {
      const { found, next } = await page({ callable, where }, { limit: 7, ...(cursor && { cursor }) });
      all.push(...found);
      if (next === undefined) break;
      cursor = next;
    }
    assert.deepEqual(all, expected, 'no job twice, and none missing');
    assert.deepEqual(await page({ callable, where: work.add as never }).catch(({ code }) => code), 'WHERE_FAILED');
    const cursor = (await page({ callable, where }, { limit: 7 })).next;
    await assert.rejects(kit.runtime.monitor.jobs({ callable }, { order: 'oldest', cursor: cursor! }), RangeError);
  });

  it('[11.2] goes on with other questions and jobs while it is asked', async (t) => {
    const { kit, queue, jobs, page } = await started(t, 3);
    const { promise, give } = laterAnswer();
    filterSays((name) => (name === '1' ? promise : true));
    const listed = page({ where, callable: 'work#mark' });
    await kit.waitForResult(await queue.put(work.echo('meanwhile')));
    assert.equal((await kit.runtime.monitor.counts({}, { by: [] }))[0]?.count, 4);
    await jobs[0]!.cancel();
    await kit.untilIdle();
    give(true);
    assert.deepEqual((await listed).found, [0, 1, 2]);
  });

  it('[11.2] is an error with a code if it throws, gives no boolean, or takes more than its time', async (t) => {
    const { kit, driven } = await started(t, 3);
    const ask = () => driven(kit.runtime.monitor.jobs({ where }));
    const answers: [answer: (name: string) => unknown, message: RegExp][] = [
      [() => assert.fail('on purpose'), /asked#takes failed when it was asked about job [0-9a-f-]{36}: .*on purpose/],
      [() => 'yes', /a filter must return true or false, got yes/],
    ];
    for (const [answer, message] of answers) {
      filterSays(answer);
      await assert.rejects(ask(), { name: 'WhereFailedError', code: 'WHERE_FAILED', message });
    }
    filterSays(() => new Promise(() => {}));
    const late = kit.runtime.monitor.jobs({ where });
    const message = /could not be asked .*has not answered within 5000 ms/;
    const refused = assert.rejects(late, { code: 'WHERE_FAILED', message });
    await kit.clock.advance(5000);
    await refused;
    const missing = driven(
      kit.runtime.monitor.jobs({ where: (asked as unknown as Record<string, never>).notAFunction! }),
    );
    await assert.rejects(missing, { code: 'EXPORT_NOT_CALLABLE' });
    for (const bad of [() => true, work.mark('called'), 'asked#takes', asked.takes.with(1 as never)])
      await assert.rejects(kit.runtime.monitor.jobs({ where: bad as never }), { code: 'INVALID_OPTION' });
    filterSays(() => true);
    assert.equal((await ask()).items.length, 3, 'the next question is answered');
  });

  it('[11.5] selects the jobs of a bulk action, and [11.7] the failures that are grouped', async (t) => {
    const { kit, queue, page, driven } = await started(t, 10);
    filterSays(isEven);
    const { runtime } = kit;
    assert.equal((await driven(runtime.cancelAll({ where }, { dryRun: true }))).matched, 5);
    const { matched, done } = await driven(runtime.cancelAll({ where }, { expect: 5 }));
    assert.deepEqual([matched, done], [5, 5]);
    filterSays(() => true);
    assert.deepEqual((await page({ status: 'pending', where })).found, [1, 3, 5, 7, 9]);
    await queue.put(work.fail('1'));
    await kit.untilIdle();
    filterSays((name) => !isEven(name));
    const { groups } = await driven(runtime.monitor.failures({ filter: { where } }));
    assert.deepEqual(
      groups.map(({ callable, count }) => [callable, count]),
      [['work#fail', 1]],
    );
  });
});
