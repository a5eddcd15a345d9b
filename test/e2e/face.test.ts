/** The API as the contract shows it, on real threads and a real journal. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defineJobs, JobFailedError, open, parallel } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';

const pi = defineJobs<typeof import('./jobs/pi.js')>('pi', new URL('./jobs/pi.js', import.meta.url));
const numbers = defineJobs<typeof import('./jobs/numbers.js')>(
  'numbers',
  new URL('./jobs/numbers.js', import.meta.url),
);
const bad = defineJobs<typeof import('./jobs/misbehaving.js')>(
  'bad',
  new URL('./jobs/misbehaving.js', import.meta.url),
);
const jobs = [pi, numbers, bad];

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the API', () => {
  it('[1] computes pi by the example of the contract', async () => {
    const directory = temporaryDirectory();
    const callsheet = await open({ directory: join(directory, 'callsheet'), jobs: [pi] });
    const queue = callsheet.queue(); // the queue named ''
    const job = await queue.put(
      parallel([pi.generateSample(1_000_000), pi.generateSample(1_000_000)], { postprocess: pi.processSamples }),
    );
    const result = await job.result();
    await callsheet.close();
    // With two million darts the standard deviation is 0.0012.
    assert.ok(Math.abs(result - Math.PI) < 0.01, `${result}`);
  });

  it('[1] takes a callable without applied arguments as a job without arguments', async () => {
    await using callsheet = await open({ jobs, threads: 1 });
    const job = await callsheet.queue().put(pi.generateSample);
    assert.equal((await job.result()).size, 100_000);
  });

  it('[2.1] gives a job an id of version 7 and ends it as completed', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 1 });
    const before = Date.now();
    const job = await callsheet.queue().put(numbers.add(1, 2));
    assert.match(job.id, uuid7);
    assert.equal(await job.result(), 3);
    const details = await job.details();
    assert.equal(await job.status(), 'completed');
    assert.equal(details.callable, 'numbers#add');
    assert.equal(details.queue, '');
    assert.deepEqual([details.attempts, details.interruptions, details.parts], [1, 0, 0]);
    const times = [details.putAt, details.firstStartAt, details.endAt, details.completedAt].map(Number);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      'put, started, ended, completed',
    );
    assert.ok(times[0]! >= before && times[3]! <= Date.now());
    assert.deepEqual(details.firstStartAt, details.lastStartAt);
  });

  it('[2.2] returns a deep-equal result of every storable kind', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 1 });
    const value = {
      nothing: undefined,
      zero: -0,
      big: 12345678901234567890n,
      when: new Date(86_400_000),
      map: new Map([[{ key: 1 }, new Set(['a', Number.NaN])]]),
      bytes: new Uint8Array([1, 2, 3]),
      text: 'ä€😀',
    };
    const job = await callsheet.queue().put(numbers.echo(value));
    assert.deepStrictEqual(await job.result(), value);
    assert.equal(await (await callsheet.queue().put(numbers.echo(undefined))).result(), undefined);
  });

  it('[2.2] returns a large result, and many at once, whole', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 2 });
    const sizes = [0, 1, 31_000, 33_000, 300_000, 3_000_000];
    const handles = await callsheet
      .queue()
      .putAll([...sizes, ...sizes].map((size, index) => numbers.echo(new Uint8Array(size).fill(index))));
    const results = await Promise.all(handles.map((job) => job.result()));
    for (const [index, result] of results.entries()) {
      assert.ok(
        Buffer.from(result as Uint8Array).equals(Buffer.alloc(sizes[index % sizes.length]!, index)),
        `${index}`,
      );
    }
  });

  it('[2.2] keeps name, message, stack, code, cause and own properties of a failure', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 1 });
    const job = await callsheet.queue().put(bad.throws());
    const failure = await job.failure();
    assert.equal(failure?.name, 'OrderError');
    assert.equal(failure.message, 'there is no such order');
    assert.match(failure.stack!, /misbehaving\.js/);
    assert.equal(failure.code, 'E_ORDER');
    assert.equal((failure.cause as Error).message, 'the shop is shut');
    assert.deepEqual(failure.properties?.order, { id: 7, lines: ['a', 'b'] });
    assert.deepEqual(
      [failure.check('RangeError'), failure.check('TypeError', 'Error'), failure.check('TypeError')],
      [true, true, false],
    );
    await assert.rejects(job.result(), (error: JobFailedError) => {
      assert.ok(error instanceof JobFailedError);
      assert.equal(error.code, 'JOB_FAILED');
      assert.equal(error.failure.name, 'OrderError');
      assert.ok(error.cause instanceof RangeError);
      return true;
    });
  });

  it('[2.2] returns no failure of a job that succeeded', async () => {
    await using callsheet = await open({ jobs, threads: 1 });
    assert.equal(await (await callsheet.queue().put(numbers.add(1, 1))).failure(), undefined);
  });

  it('[2.6] runs asynchronous handlers', async () => {
    await using callsheet = await open({ jobs, threads: 1 });
    assert.equal(await (await callsheet.queue().put(numbers.later(9))).result(), 9);
  });

  it('[3.3] returns the handles of putAll in the order of the jobs', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 2 });
    const handles = await callsheet.queue().putAll(Array.from({ length: 300 }, (_, n) => numbers.add(n, 0)));
    const results = await Promise.all(handles.map((job) => job.result()));
    assert.deepEqual(
      results,
      Array.from({ length: 300 }, (_, n) => n),
    );
    assert.equal(new Set(handles.map(({ id }) => id)).size, 300);
  });

  it('[1] returns the same from all handles of one job', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 1 });
    const job = await callsheet.queue().put(numbers.add(20, 3));
    const again = callsheet.job<number>(job.id);
    assert.equal(again.id, job.id);
    assert.deepEqual(await Promise.all([job.result(), again.result(), again.result(), job.result()]), [23, 23, 23, 23]);
    assert.deepEqual(await again.details(), await job.details());
  });

  for (const durability of ['full', 'process', 'memory'] as const) {
    it(`[9.1] runs jobs and compositions at level ${durability}`, async () => {
      await using callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 2, durability });
      const job = await callsheet
        .queue()
        .put(parallel([numbers.add(1, 2), numbers.later(4)], { postprocess: numbers.sum }));
      assert.equal(await job.result(), 7);
    });
  }

  it('[5.1] keeps the id of the dispatcher in its directory', async () => {
    const directory = temporaryDirectory();
    const ids: string[] = [];
    for (const at of [directory, directory, join(directory, 'other')]) {
      await using callsheet = await open({ directory: at, jobs, threads: 1 });
      ids.push(callsheet.id);
    }
    assert.match(ids[0]!, uuid7);
    assert.equal(ids[0], ids[1]);
    assert.notEqual(ids[0], ids[2]);
  });

  it('[5.9] treats a second close as the first', async () => {
    const callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 1 });
    const [first, second] = await Promise.all([callsheet.close(), callsheet.close()]);
    assert.deepEqual(first, { hangingThreads: [], interrupted: 0 });
    assert.deepEqual(second, first);
    assert.deepEqual(await callsheet.close(), first);
  });
});
