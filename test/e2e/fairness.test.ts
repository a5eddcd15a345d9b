/**
 * Batches are sized by how long their jobs took before. A job that takes longer than ever does not
 * hold up the jobs claimed with it.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as pauseFor } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { open, retryNever } from 'callsheet';
import { randomFrom } from '../harness/randomness.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks, numbers } from './jobs/all.js';

/**
 * Counts milliseconds of a machine without stalls: each beat is a millisecond, and a message to a
 * bare thread and back. A job takes a few such messages, so that a busy machine delays both alike.
 */
class Beat {
  count = 0;
  readonly #echo = new Worker(
    `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', (message) => parentPort.postMessage(message));`,
    { eval: true },
  );

  constructor() {
    const next = () => this.#echo.postMessage('');
    this.#echo.on('message', () => {
      this.count++;
      setTimeout(next, 1);
    });
    next();
  }

  stop(): Promise<number> {
    return this.#echo.terminate();
  }
}

it('[5.2] runs short jobs past a long one at the head of their batch', async () => {
  const directory = temporaryDirectory();
  const gate = join(directory, 'gate');
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const pass = (count: number) => Array.from({ length: count }, (_, number) => marks.passUntil(number));
  // Enough runs for the next jobs to share a batch.
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

it('[5.2] starts a job of unknown duration beside a long line of short ones in another queue', async () => {
  const directory = temporaryDirectory();
  await using callsheet = await open({ jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const other = await callsheet.createQueue('other');
  // Longer than a claim takes: each thread always has one ahead, and is never idle.
  const shortMs = 40;
  const short = (count: number) =>
    queue.putAll(Array.from({ length: count }, () => marks.markFor(join(directory, 'short'), '', shortMs)));
  for (const job of await short(4)) await job.result();

  const many = await short(40);
  await many[0]!.result();
  assert.equal(await (await other.put(marks.passUntil(7))).result(), 7);
  assert.ok((await queue.length()) > 20, 'it waited for most of the others');
  await Promise.all(many.map((job) => job.cancel().catch(() => {})));
});

it('claims no more jobs of `retryNever` than threads have room for, whatever is put meanwhile', async () => {
  const directory = temporaryDirectory();
  await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
  // Long enough for each to get a batch of its own.
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
    // Each put makes a turn of the coordinator; many happen before the next claim is on disk.
    while (!isOver) await aside.put(marks.passUntil(0), { durability: 'memory' });
    await over;
    const begun = (await Promise.all(jobs.map((job) => job.status()))).filter((status) => status === 'active').length;
    assert.ok(begun <= 2, `${begun} on one thread: it has one, and one ahead`);
  }
});

it('[5.2] leaves no job behind a long one while another thread is idle', async (t) => {
  const directory = temporaryDirectory();
  const seed = Number(process.env.CALLSHEET_SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  await using callsheet = await open({ jobs: allJobs, threads: 2 });
  const queue = callsheet.queue();
  const short = () => (random(8) > 0 ? numbers.echo(1) : marks.markFor(join(directory, 'short'), '', random(4)));
  for (const job of await queue.putAll(Array.from({ length: 500 }, short))) await job.result();
  // From here on the callable is known to take `longMs`.
  const longMs = 1000;
  const learned = await queue.put(marks.passUntil(0, join(directory, 'learned')));
  setTimeout(() => writeFileSync(join(directory, 'learned'), ''), longMs);
  await learned.result();

  const gate = join(directory, 'gate');
  const long = await queue.put(marks.passUntil(-1, gate));
  while ((await long.status()) !== 'active') await pauseFor(1);
  const begun = performance.now();
  // Each thread has a long job now, and short ones are ahead on both. When the second long job
  // ends, its thread must take the short ones from behind the first.
  const other = await queue.put(marks.markUntil(join(directory, 'other'), '', join(directory, 'other gate')));
  while ((await other.status()) !== 'active') await pauseFor(1);
  const ahead = [];
  for (let count = 0; count < 2; count++) {
    ahead.push(await queue.put(numbers.echo(1)));
    await pauseFor(longMs / 20);
  }
  writeFileSync(join(directory, 'other gate'), '');
  await Promise.all(ahead.map((job) => job.result()));
  const aheadMs = performance.now() - begun;
  assert.ok(aheadMs < 0.8 * longMs, `short jobs stayed behind the long one for ${aheadMs} ms`);
  const beat = new Beat();
  t.after(() => beat.stop());
  let worst = 0;
  const time = async () => {
    const start = beat.count;
    await (await queue.put(short())).result();
    worst = Math.max(worst, beat.count - start);
  };
  const all: Promise<void>[] = [];
  for (let round = 0; round < 50; round++) {
    all.push(...Array.from({ length: 1 + random(6) }, time));
    await pauseFor(random(20));
  }
  await Promise.all(all);
  writeFileSync(gate, '');
  await long.result();
  t.diagnostic(`worst: ${worst} of ${beat.count} beats`);
  assert.ok(worst <= 50, `a short job took ${worst} beats, each a millisecond or more`);
});

it('[2.7] runs awaited jobs even if each thread has a waiting job and a long one runs', async () => {
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
