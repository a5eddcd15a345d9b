/** The page on a database: every process shows and steers the jobs of all. */
import { test } from 'node:test';
import { type OpenOptions, open } from 'callsheet';
import { realJobs } from '../contract/real/jobs/all.js';
import { tour } from '../web/tour.js';
import { freshSchema, serverUrl } from './schemas.js';

test('[17.7] a process that runs nothing shows what another runs, and steers it', async (t) => {
  const place = { postgres: await serverUrl(), schema: await freshSchema() };
  const opened = async (options: Partial<OpenOptions>) => {
    const runtime = await open({ ...place, jobs: realJobs, graceMs: 0, ...options });
    t.after(() => runtime.close());
    return runtime;
  };
  const host = await opened({ threads: 1 });
  await tour(await opened({ dispatcher: false }), host);
});
