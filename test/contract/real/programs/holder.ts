/**
 * A process that runs a job which never ends, until a signal: `DIRECTORY SIGNALS DIRECTORY…`. Each
 * directory is opened by a runtime of its own, with a job of its own. Says `begun NUMBER ID` when
 * one has begun, and `CODE NUMBER` when it will not hear of its end.
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
