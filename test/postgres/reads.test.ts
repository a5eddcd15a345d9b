/** A put of one process is there for each other at once: no process has a copy of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from 'callsheet';
import { realJobs, stubborn } from '../contract/real/jobs/all.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { freshSchema, serverUrl } from './schemas.js';

const hourMs = 3_600_000;
const rounds = 5;

test('[19.1] a process acts on a job as soon as another has put it', async (t) => {
  const place = { postgres: await serverUrl(), schema: await freshSchema() };
  const opened = async () => {
    const runtime = await open({ ...place, jobs: realJobs, threads: 1, agent: false, graceMs: 0 });
    t.after(() => runtime.close());
    return runtime;
  };
  const [a, b] = [await opened(), await opened()];
  const file = join(temporaryDirectory(), 'lines');
  const later = () => stubborn.quick(file, 'line').with({ beginAfter: hourMs });
  for (let round = 0; round < rounds; round++) {
    const [changed, cancelled] = await a.queue().putAll([later(), later()]);
    assert.equal(await b.job(changed!.id).status(), 'pending');
    await b.job(changed!.id).change({ priority: round });
    assert.equal((await a.job(changed!.id).details()).priority, round);
    await b.job(cancelled!.id).cancel();
    assert.equal(await a.job(cancelled!.id).status(), 'completed');
    const again = await a.retry(cancelled!.id, { beginAfter: hourMs });
    assert.equal((await b.job(again.id).details()).retryOf, cancelled!.id);
    const name = `schedule ${round}`;
    await a.queue().schedule(name, stubborn.quick(file, 'line'), { every: '1h' });
    const triggered = await b.schedule(name).trigger();
    assert.equal(await a.job(triggered.id).status(), 'pending');
    await a.queue().schedule(`paused ${round}`, stubborn.quick(file, 'line'), { every: '1h' });
    await b.schedule(`paused ${round}`).pause();
    assert.equal(await b.queue().length(), await a.queue().length());
  }
});
