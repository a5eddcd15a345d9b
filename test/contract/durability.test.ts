/**
 * Section 9 of the contract through the public interface. The tests in `store`, `journal` and `e2e`
 * cover the rest.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parallel } from 'callsheet';
import { work } from './jobs/all.js';
import { opened } from './opened.js';

describe('9 durability', () => {
  it('[9.3] makes a job as durable as the job or part whose arguments refer to it', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    await queue.pause();
    const putReferred = () => queue.put(work.add(1, 2), { durability: 'memory' });
    const [inCall, inPart, alone] = [await putReferred(), await putReferred(), await putReferred()];
    await queue.put(work.idOf(inCall as never));
    await queue.put(parallel([work.idInside({ job: inPart as never })]), { durability: 'process' });
    await queue.put(work.idOf(alone as never), { durability: 'memory' });
    await kit.crash();
    await kit.reopen();
    const levelOf = async ({ id }: { id: string }) => (await kit.runtime.job(id).details()).durability;
    assert.deepEqual([await levelOf(inCall), await levelOf(inPart)], ['full', 'process']);
    await assert.rejects(levelOf(alone), { code: 'JOB_FORGOTTEN' });
  });
});
