/**
 * Batches are sized by what their jobs took before; one that takes longer than ever holds up nobody
 * who was claimed with it.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { open, retryNever } from 'callsheet';
import { randomFrom } from '../harness/randomness.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks, numbers } from './jobs/all.js';

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

it('no more jobs whose claim is their start are claimed than threads have room for, whatever else is put meanwhile', async () => {
  const directory = temporaryDirectory();
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
  // So long that no two of them are in one batch.
  const jobs = await callsheet.queue().putAll(
    Array.from({ length: 15 }, () => marks.markFor(join(directory, 'marks'), '', 30)),
    { retry: retryNever },
  );
  const aside = await callsheet.createQueue('aside');
  await aside.pause();
  for (const job of jobs) {
    let isOver = false;
    const over = job.result().finally(() => {
      isOver = true;
    });
    // Each is a turn of the coordinator, many of them before the next claim is on the disk.
    while (!isOver) await aside.put(marks.passUntil(0), { durability: 'memory' });
    await over;
    const begun = (await Promise.all(jobs.map((job) => job.status()))).filter((status) => status === 'active').length;
    assert.ok(begun <= 2, `${begun} on one thread: it has one, and one ahead`);
  }
});

it('[5.2] leaves no job behind a long one while another thread has nothing to do', async (t) => {
  const directory = temporaryDirectory();
  const seed = Number(process.env.CALLSHEET_SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  await using callsheet = await open({ jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const short = () => (random(8) > 0 ? numbers.echo(1) : marks.markFor(join(directory, 'short'), '', random(4)));
  for (const job of await queue.putAll(Array.from({ length: 500 }, short))) await job.result();
  // From now on it is known to take this long.
  const longMs = 1000;
  const learned = await queue.put(marks.passUntil(0, join(directory, 'learned')));
  setTimeout(() => writeFileSync(join(directory, 'learned'), ''), longMs);
  await learned.result();

  const gate = join(directory, 'gate');
  const long = await queue.put(marks.passUntil(-1, gate));
  while ((await long.status()) !== 'active') await new Promise((resolve) => setTimeout(resolve, 1));
  let worstMs = 0;
  const time = async () => {
    const start = performance.now();
    await (await queue.put(short())).result();
    worstMs = Math.max(worstMs, performance.now() - start);
  };
  const all: Promise<void>[] = [];
  for (let round = 0; round < 50; round++) {
    all.push(...Array.from({ length: 1 + random(20) }, time));
    await new Promise((resolve) => setTimeout(resolve, random(20)));
  }
  await Promise.all(all);
  writeFileSync(gate, '');
  await long.result();
  // 50 ms, and what a busy machine adds.
  assert.ok(worstMs < longMs / 2, `a short job took ${worstMs} ms`);
});

it('[2.7] runs what jobs wait for, also where each thread has one that waits and a long one runs', async () => {
  const directory = temporaryDirectory();
  const gate = join(directory, 'gate');
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const all = await queue.putAll(Array.from({ length: 20 }, (_, depth) => numbers.countDown(depth % 4)));
  assert.deepEqual(
    await Promise.all(all.map((job) => job.result())),
    all.map((_, depth) => depth % 4),
  );
  const long = await queue.put(marks.passUntil(-1, gate));
  for (let round = 0; round < 5; round++) assert.equal(await (await queue.put(numbers.countDown(2))).result(), 2);
  assert.equal(await long.status(), 'active');
  writeFileSync(gate, '');
  await long.result();
});
