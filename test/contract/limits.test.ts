/** Section 15 of the contract: limits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inside, work } from './jobs/all.js';
import { opened } from './opened.js';

describe('15 limits', () => {
  it('[15.1] accepts arguments and results of payloadLimitBytes, and rejects more', async (t) => {
    const kit = await opened(t, { payloadLimitBytes: 2000 });
    const fits = 'x'.repeat(1990);
    assert.equal(await kit.run(work.echo(fits)), fits);
    await assert.rejects(kit.runtime.queue().put(work.echo('x'.repeat(2000))), {
      name: 'NotStorableError',
      code: 'PAYLOAD_TOO_LARGE',
      message:
        'arguments needs more than 2000 bytes, which is payloadLimitBytes of open(): store it elsewhere and pass its place',
    });
    const job = await kit.runtime.queue().put(work.text(2000));
    await kit.waitForStatus(job, 'completed');
    const { code, message } = (await job.failure())!;
    assert.equal(code, 'PAYLOAD_TOO_LARGE');
    assert.match(message, /^result needs more than 2000 bytes, which is payloadLimitBytes of open\(\)/);
  });

  it('[15.1] applies payloadLimitBytes to puts inside a job', async (t) => {
    const kit = await opened(t, { payloadLimitBytes: 2000 });
    const job = await kit.runtime.queue().put(inside.putsText(2000));
    await kit.waitForStatus(job, 'completed');
    assert.equal((await job.failure())?.code, 'PAYLOAD_TOO_LARGE');
  });

  it('[15.1] rejects a payloadLimitBytes outside of its range', async (t) => {
    for (const payloadLimitBytes of [1023, 128 * 1024 * 1024 + 1, 2000.5, Number.NaN])
      await assert.rejects(opened(t, { payloadLimitBytes }), {
        name: 'RangeError',
        message: /^`payloadLimitBytes` must/,
      });
    await opened(t, { payloadLimitBytes: 128 * 1024 * 1024 });
  });
});
