/** The text that `console.log` shows for a job: what the handle knows without a question. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { inside, work } from './jobs/all.js';
import { hourMs, opened } from './opened.js';

describe('1 a handle', () => {
  it('[1] shows its id, its callable and its last known status', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('a'), { beginAfter: hourMs });
    const known = { id: job.id, callable: 'work#mark' };
    assert.equal(inspect(job), `Job ${inspect({ ...known, status: 'pending' })}`);
    assert.equal(inspect(kit.runtime.job(job.id)), `Job ${inspect({ id: job.id })}`);
    await kit.waitForResult(job);
    assert.equal(inspect(job), `Job ${inspect({ ...known, outcome: 'value' })}`);
    await job.details();
    assert.equal(inspect(job), `Job ${inspect({ ...known, status: 'completed', outcome: 'value' })}`);
    const [held, failed] = await queue.putAll([work.mark('b').with({ held: true }), work.fail('c')]);
    assert.match(inspect(held), /status: 'new'/);
    await kit.untilIdle();
    await failed.failure();
    assert.match(inspect({ failed }), /failed: Job \{\n.*outcome: 'failure'/s);
    const [together] = await kit.runtime.putTogether([{ job: work.mark('d') }]);
    assert.match(inspect(together), /callable: 'work#mark',\n.*status: 'pending'/s);
  });

  it('[1] shows both sides of a pair of callbacks', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('a'));
    const pair = await job.addCallbacks({ success: work.tell.with('well') });
    assert.match(inspect(pair), /^CallbackPair \{\n.*id: .*onSuccess: Job \{ id: .*onFailure: undefined/s);
  });

  it('[1] shows its id inside a job', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('a'));
    assert.equal(await kit.run(inside.shown(job as never)), `JobReference { id: '${job.id}' }`);
  });
});
