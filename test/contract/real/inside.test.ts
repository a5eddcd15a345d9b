/** The API inside a job on real threads: `putNow`, waiting and progress. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { open, type Runtime } from 'callsheet';
import { temporaryDirectory } from '../../harness/temporary.js';
import { realJobs, within } from './jobs/all.js';

describe('a job on real threads', () => {
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ directory: temporaryDirectory(), jobs: realJobs, threads: 2 });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  it('[2.7] stores a job of putNow at once, and can wait for it', async () => {
    const outer = await callsheet.queue().put(within.putNowAndWait('inner'));
    const { id, result } = await outer.result();
    assert.equal(result, 'inner');
    assert.equal(await callsheet.job(id).result(), 'inner');
    const refused = await callsheet.queue().put(within.putNowInto('nowhere'));
    assert.equal((await refused.failure())?.code, 'UNKNOWN_QUEUE');
  });

  it('[2.6] can return a held job, which is put later by its id', async () => {
    const outer = await callsheet.queue().put(within.returnHeld('held'));
    await outer.annotations.waitFor('returning', { timeoutMs: 10_000 });
    let inner: string | undefined;
    while (inner === undefined) inner = (await outer.details()).returned;
    assert.equal(await callsheet.job(inner).status(), 'new');
    await callsheet.queue().put(callsheet.job(inner));
    assert.equal(await outer.result(), 'held');
  });

  it('[10.1] reads its dispatcher', async () => {
    const [own] = await callsheet.dispatchers();
    assert.equal(await (await callsheet.queue().put(within.dispatcher())).result(), own!.id);
  });

  it('[10.2] shows its progress during a loop that never waits', async () => {
    const job = await callsheet.queue().put(within.countUntilTold());
    await job.annotations.waitFor('progress', { timeoutMs: 10_000 });
    const { done, total } = (await job.progress())!;
    assert.ok(done >= 1 && total === 1e9, `${done} of ${total}`);
    await job.cancel();
    assert.equal((await job.failure())?.name, 'JobCancelledError');
  });
});
