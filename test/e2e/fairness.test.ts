/** Batches are sized by what their jobs took before; one that takes longer than ever holds up nobody who was claimed with it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { open } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks } from './jobs/all.js';

it('[5.2] a long job at the head of a batch of short ones does not hold up those behind it', async () => {
  const directory = temporaryDirectory();
  const gate = join(directory, 'gate');
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const pass = (count: number) => Array.from({ length: count }, (_, number) => marks.passUntil(number));
  // So many that the next ones go to a thread together.
  for (const job of await queue.putAll(pass(2000))) await job.result();

  const [long, ...short] = await queue.putAll([marks.passUntil(-1, gate), ...pass(100)]);
  assert.deepEqual(
    await Promise.all(short.map((job) => job.result())),
    short.map((_, number) => number),
  );
  assert.equal(await long!.status(), 'active');
  writeFileSync(gate, '');
  assert.equal(await long!.result(), -1);
});

it('[5.2] a job of which nobody knows how long it takes finds a thread, however many short ones another queue has', async () => {
  const directory = temporaryDirectory();
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const other = await callsheet.createQueue('other');
  const short = (count: number) =>
    queue.putAll(Array.from({ length: count }, () => marks.markFor(join(directory, 'short'), '', 1)));
  for (const job of await short(50)) await job.result();

  const many = await short(2000);
  await many[0]!.result();
  assert.equal(await (await other.put(marks.passUntil(7))).result(), 7);
  assert.ok((await queue.length()) > 0, 'it ran when all others were done');
  await Promise.all(many.map((job) => job.cancel().catch(() => {})));
});
