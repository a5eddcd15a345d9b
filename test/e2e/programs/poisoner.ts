/**
 * Puts a poison job among jobs of the same callable, known to be short, so that they share batches.
 * Prints the ids in their order, `poison` before the poison's, lets the jobs begin, and is killed
 * by the poison.
 *
 * Arguments: directory, file of marks, gate.
 */
import { writeFileSync } from 'node:fs';
import { open } from 'callsheet';
import { allJobs, marks } from '../jobs/all.js';

const [directory, file, gate] = process.argv.slice(2) as [string, string, string];
const warmUp = 100;
const before = 40;
const after = 40;

const callsheet = await open({ directory, threads: 1, jobs: allJobs });
const queue = callsheet.queue();
const line = (name: string, kills = false) => marks.markOrKill(file, name, kills);
const warm = await queue.putAll(Array.from({ length: warmUp }, (_, n) => line(`warm ${n}`)));
await Promise.all(warm.map((job) => job.result()));

const [, ...mixed] = await queue.putAll([
  marks.markUntil(file, 'holding', gate),
  ...Array.from({ length: before }, (_, n) => line(`before ${n}`)),
  line('poison', true).with({ retry: marks.atOnce }),
  ...Array.from({ length: after }, (_, n) => line(`after ${n}`)),
]);
for (const [index, { id }] of mixed.entries()) {
  process.stdout.write(`${index === before ? 'poison' : 'neighbour'} ${id}\n`);
}
writeFileSync(gate, '');
