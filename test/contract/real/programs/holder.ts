/**
 * Runs a job that never ends in each directory, each in a runtime of its own, until a signal.
 * Arguments: `SIGNALS DIRECTORY…`. Prints `begun NUMBER ID` when a job has begun, and `CODE NUMBER`
 * when its handle rejects.
 */
import { open } from 'callsheet';
import { realJobs, stubborn } from '../jobs/all.js';

const [signals, ...directories] = process.argv.slice(2) as [string, ...string[]];
const asked = signals === '' ? {} : { signals: signals.split(',') as NodeJS.Signals[] };
const runtimes = await Promise.all(
  directories.map((directory) => open({ directory, jobs: realJobs, threads: 1, graceMs: 0, ...asked })),
);
for (const [index, runtime] of runtimes.entries()) {
  const job = await runtime.queue().put(stubborn.ignores);
  await job.annotations.waitFor('begun', { timeoutMs: 30_000 });
  job.result().catch(({ code }) => process.stdout.write(`${code} ${index}\n`));
  process.stdout.write(`begun ${index} ${job.id}\n`);
}
