/** The time to import a job's module does not count as time of the job. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { defineJobs, open } from 'callsheet';

const slow = defineJobs<typeof import('./jobs/slow-import.js')>(
  'slow',
  new URL('./jobs/slow-import.js', import.meta.url),
);

it('[2.9] limits the time of the handler, not of the import of its module in another thread', async () => {
  const callsheet = await open({ jobs: [slow], threads: 2 });
  // One thread imported the module when `open` looked up its exports. The other must still import
  // it, which takes longer than the rest of the timeout. The first thread is kept busy until then.
  const jobs = await callsheet.queue().putAll([slow.nap(700), slow.nap(700)], { timeoutMs: 1300 });
  assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), [700, 700]);
  await callsheet.close();
});
