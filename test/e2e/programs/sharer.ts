/** Opens a directory in the part that it is given, and closes it at the first line of its input. */
import { once } from 'node:events';
import { argv } from 'node:process';
import { open, type Share } from 'callsheet';
import { allJobs } from '../jobs/all.js';

const [, , directory, share] = argv;
const callsheet = await open({
  directory: directory!,
  jobs: allJobs,
  share: share as Share,
  ...(share === 'client' ? {} : { threads: 2 }),
});
console.log(`ready ${callsheet.isOwner ? 'owner' : 'client'}`);
await once(process.stdin, 'data');
const closed = callsheet.close();
console.log('closing');
await closed;
console.log('closed');
process.stdin.destroy();
