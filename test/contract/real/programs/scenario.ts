/**
 * Makes the puts of a scenario, one after another, until it is killed: `DIRECTORY FILE SCENARIO`.
 */
import { open } from 'callsheet';
import { realJobs } from '../jobs/all.js';
import { scenarios } from '../scenarios.js';

const [directory, file, name] = process.argv.slice(2) as [string, string, string];
const callsheet = await open({ directory, jobs: realJobs, threads: 2 });
process.stdout.write('open\n');
for (let n = 0; ; n++) {
  const acknowledged = await scenarios[name]!.put(callsheet, file, n);
  // Pipes are written synchronously, so a printed line reaches the reader whatever happens next.
  for (const words of acknowledged) process.stdout.write(`${words.join('\t')}\n`);
}
