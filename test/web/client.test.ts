/** The page of a client: it shows the runtime of another process. */
import { test } from 'node:test';
import { open } from 'callsheet';
import { realJobs } from '../contract/real/jobs/all.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { tour } from './tour.js';

test('[17.7] the page of a client shows the runtime of its owner, and steers it', async (t) => {
  const directory = temporaryDirectory();
  const options = { directory, jobs: realJobs, graceMs: 0 };
  const owner = await open({ ...options, threads: 1, share: 'owner' });
  t.after(() => owner.close());
  const client = await open({ ...options, share: 'client' });
  t.after(() => client.close());
  await tour(client);
});
