/**
 * A service on a small file system that is filled and freed. It prints its figures as one line of
 * JSON.
 *
 * Arguments: a directory on that file system; a directory elsewhere, for marks and gates.
 */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, open, StorageFullError } from 'callsheet';
import { eventually } from '../../harness/eventually.js';
import { allJobs, marks, numbers } from '../jobs/all.js';

const [place, outside] = process.argv.slice(2) as [string, string];
const directory = join(place, 'journal');
const ballastFile = join(place, 'ballast');
const gate = join(outside, 'gate');
const file = join(outside, 'marks');
const ballast = Buffer.alloc(200_000, 'ballast');
/** Keeps few completed jobs, so that the store does not hold space that must become free. */
const retention = { count: 20 };

const callsheet = await open({ directory, threads: 4, jobs: allJobs, retention });
const queue = callsheet.queue();
const acknowledged: { job: Job; expected: number }[] = [];
const said = { refused: 0, acknowledged: 0, completedWhileFull: 0, snapshotsBefore: 0, snapshots: 0, lost: 0 };
let isOver = false;

/** Puts without end. After a refusal it tries again, as a service would. */
async function putForEver(waits: boolean): Promise<void> {
  while (!isOver) {
    try {
      const job = await queue.put(numbers.echo(ballast));
      said.acknowledged += 1;
      if (waits) await job.result();
    } catch (error) {
      if (!(error instanceof StorageFullError)) throw error;
      said.refused += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function fill(): void {
  const descriptor = openSync(ballastFile, 'a');
  for (const size of [1 << 20, 1 << 16, 1 << 12]) {
    try {
      for (;;) if (writeSync(descriptor, Buffer.alloc(size, 1)) < size) break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(descriptor);
}

const running = await queue.putAll(['one', 'two'].map((name) => marks.markUntil(file, name, gate)));
const putting = Promise.all(Array.from({ length: 6 }, () => putForEver(true)));
await eventually('two snapshots are taken', async () => (await callsheet.stats()).snapshots >= 2, { limitMs: 60_000 });
said.snapshotsBefore = (await callsheet.stats()).snapshots;

// These jobs are acknowledged and cannot begin before the disk is full: the queue is paused.
await queue.pause();
for (let n = 0; n < 30; n++) acknowledged.push({ job: await queue.put(numbers.add(n, 1)), expected: n + 1 });
const filling = setInterval(fill, 5);
fill();
const trying = putForEver(false);
await eventually('puts are refused', () => said.refused >= 50, { limitMs: 60_000 });

// From here on completions and puts share batches. The running jobs complete. Of the others as many
// complete as the reserve has room for, and filling takes a part of the reserve.
await queue.resume();
writeFileSync(gate, '');
const expected = ['one ended', 'two ended'];
for (const [index, job] of running.entries()) if ((await job.result()) !== expected[index]) said.lost += 1;
said.completedWhileFull = running.length;

clearInterval(filling);
rmSync(ballastFile);
for (const { job, expected } of acknowledged) if ((await job.result()) !== expected) said.lost += 1;
const before = said.acknowledged;
const { snapshots } = await callsheet.stats();
await eventually('puts are taken again, by themselves', () => said.acknowledged >= before + 20, { limitMs: 60_000 });
await eventually('and snapshots', async () => (await callsheet.stats()).snapshots > snapshots, { limitMs: 60_000 });
said.snapshots = (await callsheet.stats()).snapshots;
const kept = await queue.put(numbers.add(20, 22));
isOver = true;
await Promise.all([putting, trying]);
await callsheet.close();

await using again = await open({ directory, threads: 1, jobs: allJobs, retention });
if (again.found.unfinished > 1 || (await again.job(kept.id).result()) !== 42) said.lost += 1;
process.stdout.write(`${JSON.stringify(said)}\n`);
