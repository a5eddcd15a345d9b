/** Section 7 of the contract: composition. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CompletedJobs, type Job, type Part, parallel, retryErrors, serial } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

const texts = (parts: CompletedJobs) =>
  Array.from(parts, (part) => (part.failure === undefined ? part.result : part.failure.name));

describe('7 composition', () => {
  it('[7.1] rejects put options such as a key or a date on a part, a callback or an item', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const unique = work.mark('a').with({ unique: 'key' });
    const wrong: [Promise<unknown>, RegExp][] = [
      [
        queue.put(parallel([serial([unique])])),
        /^`parts\[0\]\.parts\[0\]\.unique` must be given to the job that is put/,
      ],
      [queue.put(serial([work.mark('a').with({ replace: true })])), /^`parts\[0\]\.replace` /],
      [queue.put(serial([work.mark('a').with({ held: true })])), /^`parts\[0\]\.held` /],
      [queue.put(work.mark('b').onBoth(unique as never)), /^`callbacks\[0\]\.both\.unique` /],
    ];
    for (const [put, message] of wrong) await assert.rejects(put, { code: 'INVALID_OPTION', message });
    const whole = await queue.put(serial([work.mark('first')]), { unique: 'key', beginAfter: hourMs });
    await assert.rejects(whole.addParts([unique]), { code: 'INVALID_OPTION', message: /^`parts\[0\]\.unique` / });
    assert.equal((await whole.details()).parts, 1);
  });

  it('[7.1] runs parts of a serial one after another, of a parallel at the same time', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    const parts = (name: string) => ['1', '2', '3'].map((number) => work.hold(name + number));
    await queue.put(parallel(parts('parallel')));
    await kit.untilIdle();
    assert.deepEqual(seen, ['parallel1', 'parallel2', 'parallel3']);
    for (const name of [...seen]) openGate(name);
    await kit.untilIdle();
    seen.length = 0;
    const whole = await queue.put(serial(parts('serial')));
    for (const number of ['1', '2', '3']) {
      await kit.untilIdle();
      assert.equal(seen.at(-1), `serial${number}`);
      assert.equal(await whole.status(), 'active');
      openGate(`serial${number}`);
    }
    await kit.waitForStatus(whole, 'completed');
    assert.equal(seen.length, 3);
  });

  for (const [name, make] of [
    ['serial', serial],
    ['parallel', parallel],
  ] as const) {
    it(`[7.1] calls the postprocess of a ${name} with its own arguments, then the completed parts in order`, async (t) => {
      const kit = await opened(t, { threads: 4 });
      const parts: Part[] = [work.mark('a'), work.fail('b'), work.mark('c')];
      const whole = make(parts, { postprocess: work.listAfter.with('before') });
      assert.deepEqual(await kit.run<unknown>(whole), ['before', 'a', 'OrderError', 'c']);
      assert.equal(seen.at(-1), 'postprocess');
    });

    it(`[7.1] returns the list of parts from a ${name} without a postprocess`, async (t) => {
      const kit = await opened(t, { threads: 4 });
      const parts: Part[] = [work.mark('a'), work.fail('b'), serial([work.mark('c')])];
      const list = await kit.run(make(parts));
      assert.equal(list.length, 3);
      assert.equal(list.at(0)!.result, 'a');
      assert.equal(list.at(1)!.failure?.name, 'OrderError');
      assert.throws(() => list.at(1)!.result, { name: 'JobFailedError' });
      assert.equal(list.at(-1)!, list.at(2));
      assert.equal(list.at(3), undefined);
      assert.deepEqual(texts(list.at(2)!.result as CompletedJobs), ['c']);
      assert.deepEqual(
        Array.from(list, ({ id }) => id.length),
        [36, 36, 36],
      );
    });

    it(`[7.1] completes a ${name} without parts at once`, async (t) => {
      const kit = await opened(t);
      assert.equal((await kit.run(make([]))).length, 0);
      assert.deepEqual(await kit.run(make([], { postprocess: work.list })), []);
    });

    it(`[7.1] fails a ${name} with the failure of its postprocess, after its policy is asked`, async (t) => {
      const kit = await opened(t);
      const retry = retryErrors({ limit: 1, backoff: { initialMs: 10 } });
      const whole = make([work.mark('a')], { postprocess: inside.failFirst }).with({ retry });
      assert.equal(await kit.run<unknown>(whole), 'after 2 attempts');
      const failing = await kit.runtime.queue().put(make([work.mark('a')], { postprocess: inside.failFirst }));
      await kit.waitForStatus(failing, 'completed');
      await failedWith(failing, 'Error');
      assert.deepEqual(seen, ['a', 'a'], 'parts are not rerun for it');
    });
  }

  it('[7.1] keeps the options and callbacks of each part', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const retry = retryErrors({ limit: 5, backoff: { initialMs: 10 } });
    const parts: Part[] = [
      work.mark('low').with({ priority: -1 }),
      work.mark('high').with({ priority: 1 }),
      work.mark('told').onBoth(work.tell.with('callback')),
      work.failUntil(2).with({ retry }),
    ];
    const whole = await kit.runtime.queue().put(parallel(parts, { postprocess: work.list }));
    assert.deepEqual(await kit.waitForResult(whole), ['low', 'high', 'told', '2']);
    assert.deepEqual(seen, ['high', 'told', 'callback: told', 'attempt 1', 'low', 'attempt 2', 'postprocess']);
  });

  it('[7.1] goes on with a serial when the callbacks that a part had at its start are done', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    const first = work.hold('first').onBoth(work.hold.with('before') as never);
    const whole = await queue.put(serial([first, work.mark('second')] as Part[]), { beginAfter: 1_000 });
    await kit.clock.advance(1_000);
    const part = kit.runtime.job(kit.running[0]!);
    await part.addCallback(work.hold.with('added meanwhile') as never);
    openGate('first');
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'before']);
    openGate('before');
    await kit.waitForStatus(whole, 'completed');
    assert.deepEqual([...seen].sort(), ['added meanwhile', 'before', 'first', 'second']);
    assert.equal(await part.status(), 'callbacks');
  });

  for (const [end, begin] of [
    ['expired', (kit: Kit) => kit.clock.advance(2 * hourMs)],
    ['failed', (_: Kit, whole: Job) => whole.fail(new RangeError('never'))],
    ['cancelled', (_: Kit, whole: Job) => whole.cancel()],
  ] as const) {
    for (const make of [serial, parallel]) {
      it(`[7.1] ends the parts of a ${make.name} that is ${end} before it begins`, async (t) => {
        const kit = await opened(t);
        const parts: Part[] = [
          work.mark('part').onBoth(work.tell.with('told')),
          parallel([work.mark('inner'), serial([work.mark('innermost')] as Part[])] as Part[]),
        ];
        // A paused queue keeps the whole from beginning.
        await kit.runtime.queue().pause();
        const whole = await kit.runtime.queue().put(make(parts, { postprocess: work.list }), { beginByMs: hourMs });
        const added = await whole.addParts([work.mark('added')]);
        await begin(kit, whole);
        await kit.runtime.queue().resume();
        await kit.untilIdle();
        assert.deepEqual(seen, ['told: JobCancelledError']);
        await failedWith(added[0]!, 'JobCancelledError');
        const { parts: count, partsDone, status } = await whole.details();
        assert.deepEqual({ count, partsDone, status }, { count: 3, partsDone: 3, status: 'completed' });
        assert.equal((await kit.runtime.queue().details()).unfinished, 0);
      });
    }
  }

  it('[7.1] goes on with a serial when a part that waits for its date is cancelled', async (t) => {
    const kit = await opened(t);
    const dated = work.mark('dated').with({ beginAfter: hourMs });
    const whole = await kit.runtime.queue().put(serial([dated, work.mark('next')]));
    await kit.untilIdle();
    await (await kit.runtime.queue().at(0))!.cancel();
    assert.deepEqual(texts(await kit.waitForResult(whole)), ['JobCancelledError', 'next']);
  });

  it('[7.1] goes on with a serial behind a part that ended before its turn, after its callbacks', async (t) => {
    const kit = await opened(t);
    const late = work
      .mark('late')
      .with({ beginByMs: 1000 })
      .onBoth(work.hold.with('callback') as never);
    const whole = await kit.runtime.queue().put(serial([work.hold('first'), late, work.mark('last')]));
    await kit.waitForStart(whole);
    await kit.clock.advance(1000);
    openGate('first');
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'callback']);
    openGate('callback');
    assert.deepEqual(texts(await kit.waitForResult(whole)), ['first', 'JobExpiredError', 'last']);
  });

  it('[7.1] cancels thousands of pending parts at about the cost of putting them', async (t) => {
    const kit = await opened(t, { retention: { count: 0, failed: { count: 0 } } });
    const queue = kit.runtime.queue();
    const parts = Array.from({ length: 10_000 }, (_, n) => work.add(n, 1));
    let start = performance.now();
    const whole = await queue.put(parallel(parts), { beginAfter: hourMs });
    const putMs = performance.now() - start;
    start = performance.now();
    await whole.cancel();
    const cancelMs = performance.now() - start;
    await kit.untilIdle();
    t.diagnostic(`put in ${putMs.toFixed()} ms, cancelled in ${cancelMs.toFixed()}`);
    await failedWith(whole, 'JobCancelledError');
    assert.equal((await kit.runtime.stats()).jobs, 0, 'all had ended, since all are forgotten');
    assert.ok(cancelMs < 3 * putMs + 100);
  });

  for (const make of [serial, parallel]) {
    it(`[7.1] rejects a part of a ${make.name} that is not a job, and stores nothing`, async (t) => {
      const kit = await opened(t);
      const handle = await kit.runtime.queue().put(work.add(1, 1), { beginAfter: hourMs });
      const holes: Part[] = [work.mark('first')];
      holes[2] = work.mark('last');
      for (const [parts, index] of [
        [[work.mark('a'), 3], 1],
        [[undefined], 0],
        [[() => 3], 0],
        [[handle], 0],
        [holes, 1],
      ] as const) {
        const where = new RegExp(`^\`parts\\[${index}\\]\` must be a job`);
        assert.throws(() => make(parts as never), { name: 'TypeError', message: where });
      }
      assert.throws(() => make(work.mark('a') as never), { name: 'TypeError', message: /array/ });
      assert.equal((await kit.runtime.stats()).jobs, 1);
    });

    it(`[7.1] puts a job listed twice in a ${make.name} as two parts, and rejects a ${make.name} within itself`, async (t) => {
      const kit = await opened(t);
      const job = work.mark('same');
      const whole = make([job, job], { postprocess: work.list });
      assert.deepEqual(await kit.run<unknown>(whole), ['same', 'same']);
      assert.throws(() => (whole.parts as Part[]).push(whole), { name: 'TypeError' });
      let deep = make([job]) as Part;
      for (let depth = 0; depth < 101; depth++) deep = make([deep]);
      await assert.rejects(kit.runtime.queue().put(deep), { code: 'INVALID_OPTION', message: /100 deep/ });
    });
  }

  it('[7.1] rejects parts and callbacks for an unknown job', async (t) => {
    const kit = await opened(t);
    const unknown = kit.runtime.job('01890a5d-ac96-774b-bcce-b302099a8057');
    await assert.rejects(unknown.addParts([work.mark('a')]), { code: 'JOB_FORGOTTEN' });
    await assert.rejects(unknown.addCallback(work.tell.with('a') as never), { code: 'JOB_FORGOTTEN' });
    assert.equal((await kit.runtime.stats()).jobs, 0);
  });

  it('[7.5] lets the postprocess read a long list lazily from both ends, nested lists too', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const long = 'x'.repeat(64 * 1024);
    const parts = (count: number) => Array.from({ length: count }, (_, n) => work.echo(`${n} ${long}`));
    assert.deepEqual(await kit.run(parallel(parts(40), { postprocess: work.heads })), [40, '0', '39', '20', 820]);
    const nested = parallel([parallel(parts(20)), parallel(parts(40))], { postprocess: work.nestedHeads });
    assert.deepEqual(await kit.run(nested), [
      [20, '0', '19', '10', 210],
      [40, '0', '39', '20', 820],
    ]);
  });

  it('[7.2] runs compositions as parts', async (t) => {
    const kit = await opened(t, { threads: 3 });
    const inner = (name: string) => serial([work.mark(`${name}1`), work.mark(`${name}2`)], { postprocess: work.list });
    const whole = parallel([inner('a'), parallel([inner('b'), inner('c')], { postprocess: work.list })] as Part[], {
      postprocess: work.list,
    });
    assert.deepEqual(await kit.run<unknown>(whole), ['a1,a2', 'b1,b2,c1,c2']);
  });

  for (const [name, make] of [
    ['serial', serial],
    ['parallel', parallel],
  ] as const) {
    it(`[7.2] takes parts added to a ${name} before it starts, by a running part, and by a part’s callback`, async (t) => {
      const kit = await opened(t, { threads: 2 });
      const whole = await kit.runtime
        .queue()
        .put(make([work.mark('first')] as Part[], { postprocess: work.list }), { beginAfter: hourMs });
      await whole.addParts([inside.addPartsToWhole(['by a part'])]);
      await whole.addParts([
        work.mark('last').onBoth(inside.addPartsTo.with(whole as never, ['by a callback']) as never),
      ]);
      assert.equal((await whole.details()).parts, 3);
      const expected = ['first', 'adding', 'last', 'by a part', 'by a callback'];
      assert.deepEqual([...((await kit.waitForResult(whole)) as string[])].sort(), expected.sort());
      assert.equal((await whole.details()).parts, 5);
    });

    it(`[7.2] rejects parts added to a ${name} whose parts are done`, async (t) => {
      const kit = await opened(t, { threads: 1 });
      const queue = kit.runtime.queue();
      const whole = await queue.put(make([work.add(1, 1)], { postprocess: work.gatherWhenOpen }));
      await kit.untilIdle();
      assert.deepEqual(seen, ['postprocess']);
      await assert.rejects(whole.addParts([work.add(1, 1)]), { code: 'JOB_STATUS' });
      openGate('postprocess');
      assert.equal(await kit.waitForResult(whole), 2);
      await assert.rejects(whole.addParts([work.add(1, 1)]), { code: 'JOB_STATUS' });
      const plain = await queue.put(work.add(1, 1), { beginAfter: hourMs });
      await assert.rejects(plain.addParts([work.add(1, 1)]), { code: 'JOB_STATUS' });
    });
  }

  it('[7.2] goes on after a part that is failed or cancelled before its turn', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const whole = await kit.runtime.queue().put(serial([work.hold('first')] as Part[], { postprocess: work.list }));
    const [second, third, fourth] = await whole.addParts([
      work.mark('second'),
      work.mark('third'),
      work.mark('fourth'),
    ]);
    await kit.untilIdle();
    await second!.cancel();
    await third!.fail(new RangeError('never'));
    openGate('first');
    assert.deepEqual(await kit.waitForResult(whole), ['first', 'JobCancelledError', 'RangeError', 'fourth']);
    assert.equal(await fourth!.status(), 'completed');
  });

  for (const [name, make] of [
    ['serial', serial],
    ['parallel', parallel],
  ] as const) {
    for (const how of ['killThread', 'crash'] as const) {
      it(`[7.3] goes on with a ${name} where it was interrupted (${how}), in any part or its postprocess`, async (t) => {
        const kit = await opened(t, { threads: 1 });
        const all = ['a', 'b', 'c'];
        const put = await kit.runtime.queue().put(
          make(
            all.map((part) => work.holdOne(part)),
            { postprocess: work.gatherWhenOpen },
          ),
        );
        for (const part of [...all, 'postprocess']) {
          await kit.untilIdle();
          await kit[how]();
          if (how === 'crash') await kit.reopen();
          await kit.untilIdle();
          assert.equal(seen.at(-1), part);
          openGate(part);
        }
        assert.equal(await kit.waitForResult(kit.runtime.job(put.id)), 3);
        assert.deepEqual(seen, ['a', 'a', 'b', 'b', 'c', 'c', 'postprocess', 'postprocess']);
      });
    }
  }

  it('[7.3] reruns no completed part of a nested composition after a crash at any step', async (t) => {
    for (let crashAt = 0; crashAt < 9; crashAt++) {
      const kit = await opened(t, { threads: 1 });
      const inner = (name: string) =>
        parallel([work.mark(`${name}1`), work.mark(`${name}2`)], { postprocess: work.list });
      const whole = await kit.runtime.queue().put(serial([inner('a'), inner('b')], { postprocess: work.list }));
      for (let step = 0; step < crashAt; step++) await kit.step();
      await kit.crash();
      await kit.reopen();
      assert.deepEqual(
        await kit.waitForResult(kit.runtime.job(whole.id)),
        ['a1,a2', 'b1,b2'],
        `a crash after ${crashAt} steps`,
      );
      assert.deepEqual(seen, ['a1', 'a2', 'postprocess', 'b1', 'b2', 'postprocess', 'postprocess']);
    }
  });

  it('[7.5] keeps the cost of a part constant as the number of parts grows', async (t) => {
    const kit = await opened(t, { threads: 8, retention: { count: 0 } });
    const costMs = async (count: number) => {
      const start = performance.now();
      const parts = Array.from({ length: count }, (_, n) => work.add(n, 1));
      assert.equal(await kit.run(parallel(parts, { postprocess: work.gather })), (count * (count + 1)) / 2);
      return (performance.now() - start) / count;
    };
    await costMs(1_000);
    const few = await costMs(1_000);
    const many = await costMs(5_000);
    t.diagnostic(`${few.toFixed(4)} ms a part of 1,000, ${many.toFixed(4)} of 5,000`);
    assert.ok(many < 4 * few + 0.05, `${few} ms a part of 1,000, ${many} of 5,000`);
  });
});
