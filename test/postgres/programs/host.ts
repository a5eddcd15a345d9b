/**
 * A host: runs the jobs of a database until it is killed, or closes when its input ends. Arguments:
 * `URL SCHEMA`. Prints `open ID`, and `started JOB` for each job that starts here.
 */
import { open } from 'callsheet';
import { realJobs } from '../../contract/real/jobs/all.js';

const [postgres, schema] = process.argv.slice(2) as [string, string];
const runtime = await open({ postgres, schema, jobs: realJobs, threads: 1, pingMs: 200, deathMs: 1000, graceMs: 0 });
process.stdout.write(`open ${runtime.id}\n`);
process.stdin.resume().on('end', () => void runtime.close());
for await (const event of runtime.events())
  if (event.type === 'job.started' && event.dispatcher === runtime.id) process.stdout.write(`started ${event.job}\n`);
