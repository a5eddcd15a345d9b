/** What importing a job's module takes is not of the time that the job may take. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { defineJobs, open } from 'callsheet';

const slow = defineJobs<typeof import('./jobs/slow-import.js')>(
  'slow',
  new URL('./jobs/slow-import.js', import.meta.url),
);

it('[2.9] a timeout covers the handler, not the import of its module in another thread', async () => {
  const callsheet = await open({ jobs: [slow], threads: 2 });
  // One thread has imported it for `open` to see what it exports. The other has to, which takes
  // longer than what is left of the time; and the job of the first keeps that busy until the other
  // is there.
  const jobs = await callsheet.queue().putAll([slow.nap(700), slow.nap(700)], { timeoutMs: 1300 });
  assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), [700, 700]);
  await callsheet.close();
});
