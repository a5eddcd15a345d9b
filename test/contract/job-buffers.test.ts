/** Section 2 of the contract: buffers that are shared with a job or transferred to it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Part, parallel, retryErrors, retryNever, transfer } from 'callsheet';
import { work } from './jobs/all.js';
import { seen } from './jobs/work.js';
import { failedWith, hourMs, opened } from './opened.js';

const memory = { durability: 'memory' } as const;

describe('2 jobs: buffers', () => {
  it('[2.11] shares the memory of a marked SharedArrayBuffer with the job, also of a view on one', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const shared = new SharedArrayBuffer(8);
    await kit.waitForResult(await queue.put(work.fill(shared, 7), memory));
    await kit.waitForResult(await queue.put(work.fill(new Uint8Array(shared, 4, 2), 9), memory));
    assert.deepEqual([...new Uint8Array(shared)], [7, 7, 7, 7, 9, 9, 7, 7]);
  });

  it('[2.11] moves a transferred buffer to the job, and detaches it here', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const [buffer, view] = [Uint8Array.of(1, 2, 3).buffer, Float64Array.of(0.5)];
    const job = await queue.put(work.bytesOf(transfer(buffer)), memory);
    assert.equal(buffer.byteLength, 0);
    assert.deepEqual(await kit.waitForResult(job), [1, 2, 3]);
    const viewed = await queue.put(work.kindsOf(transfer(view), view.buffer, [Buffer.alloc(1)]), memory);
    assert.equal(view.length, 0);
    assert.deepEqual(await kit.waitForResult(viewed), ['Float64Array', 'ArrayBuffer', 'Array']);
  });

  it('[2.11] copies an unmarked buffer', async (t) => {
    const kit = await opened(t);
    const buffer = Uint8Array.of(1, 2, 3).buffer;
    assert.deepEqual(await kit.waitForResult(await kit.runtime.queue().put(work.bytesOf(buffer), memory)), [1, 2, 3]);
    assert.equal(buffer.byteLength, 3);
  });

  it('[2.11] starts such a job at most once, and fails it when it is interrupted', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.holdBuffer('job', transfer(new ArrayBuffer(4))), memory);
    await kit.waitForStart(job);
    await kit.killThread();
    await kit.waitForStatus(job, 'completed');
    await failedWith(job, 'JobInterruptedError');
    assert.equal((await job.details()).retry, retryNever);
    assert.deepEqual(seen, ['job']);
  });

  it('[2.11] keeps the buffers of a job that a thread had not begun until another begins it', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.bytesOf(transfer(Uint8Array.of(5).buffer)), memory);
    await kit.killThread();
    assert.deepEqual(await kit.waitForResult(job), [5]);
    const late = await queue.put(work.bytesOf(transfer(Uint8Array.of(6).buffer)), { ...memory, beginAfter: hourMs });
    assert.deepEqual(await kit.waitForResult(late), [6]);
  });

  it('[2.11] passes buffers to parts and callbacks', async (t) => {
    const kit = await opened(t);
    const parts = [1, 2].map((byte) => work.bytesOf(transfer(Uint8Array.of(byte).buffer)));
    const told = work.fill.with(new SharedArrayBuffer(1) as never);
    const whole = await kit.runtime
      .queue()
      .put(parallel(parts, { postprocess: work.list }).onBoth(told as never), memory);
    assert.deepEqual(await kit.waitForResult(whole), ['1', '2']);
    await kit.waitForStatus(whole, 'completed');
    assert.deepEqual(kit.fatal, []);
  });

  it('[2.11] rejects a durable job with a marked buffer, names the argument, and keeps the buffer', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const buffer = new ArrayBuffer(8);
    const given = { rows: [transfer(buffer)] };
    const cases: [() => Promise<unknown>, string, RegExp][] = [
      [
        () => queue.put(work.echo(given)),
        'ARGUMENT_NOT_STORABLE',
        /^arguments\[0\]\.rows\[0\] is a buffer marked by transfer\(\).*'memory'/,
      ],
      [() => queue.put(work.echo(given), { durability: 'process' }), 'ARGUMENT_NOT_STORABLE', /rows\[0\]/],
      [
        () => queue.put(work.echo(new SharedArrayBuffer(1))),
        'ARGUMENT_NOT_STORABLE',
        /^arguments\[0\] .*SharedArrayBuffer/,
      ],
      [
        () => queue.put(work.echo(new Uint8Array(new SharedArrayBuffer(1)))),
        'ARGUMENT_NOT_STORABLE',
        /^arguments\[0\] .*SharedArrayBuffer/,
      ],
      [
        () => kit.runtime.putTogether([{ job: work.echo(given) }]),
        'ARGUMENT_NOT_STORABLE',
        /^puts\[0\]\.arguments\[0\]/,
      ],
      [() => queue.put(work.argumentsOf(given, () => 1) as Part, memory), 'ARGUMENT_NOT_STORABLE', /^arguments\[1\]/],
      [
        () => queue.put(work.echo(given), { ...memory, retry: retryErrors({ limit: 1 }) }),
        'INVALID_OPTION',
        /^`retry`/,
      ],
      [() => queue.put(work.echo(given), { ...memory, unique: 'key' }), 'INVALID_OPTION', /^`unique`/],
      [
        () => queue.putAll([work.echo(given), work.echo(given)], memory),
        'ARGUMENT_NOT_STORABLE',
        /^jobs\[1\]\.arguments\[0\]\.rows\[0\].*another job/,
      ],
    ];
    for (const [put, code, message] of cases) await assert.rejects(put(), { code, message });
    assert.equal(buffer.byteLength, 8);
    assert.equal((await kit.runtime.stats()).jobs, 0);
    await queue.put(work.echo(given), memory);
    await assert.rejects(queue.put(work.echo(given), memory), {
      message: /^arguments\[0\]\.rows\[0\] is a detached buffer/,
    });
  });

  it('[2.11] rejects a marked buffer as a result, and does not return such arguments again', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.echo(new SharedArrayBuffer(1)), memory);
    await kit.waitForStatus(job, 'completed');
    assert.equal((await job.failure())?.code, 'RESULT_NOT_STORABLE');
    await assert.rejects(job.arguments(), { code: 'ARGUMENT_NOT_STORABLE', message: /buffers/ });
  });

  it('[2.11] accepts marks on buffers and on views of a whole buffer only', () => {
    assert.throws(() => transfer(new SharedArrayBuffer(1) as never), TypeError);
    assert.throws(() => transfer('text' as never), TypeError);
    assert.throws(() => transfer(new Uint8Array(new ArrayBuffer(8), 4)), RangeError);
    assert.throws(() => transfer(Buffer.from('of the pool')), RangeError);
  });
});
