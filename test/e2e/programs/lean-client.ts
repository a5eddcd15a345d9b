/** Runs a job as a client. Prints its result, and what there is that a client does not need. */
import { createRequire } from 'node:module';
import { argv } from 'node:process';
import { open } from 'callsheet';
import { allJobs, numbers } from '../jobs/all.js';

const callsheet = await open({ directory: argv[2]!, jobs: allJobs, share: 'client' });
const result = await (await callsheet.queue().put(numbers.add(1, 2))).result();
const packages = ['piscina', 'croner', 'commander'].filter((name) =>
  Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes(`/node_modules/${name}/`)),
);
const threads = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort' || name === 'Worker');
console.log(`${result} ${JSON.stringify([...packages, ...threads])}`);
await callsheet.close();
