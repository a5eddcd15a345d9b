/** Buffers that reach a job without being copied, on real threads. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { open, type Runtime, transfer } from 'callsheet';
import { pino } from 'pino';
import { temporaryDirectory } from '../../harness/temporary.js';
import { buffers, realJobs } from './jobs/all.js';

const memory = { durability: 'memory' } as const;

describe('a buffer on real threads', () => {
  let callsheet: Runtime;
  before(async () => {
    const logger = pino({ level: 'silent' });
    callsheet = await open({ directory: temporaryDirectory(), jobs: realJobs, threads: 2, logger });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  it('[2.11] is shared between a job and its client at the same time', async () => {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const job = await callsheet.queue().put(buffers.answer(words), memory);
    Atomics.store(words, 0, 20);
    Atomics.notify(words, 0);
    assert.equal(await job.result(), 'answered');
    assert.equal(Atomics.load(words, 1), 22);
  });

  it('[2.11] is moved by a transfer, whatever its size', async () => {
    const large = new Uint8Array(64 * 1024 * 1024).fill(3);
    const job = await callsheet.queue().put(buffers.sum(transfer(large)), memory);
    assert.equal(large.length, 0);
    assert.equal(await job.result(), 3 * 64 * 1024 * 1024);
    const jobs = await callsheet.queue().putAll(
      Array.from({ length: 300 }, (_, n) => buffers.sum(transfer(Uint8Array.of(n % 100, 1)))),
      memory,
    );
    for (const [n, one] of jobs.entries()) assert.equal(await one.result(), (n % 100) + 1);
  });

  it('[2.11] makes its job start at most once: it fails when its thread dies', async () => {
    const count = new Int32Array(new SharedArrayBuffer(4));
    const job = await callsheet.queue().put(buffers.countAndExit(count), memory);
    assert.equal((await job.failure())?.name, 'JobInterruptedError');
    assert.equal(await (await callsheet.queue().put(buffers.sum(Uint8Array.of(1, 2)))).result(), 3);
    assert.equal(Atomics.load(count, 0), 1);
  });
});
