/** Serial and parallel: several jobs as one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CompletedJobs, defineJobs, JobFailedError, open, parallel, type Runtime, serial } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';

const numbers = defineJobs<typeof import('./jobs/numbers.js')>(
  'numbers',
  new URL('./jobs/numbers.js', import.meta.url),
);
const marks = defineJobs<typeof import('./jobs/marks.js')>('marks', new URL('./jobs/marks.js', import.meta.url));
const jobs = [numbers, marks];

describe('compositions', () => {
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ directory: temporaryDirectory(), jobs, threads: 2 });
  });
  after(() => callsheet.close());

  for (const [form, compose] of Object.entries({ serial, parallel })) {
    it(`[7.1] ${form}: passes the parts to the postprocess in order, in whatever order they end`, async () => {
      const parts = [numbers.later(1), numbers.divide(1, 0), numbers.add(1, 2), numbers.later(4)];
      const job = await callsheet.queue().put(compose(parts, { postprocess: numbers.told }));
      assert.deepEqual(await job.result(), { all: ['1', 'RangeError', '3', '4'], last: '4', beyond: true });
    });

    it(`[7.1] ${form}: runs all parts if one fails`, async () => {
      const job = await callsheet
        .queue()
        .put(compose([numbers.divide(1, 0), numbers.divide(8, 2), numbers.divide(2, 0)]));
      const parts = await job.result();
      assert.deepEqual(
        Array.from(parts, ({ failure }) => failure?.name),
        ['RangeError', undefined, 'RangeError'],
      );
      assert.equal(parts.at(1)!.result, 4);
      assert.throws(() => parts.at(0)!.result, JobFailedError);
    });

    it(`[7.1] ${form}: returns the list without a postprocess`, async () => {
      const job = await callsheet.queue().put(compose([numbers.add(1, 1), numbers.add(2, 2), numbers.add(3, 3)]));
      const parts = await job.result();
      assert.ok(parts instanceof CompletedJobs);
      assert.equal(parts.length, 3);
      assert.deepEqual(
        Array.from(parts, ({ result }) => result),
        [2, 4, 6],
      );
      assert.equal(parts.at(-1)!.result, 6);
      assert.equal(parts.at(3), undefined);
      assert.equal(parts.at(-4), undefined);
      assert.equal(parts.at(0)!.id, parts.at(0)!.id);
      assert.equal(await callsheet.job(parts.at(1)!.id).result(), 4);
    });

    it(`[7.1] ${form}: accepts an empty list of parts`, async () => {
      const [list, told] = await callsheet.queue().putAll([compose([]), compose([], { postprocess: numbers.told })]);
      assert.equal(((await list!.result()) as CompletedJobs).length, 0);
      assert.deepEqual(await told!.result(), { all: [], last: undefined, beyond: true });
    });

    it(`[7.1] ${form}: fails with the failure of the postprocess`, async () => {
      const job = await callsheet
        .queue()
        .put(compose([numbers.add(1, 1), numbers.add(1, 1)], { postprocess: numbers.failsAfter }));
      const failure = await job.failure();
      assert.deepEqual([failure?.name, failure?.message], ['TypeError', '2 parts were in vain']);
    });
  }

  it('[7.1] pass the parts to a postprocess after its own arguments', async () => {
    const job = await callsheet
      .queue()
      .put(parallel([numbers.add(1, 2), numbers.add(3, 4)], { postprocess: numbers.scaledSum.with(10, 'mm') }));
    assert.equal(await job.result(), '100 mm');
  });

  it('[7.1] run the parts of a parallel at the same time', async () => {
    const directory = temporaryDirectory();
    const [one, other] = [join(directory, 'one'), join(directory, 'other')];
    const job = await callsheet.queue().put(parallel([marks.meet(one, other), marks.meet(other, one)]));
    assert.deepEqual(
      Array.from(await job.result(), ({ result }) => result),
      [true, true],
    );
  });

  it('[7.1] run the parts of a serial one after another, in order', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'marks');
    const gate = file; // It is there as soon as the first line is.
    const names = Array.from({ length: 20 }, (_, index) => `part ${index}`);
    const job = await callsheet.queue().put(
      serial(
        names.map((name) => marks.markUntil(file, name, gate)),
        { postprocess: marks.markParts.with(file, 'postprocess') },
      ),
    );
    await job.result();
    assert.deepEqual(readFileSync(file, 'utf8').trim().split('\n'), [
      ...names.flatMap((name) => [name, `${name} ended`]),
      'postprocess',
    ]);
  });

  it('[7.2] may be parts of others', async () => {
    const nested = parallel(
      [
        serial([numbers.add(1, 0), numbers.add(2, 0)], { postprocess: numbers.sum }),
        parallel([serial([numbers.add(4, 0)], { postprocess: numbers.sum }), numbers.add(8, 0)], {
          postprocess: numbers.sum,
        }),
        numbers.add(16, 0),
      ],
      { postprocess: numbers.sum },
    );
    assert.equal(await (await callsheet.queue().put(nested)).result(), 31);
  });

  it('[7.2] pass the list of a part without postprocess', async () => {
    const job = await callsheet
      .queue()
      .put(serial([parallel([numbers.add(1, 1), numbers.divide(1, 0)]), parallel([numbers.add(2, 2)])]));
    const inner = Array.from(await job.result(), ({ result }) => result);
    assert.deepEqual(
      inner.map((list) => Array.from(list, (part) => part.failure?.name ?? part.result)),
      [[2, 'RangeError'], [4]],
    );
  });

  it('[7.2] end many levels deep', async () => {
    let whole = serial([numbers.add(1, 0)], { postprocess: numbers.sum });
    for (let depth = 1; depth < 40; depth++) {
      whole = (depth % 2 === 0 ? serial : parallel)([whole, numbers.add(1, 0)], { postprocess: numbers.sum });
    }
    assert.equal(await (await callsheet.queue().put(whole)).result(), 40);
  });

  it('[7.5] keep the order of a fan-out of thousands', async () => {
    const count = 5_000;
    const job = await callsheet.queue().put(parallel(Array.from({ length: count }, (_, n) => numbers.add(n, 1))));
    const results = Array.from(await job.result(), ({ result }) => result);
    assert.deepEqual(
      results,
      Array.from({ length: count }, (_, n) => n + 1),
    );
    const details = await job.details();
    assert.deepEqual([details.parts, details.partsDone], [count, count]);
  });
});
