/** Section 2 of the contract: setUp, tearDown and captured values. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineJobs, retryErrors } from 'callsheet';
import { seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

let tenant = 'nobody';
const hooked = defineJobs<typeof import('./jobs/hooked.js')>('hooked', new URL('./jobs/hooked.js', import.meta.url), {
  setUp: 'setUp',
  tearDown: 'tearDown',
  capture: () => tenant,
});

describe('2 jobs: hooks', () => {
  it('[2.8] run setUp before the handler, and tearDown after it with the value from setUp', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'Ada';
    assert.equal(await kit.run(hooked.run('job')), 'job');
    await kit.untilIdle();
    assert.deepEqual(seen, ['setUp of 1, given Ada', 'job', 'tearDown, given set up for Ada']);
  });

  it('[2.8] capture at the put, and store the captured value with the job', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'Ada';
    const { id } = await kit.runtime.queue().put(hooked.run('job'), { beginAfter: hourMs });
    tenant = 'Grace';
    await kit.crash();
    await kit.reopen();
    assert.deepEqual(await kit.runtime.job(id).arguments(), ['job']);
    assert.equal(await kit.waitForResult(kit.runtime.job(id)), 'job');
    assert.equal(seen[0], 'setUp of 1, given Ada');
  });

  it('[2.8] keep the captured value when the arguments are changed, and in a retry with others', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'Ada';
    const changed = await kit.runtime.queue().put(hooked.run('before'), { beginAfter: hourMs });
    const failed = await kit.runtime.queue().put(hooked.runUntil(2));
    await kit.waitForStatus(failed, 'completed');
    tenant = 'Grace';
    await changed.change({ args: ['after'] });
    assert.deepEqual(await changed.arguments(), ['after']);
    const again = await kit.runtime.retry(failed, { args: [1] });
    assert.equal(await kit.waitForResult(again), 1);
    await kit.untilIdle();
    seen.length = 0;
    await changed.change({ args: [], beginAfter: 0 });
    await kit.waitForStatus(changed, 'completed');
    assert.equal(seen[0], 'setUp of 1, given Ada');
    assert.deepEqual(await again.arguments(), [1]);
  });

  it('[2.8] fail the job if setUp fails, and still run tearDown', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'bad';
    const job = await kit.runtime.queue().put(hooked.run('job'));
    await kit.waitForStatus(job, 'completed');
    await kit.untilIdle();
    await failedWith(job, 'RangeError');
    assert.deepEqual(seen, ['setUp of 1, given bad', 'tearDown, given undefined']);
  });

  it('[2.8] run both again at a retry', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'Ada';
    const job = await kit.runtime.queue().put(hooked.runUntil(2), { retry: retryErrors({ limit: 2 }) });
    assert.equal(await kit.waitForResult(job), 2);
    await kit.untilIdle();
    const around = ['tearDown, given set up for Ada'];
    assert.deepEqual(seen, ['setUp of 1, given Ada', 'run 1', ...around, 'setUp of 2, given Ada', 'run 2', ...around]);
  });

  it('[2.8] keep the outcome if tearDown fails', async (t) => {
    const kit = await opened(t, { jobs: [hooked] });
    tenant = 'worse';
    const job = await kit.runtime.queue().put(hooked.run('job'));
    assert.equal(await kit.waitForResult(job), 'job');
    await kit.untilIdle();
    assert.equal(seen.at(-1), 'tearDown, given set up for worse');
    assert.deepEqual(
      kit.fatal.map(({ message, fields }) => [message, fields.job, fields.callable]),
      [['tearDown failed', job.id, 'hooked#run']],
    );
    assert.equal(await job.status(), 'completed');
    assert.equal(await job.result(), 'job');
  });
});
