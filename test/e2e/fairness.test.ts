/** Batches are sized by what their jobs took before; one that takes longer than ever holds up nobody who was claimed with it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { open } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, countMarks, marks } from './jobs/all.js';

it('[5.2] a long job at the head of a batch of short ones does not hold up those behind it, and each runs once', async () => {
  const directory = temporaryDirectory();
  const [file, opened, closed] = ['marks', 'opened', 'closed'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(opened, '');
  const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const markAll = (count: number, name: string) =>
    Array.from({ length: count }, (_, number) => marks.markUntil(file, `${name} ${number}`, opened));
  // So many that the next ones go to a thread together.
  for (const job of await queue.putAll(markAll(400, 'before'))) await job.result();

  const [long, ...short] = await queue.putAll([marks.markUntil(file, 'long', closed), ...markAll(100, 'short')]);
  for (const job of short) await job.result();
  assert.equal(await long!.status(), 'active');
  writeFileSync(closed, '');
  await long!.result();
  await callsheet.close();

  const counts = countMarks(file);
  assert.equal(counts.size, 2 * 501, 'each begins and ends');
  assert.deepEqual(
    [...counts].filter(([, count]) => count !== 1),
    [],
  );
});
