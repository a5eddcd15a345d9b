/** Own policies and filters in their real threads. Whatever they do, they disturb no other jobs. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Job, open, type Runtime } from 'callsheet';
import { pino } from 'pino';
import { marksIn } from '../../e2e/jobs/all.js';
import { eventually } from '../../harness/eventually.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { deciding, realJobs } from './jobs/all.js';

const logger = pino({ level: 'silent' });

async function isHeld(job: Job, problem: RegExp): Promise<void> {
  await eventually('its job is held', async () => problem.test((await job.details()).awaits[0]?.problem ?? ''));
}

describe('an own policy on real threads', () => {
  const directory = temporaryDirectory();
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ directory, jobs: realJobs, threads: 1, logger });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  it('[8.1] is asked, and its data is kept with the job', async () => {
    const file = join(temporaryDirectory(), 'marks');
    const job = await callsheet.queue().put(deciding.failing(file), { retry: deciding.twice });
    assert.equal((await job.failure())?.name, 'RangeError');
    assert.deepEqual(marksIn(file), ['attempt 1', 'attempt 2', 'attempt 3']);
  });

  it('[8.1] is asked when a thread died', async () => {
    const file = join(temporaryDirectory(), 'marks');
    const job = await callsheet.queue().put(deciding.exits(file), { retry: deciding.twice });
    assert.equal((await job.failure())?.name, 'JobInterruptedError');
    assert.deepEqual(marksIn(file), ['attempt 1', 'attempt 2', 'attempt 3']);
    assert.equal((await job.details()).interruptions, 3);
  });

  for (const [what, retry, problem] of [
    ['never returns', deciding.loopsForEver, /not answered within 5000 ms/],
    ['ends its thread', deciding.exitsAsked, /its thread/],
  ] as const) {
    it(`[8.5] that ${what} holds its job and no other, over a restart too`, async () => {
      const file = join(temporaryDirectory(), 'marks');
      const job = await callsheet.queue().put(deciding.failing(file), { retry });
      assert.equal(await (await callsheet.queue().put(deciding.hello('Ada'))).result(), 'hello Ada');
      const other = await callsheet.queue().put(deciding.failing(join(temporaryDirectory(), 'marks')), {
        retry: deciding.twice,
      });
      assert.equal((await other.failure())?.name, 'RangeError');
      await isHeld(job, problem);
      await callsheet.close({ graceMs: 0 });
      callsheet = await open({ directory, jobs: realJobs, threads: 1, logger });
      const again = callsheet.job(job.id);
      assert.equal(await again.status(), 'active');
      await again.cancel();
      assert.equal((await again.failure())?.name, 'JobCancelledError');
      assert.deepEqual(marksIn(file), ['attempt 1']);
    });
  }
});

describe('a filter on real threads', () => {
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ directory: temporaryDirectory(), jobs: realJobs, threads: 1, agent: false, logger });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  it('[5.2] chooses the jobs of its agent, and a chooser their order', async () => {
    const queue = await callsheet.createQueue('taken');
    await queue.setAgent('mine', { size: 1, filter: deciding.takesAda, chooser: deciding.lastFirst });
    const [ada, bob] = await queue.putAll([deciding.hello('Ada'), deciding.hello('Bob')]);
    assert.equal(await ada!.result(), 'hello Ada');
    assert.equal(await bob!.status(), 'pending');
  });

  it('[5.10] is ended if it never returns, and keeps no other agent waiting', async () => {
    const queue = await callsheet.createQueue('stuck');
    await queue.setAgent('stuck', { size: 1, filter: deciding.loopsAtBob });
    const [bob, eve] = await queue.putAll([deciding.hello('Bob'), deciding.hello('Eve')]);
    const elsewhere = await callsheet.createQueue('elsewhere');
    await elsewhere.setAgent('mine', { size: 1, filter: deciding.takesAda });
    assert.equal(await (await elsewhere.put(deciding.hello('Ada'))).result(), 'hello Ada');
    const problem = async () => (await queue.agents())[0]?.problem?.message ?? '';
    await eventually('it is seen on its agent', async () => /not answered within 5000 ms/.test(await problem()));
    await queue.setAgent('all', { size: 1 });
    assert.deepEqual(await Promise.all([bob!.result(), eve!.result()]), ['hello Bob', 'hello Eve']);
  });
});
