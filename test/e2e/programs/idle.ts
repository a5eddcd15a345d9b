/**
 * A program that does not close its runtime: it has nothing left to do, works, reads, waits, or has
 * given `signals`.
 */
import { open } from 'callsheet';
import { numbers } from '../jobs/all.js';

const [, , kind] = process.argv;
const callsheet = await open({
  jobs: [numbers],
  threads: 1,
  durability: 'memory',
  ...(kind === 'signals' ? { signals: ['SIGTERM'] } : {}),
});
if (kind === 'works') setInterval(() => {}, 60_000);
if (kind === 'reads') process.stdin.resume();
console.log(await (await callsheet.queue().put(numbers.add(20, 22))).result());
if (kind === 'waits') void (await callsheet.queue().put(numbers.add(1, 2), { beginAfter: 60_000 })).result();
