/** Batches are sized by what their jobs took before; one that takes longer than ever holds up nobody who was claimed with it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { open } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks } from './jobs/all.js';

const jobMs = 2;

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

it('[3.2] a job that goes before others does not wait for all that a thread was given of them', async () => {
  const directory = temporaryDirectory();
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
  const queue = callsheet.queue();
  const low = (file: string, count: number) =>
    queue.putAll(Array.from({ length: count }, () => marks.markFor(file, 'low', jobMs)));
  const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');

  /** How many begin between the put of one that goes before them and its own begin. */
  const passedBy = async (file: string): Promise<number> => {
    const [first, ...others] = await low(file, 200);
    await first!.result();
    const high = await queue.put(marks.mark(file, 'high'), { priority: 1 });
    const before = lines(file).length;
    await high.result();
    const passed = lines(file).indexOf('high') - before;
    await Promise.all(others.map((job) => job.cancel().catch(() => {})));
    await queue.drain();
    return passed;
  };

  // So that it is known how long they take.
  for (const job of await low(join(directory, 'known'), 20)) await job.result();
  // A thread has up to 200 ms of them, half of it ahead. A machine that is busy with other things may do some before the coordinator has a turn.
  let least = Number.POSITIVE_INFINITY;
  for (let times = 0; times < 10 && least * jobMs > 60; times++)
    least = Math.min(least, await passedBy(join(directory, String(times))));
  assert.ok(least * jobMs <= 60, `${least} of ${jobMs} ms`);
});
