/** What somebody waits for is synced at once; what nobody waits for costs no sync of its own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { open, parallel } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks } from './jobs/all.js';

/** What nobody waits for is synced so often. */
const lazySyncMs = 100;
const jobMs = 15;

it('[9.1] an outcome that is waited for does not wait for others', async () => {
  const directory = temporaryDirectory();
  const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
  const file = join(directory, 'marks');
  const tookMs: number[] = [];
  for (let round = 0; round < 10; round++) {
    // Long enough for the put to be synced meanwhile.
    const job = await callsheet.queue().put(marks.markFor(file, `${round}`, jobMs));
    const start = performance.now();
    await job.result();
    tookMs.push(performance.now() - start);
  }
  await callsheet.close();
  // Others may have the machine for a while, but not each time. At first there may be a sync for
  // another reason.
  assert.ok(Math.min(...tookMs.slice(1)) < lazySyncMs, `${tookMs}`);
});

it('[9.1] parts that nobody waits for are synced together', async () => {
  const directory = temporaryDirectory();
  const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const file = join(directory, 'marks');
  const parts = Array.from({ length: 60 }, (_, part) => marks.markFor(file, `${part}`, jobMs));
  const job = await callsheet.queue().put(parallel(parts));
  const before = await callsheet.stats();
  const start = performance.now();
  await job.result();
  const tookMs = performance.now() - start;
  const after = await callsheet.stats();
  await callsheet.close();
  const [frames, syncs] = [after.frames - before.frames, after.syncs - before.syncs];
  // One for the result, and one for the figures.
  const most = Math.ceil(tookMs / lazySyncMs) + 2;
  assert.ok(syncs <= most, `${frames} frames and ${syncs} syncs in ${tookMs} ms`);
});
