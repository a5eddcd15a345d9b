/** Section 7.4 of the contract: maps over iterables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CompletedItems, map, parallel } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

/** The numbers from 0 up to a limit; records whether its iterator was closed. */
class Numbers {
  taken = 0;
  returned = 0;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  *[Symbol.iterator](): Generator<number> {
    try {
      while (this.taken < this.#count) yield this.taken++;
    } finally {
      this.returned++;
    }
  }

  async *later(): AsyncGenerator<number> {
    yield* this;
  }
}

const inc = (n: number) => work.add(n, 1);

async function collected<T>(items: CompletedItems<T>): Promise<(T | string)[]> {
  const all: (T | string)[] = [];
  for await (const item of items) all.push(item.failure === undefined ? item.result : item.failure.name);
  return all;
}

const resultsTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

describe('7.4 map', () => {
  for (const [kind, items] of [
    ['a sync iterable', new Numbers(300)],
    ['an async iterable', new Numbers(300).later()],
    ['a function that gives one', (from: number) => Array.from({ length: 300 - from }, (_, n) => from + n)],
  ] as const) {
    it(`[7.4] passes the results of ${kind} to the postprocess in order, as an async iterable`, async (t) => {
      const kit = await opened(t, { threads: 8 });
      assert.deepEqual(await kit.run(map(items, inc, { postprocess: work.collect })), resultsTo(300));
    });
  }

  it('[7.4] returns the results without a postprocess, failures included, also of no items', async (t) => {
    const kit = await opened(t, { threads: 8 });
    const items = await kit.run(map([1, 2, 3], (n) => (n === 2 ? work.fail('no') : work.add(n, 1))));
    assert.equal(items.length, 3);
    assert.deepEqual(await collected(items), [2, 'OrderError', 4]);
    assert.deepEqual(await collected(await kit.run(map([], inc))), []);
    assert.deepEqual(await kit.run(map([], inc, { postprocess: work.collect })), []);
  });

  it('[7.4] runs at most concurrency items at a time, and takes the next when one ends', async (t) => {
    const kit = await opened(t, { threads: 8 });
    const numbers = new Numbers(20);
    const whole = await kit.runtime.queue().put(map(numbers, (n) => work.hold(`${n}`), { concurrency: 3 }));
    await kit.untilIdle();
    assert.deepEqual([numbers.taken, kit.running.length], [3, 3]);
    openGate('1');
    await kit.untilIdle();
    assert.deepEqual([numbers.taken, kit.running.length], [4, 3]);
    const { parts, partsDone, open, status } = await whole.details();
    assert.deepEqual({ parts, partsDone, open, status }, { parts: 4, partsDone: 1, open: true, status: 'active' });
    for (let n = 0; n < 20; n++) openGate(`${n}`);
    assert.equal((await collected(await kit.waitForResult(whole))).length, 20);
  });

  it('[7.4] keeps no records of ended items', async (t) => {
    const kit = await opened(t, { threads: 8 });
    const whole = await kit.runtime.queue().put(map(new Numbers(300), inc));
    const items = await kit.waitForResult(whole);
    assert.equal((await kit.runtime.stats()).jobs, 1);
    assert.deepEqual(await collected(items), resultsTo(300));
  });

  it('[7.4] takes at most concurrency items before it begins', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const numbers = new Numbers(50);
    const whole = await kit.runtime.queue().put(map(numbers, inc, { concurrency: 10 }), { beginAfter: hourMs });
    await kit.untilIdle();
    assert.equal(numbers.taken, 10);
    await kit.clock.advance(hourMs);
    assert.deepEqual(await collected(await kit.waitForResult(whole)), resultsTo(50));
  });

  for (const [what, end] of [
    ['is cancelled', (_: Kit, job: { cancel(): Promise<void> }) => job.cancel()],
    ['loses its runtime', (kit: Kit) => kit.close().then(() => {})],
  ] as const) {
    it(`[7.4] closes its iterator and takes no more items when it ${what}`, async (t) => {
      const kit = await opened(t, { threads: 2 });
      const numbers = new Numbers(50);
      const whole = await kit.runtime.queue().put(map(numbers, (n) => work.hold(`${n}`), { concurrency: 4 }));
      await kit.untilIdle();
      await end(kit, whole);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([numbers.taken, numbers.returned], [4, 1]);
      if (what === 'is cancelled') {
        await failedWith(whole, 'JobCancelledError');
        await kit.untilIdle();
        assert.equal((await kit.runtime.queue().details()).unfinished, 0);
        assert.deepEqual(kit.running, []);
      }
    });
  }

  for (const [what, items, make, name] of [
    ['its iterable throws', throwing(3), inc, 'RangeError'],
    ['its iterator returns no object', of({ next: () => 5 }), inc, 'TypeError'],
    ['its iterator promises no object', of({ next: () => Promise.resolve(5) }), inc, 'TypeError'],
    ['an item makes no job', [1, 2, 3], (n: number) => (n === 3 ? (3 as never) : inc(n)), 'TypeError'],
    ['an item cannot be stored', [1, 2, 3], (n: number) => work.echo(n === 3 ? () => n : n), 'NotStorableError'],
    [
      'an item names an unknown quota',
      [1, 2, 3],
      (n: number) => inc(n).with({ quotas: ['none'] }),
      'UnknownQuotaError',
    ],
  ] as const) {
    it(`[7.4] fails if ${what}, and cancels its other items`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const whole = await kit.runtime.queue().put(map(items, make as typeof inc, { postprocess: work.collect }));
      await kit.waitForStatus(whole, 'completed');
      await failedWith(whole, name);
      await kit.untilIdle();
      assert.equal((await kit.runtime.queue().details()).unfinished, 0);
    });
  }

  for (const how of ['close', 'crash'] as const) {
    it(`[7.4] goes on after the items taken if put again with its key after a ${how}`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const make = (numbers: Iterable<number>) => map(numbers, (n) => work.mark(`${n}`), { concurrency: 20 });
      const put = (numbers: Iterable<number>) => kit.runtime.queue().put(make(numbers), { unique: 'all' });
      const first = await put(new Numbers(60));
      for (let step = 0; step < 30; step++) await kit.step();
      await kit[how]();
      await kit.reopen();
      await kit.untilIdle();
      const taken = (await kit.runtime.job(first.id).details()).parts;
      assert.ok(taken >= 30 && taken < 60 && seen.length === taken, `${taken} were taken, ${seen.length} have run`);
      assert.equal((await kit.runtime.job(first.id).details()).open, true);
      const again = await put(new Numbers(60));
      assert.equal(again.id, first.id);
      const expected = Array.from({ length: 60 }, (_, n) => `${n}`);
      assert.deepEqual(await collected(await kit.waitForResult(again)), expected);
      assert.deepEqual([...seen].sort(), expected.sort(), 'each ran once');
    });
  }

  it('[7.4] takes from one iterable if put twice, and rejects another form of job with its key', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const [numbers, others] = [new Numbers(40), new Numbers(40)];
    const options = { unique: 'once' };
    const first = await queue.put(map(numbers, inc, { concurrency: 8 }), options);
    const second = await queue.put(map(others, inc, { concurrency: 8 }), options);
    assert.equal(first.id, second.id);
    assert.deepEqual(await collected(await kit.waitForResult(second)), resultsTo(40));
    assert.equal(others.taken, 0);
    await queue.put(work.add(1, 1), { unique: 'a call', beginAfter: hourMs });
    await assert.rejects(queue.put(map([1], inc), { unique: 'a call' }), { code: 'JOB_STATUS' });
  });

  for (const how of ['close', 'crash'] as const) {
    it(`[7.4] without a key, ends by itself after a ${how}, cancels its items and delays no drain`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const numbers = new Numbers(60);
      const { id } = await kit.runtime.queue().put(map(numbers, (n) => work.hold(`${n}`), { concurrency: 20 }));
      await kit.untilIdle();
      await kit[how]();
      await kit.reopen();
      await kit.untilIdle();
      const whole = kit.runtime.job(id);
      assert.equal((await whole.failure())?.code, 'MAP_ABANDONED');
      assert.match((await whole.failure())!.message, /after 20 items: .* it has no unique key/);
      await kit.runtime.queue().drain();
      assert.deepEqual([await kit.runtime.queue().length(), kit.running], [0, []]);
      assert.deepEqual(
        kit.logs
          .filter(({ level, message }) => level === 'error' && message.includes('unique'))
          .map(({ detail }) => detail),
        [`job ${id}`],
      );
    });
  }

  it('[7.4] without a key, ends after a restart if it was held', async (t) => {
    const kit = await opened(t);
    const { id } = await kit.runtime.queue().put(map(new Numbers(3), inc), { held: true });
    await kit.crash();
    await kit.reopen();
    assert.equal((await kit.runtime.job(id).failure())?.code, 'MAP_ABANDONED');
  });

  it('[7.4] goes on after a crash without a key if all its items were taken', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime.queue().put(map(new Numbers(3), (n) => work.hold(`${n}`)));
    await kit.untilIdle();
    await kit.crash();
    await kit.reopen();
    for (let n = 0; n < 3; n++) openGate(`${n}`);
    const whole = kit.runtime.job<CompletedItems<string>>(id);
    assert.deepEqual(await collected(await kit.waitForResult(whole)), ['0', '1', '2']);
  });

  it('[7.4] ends by its handle, once, when no process feeds it any more', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const { id } = await kit.runtime
      .queue()
      .put(map(new Numbers(300), inc, { concurrency: 260, postprocess: work.collect }), {
        beginAfter: hourMs,
        unique: 'all',
      });
    await kit.untilIdle();
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(hourMs);
    await kit.untilIdle();
    const whole = kit.runtime.job<number[]>(id);
    assert.equal(await whole.status(), 'active');
    const { parts } = await whole.details();
    await whole.endInput();
    assert.deepEqual(await kit.waitForResult(whole), resultsTo(parts));
    await assert.rejects(whole.endInput(), { code: 'JOB_STATUS' });
    await assert.rejects((await kit.runtime.queue().put(work.add(1, 1))).endInput(), { code: 'JOB_STATUS' });
  });

  it('[7.3] reruns no ended item after a crash at any step', async (t) => {
    for (let crashAt = 0; crashAt < 8; crashAt++) {
      const kit = await opened(t, { threads: 1 });
      const put = () =>
        kit.runtime
          .queue()
          .put(map(['a', 'b', 'c'], work.mark, { concurrency: 2, postprocess: work.collect }), { unique: 'm' });
      await put();
      for (let step = 0; step < crashAt; step++) await kit.step();
      await kit.crash();
      await kit.reopen();
      const before = seen.length;
      const result = before < 4 ? await kit.waitForResult(await put()) : undefined;
      if (seen.length === 4 && result !== undefined) assert.deepEqual(result, ['a', 'b', 'c']);
      assert.deepEqual(seen.slice(0, 3), ['a', 'b', 'c'], `a crash after ${crashAt} steps`);
    }
  });

  it('[7.4] takes compositions as items, and folds their outcomes', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const whole = map([1, 2, 3], (n) => parallel([work.add(n, 1), work.add(n, 2)], { postprocess: work.gather }));
    assert.deepEqual(await collected(await kit.run(whole)), [5, 7, 9]);
    const lists = await kit.run(map(new Numbers(256), (n) => parallel([work.add(n, 1)])));
    let sum = 0;
    for await (const { result } of lists) sum += result.at(0)!.result;
    assert.equal(sum, (256 * 257) / 2);
  });

  it('[7.4] rejects a wrong iterable, function or number, and a map as a part', () => {
    assert.throws(() => map(3 as never, inc), { name: 'TypeError', message: /items/ });
    assert.throws(() => map([1], 3 as never), { name: 'TypeError', message: /toJob/ });
    assert.throws(() => map([1], inc, { postprocess: (() => 3) as never }), {
      name: 'TypeError',
      message: /postprocess/,
    });
    for (const concurrency of [0, -1, 1.5, Number.NaN])
      assert.throws(() => map([1], inc, { concurrency }), { name: 'RangeError', message: /concurrency/ });
    assert.throws(() => parallel([map([1], inc) as never]), {
      name: 'TypeError',
      message: /^`parts\[0\]` must not be a map/,
    });
  });

  it('[7.4] is rejected in putAll, in a broadcast, in putTogether and as a part added later', async (t) => {
    const kit = await opened(t);
    const { runtime } = kit;
    const queue = runtime.queue();
    const whole = await queue.put(parallel([work.mark('a')]));
    const { jobs } = await runtime.stats();
    const mapping = map([1], inc) as never;
    const puts: [() => Promise<unknown>, RegExp][] = [
      [() => queue.putAll([work.mark('b'), mapping]), /^`jobs\[1\]` must not be a map/],
      [() => queue.broadcast(mapping), /^`job` must not be a map/],
      [() => runtime.putTogether([{ job: mapping }]), /^`puts\[0\]\.job` must not be a map/],
      [() => whole.addParts([mapping]), /^`parts\[0\]` must not be a map/],
    ];
    for (const [put, message] of puts) await assert.rejects(put(), { name: 'TypeError', message });
    assert.equal((await runtime.stats()).jobs, jobs);
  });
});

/** Returns an iterable with a broken iterator. */
function of(iterator: { next(): unknown }): Iterable<number> {
  return { [Symbol.iterator]: () => iterator as Iterator<number> };
}

function* throwing(after: number): Generator<number> {
  for (let n = 0; n < after; n++) yield n;
  throw new RangeError('the source broke');
}
