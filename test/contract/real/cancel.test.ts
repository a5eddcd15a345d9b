/**
 * Cancelling on real threads: whatever the handler does, its thread is soon free again, and no
 * other job is lost or run twice.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Job, open, type Part, type Runtime } from 'callsheet';
import { pino } from 'pino';
import { countMarks } from '../../e2e/jobs/all.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { realJobs, stubborn } from './jobs/all.js';

const stopGraceMs = 100;
/** The time for ending a thread and starting another, generous for busy machines. */
const limitMs = 10_000;

async function waitUntilBegun(job: Job): Promise<void> {
  assert.equal(await job.annotations.waitFor('begun', { timeoutMs: limitMs }), true, 'it did not begin');
}

describe('cancelling on real threads', () => {
  let callsheet: Runtime;
  const logged: string[] = [];
  before(async () => {
    const logger = pino({ level: 'error' }, { write: (line) => logged.push(line) });
    callsheet = await open({ directory: temporaryDirectory(), jobs: realJobs, threads: 2, stopGraceMs, logger });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  for (const [what, job] of [
    ['a busy loop', stubborn.loops()],
    ['a busy loop that reads the flag', stubborn.loopsPolitely()],
    ['Atomics.wait', stubborn.sleeps()],
    ['a catastrophic regular expression', stubborn.backtracks()],
    ['a handler that ignores its signal', stubborn.ignores()],
    ['a handler that listens to its signal', stubborn.listens()],
  ] as [string, Part][]) {
    it(`[2.10] ends ${what} and frees its thread`, async (t) => {
      const file = join(temporaryDirectory(), 'marks');
      const queue = callsheet.queue();
      // One for each thread, so that nothing runs behind them before a thread is free.
      const jobs = [await queue.put(job), await queue.put(job)];
      for (const one of jobs) await waitUntilBegun(one);
      const behind = await queue.putAll(Array.from({ length: 20 }, (_, n) => stubborn.quick(file, `behind ${n}`)));
      const start = performance.now();
      for (const one of jobs) await one.cancel();
      for (const one of jobs) {
        const failure = await one.failure();
        assert.equal(failure?.name, 'JobCancelledError');
        assert.equal((await one.details()).attempts, 1);
      }
      for (const [n, other] of behind.entries()) assert.equal(await other.result(), `behind ${n}`);
      const tookMs = performance.now() - start;
      t.diagnostic(`usable again after ${tookMs.toFixed(0)} ms, with a grace of ${stopGraceMs} ms`);
      assert.ok(tookMs < limitMs, `${tookMs} ms`);
      const counts = countMarks(file);
      for (let n = 0; n < behind.length; n++) assert.equal(counts.get(`behind ${n}`), 1);
    });
  }

  it('[2.9] ends all of these by a timeout, too', async () => {
    const kinds = [stubborn.loops(), stubborn.sleeps(), stubborn.backtracks(), stubborn.ignores(), stubborn.listens()];
    const jobs = await callsheet.queue().putAll(kinds, { timeoutMs: 50 });
    for (const job of jobs) {
      assert.equal((await job.failure())?.name, 'JobTimeoutError');
      const { attempts, interruptions, timeoutMs } = await job.details();
      assert.deepEqual({ attempts, interruptions, timeoutMs }, { attempts: 1, interruptions: 0, timeoutMs: 50 });
    }
  });

  it('[2.9] ends only the job with the timeout: its neighbours in the batch complete, each once', async () => {
    const file = join(temporaryDirectory(), 'marks');
    const calls = Array.from({ length: 40 }, (_, n) =>
      stubborn.quickOrLoops(file, `job ${n}`, n === 20).with({ timeoutMs: n === 20 ? 50 : 60_000 }),
    );
    const jobs = await callsheet.queue().putAll(calls);
    assert.equal((await jobs[20]!.failure())?.name, 'JobTimeoutError');
    for (const [n, job] of jobs.entries()) if (n !== 20) assert.equal(await job.result(), `job ${n}`);
    const counts = countMarks(file);
    for (let n = 0; n < jobs.length; n++) assert.equal(counts.get(`job ${n}`), 1, `job ${n}`);
  });

  it('[2.10] ends only the cancelled job: its neighbours in the batch complete, each once', async (t) => {
    const file = join(temporaryDirectory(), 'marks');
    const queue = callsheet.queue();
    // Makes the callable known to be short, so that its jobs go to threads in batches.
    const known = await queue.putAll(
      Array.from({ length: 100 }, (_, n) => stubborn.quickOrLoops(file, `known ${n}`, false)),
    );
    for (const job of known) await job.result();
    const jobs = await queue.putAll(
      Array.from({ length: 300 }, (_, n) => stubborn.quickOrLoops(file, `job ${n}`, n === 150)),
    );
    const looping = jobs[150]!;
    await waitUntilBegun(looping);
    await looping.cancel();
    assert.equal((await looping.failure())?.name, 'JobCancelledError');
    for (const [n, job] of jobs.entries()) if (n !== 150) assert.equal(await job.result(), `job ${n}`);
    const counts = countMarks(file);
    for (let n = 0; n < jobs.length; n++) assert.equal(counts.get(`job ${n}`), 1, `job ${n}`);
    for (const job of jobs) {
      const { attempts, interruptions } = await job.details();
      assert.deepEqual({ attempts, interruptions }, { attempts: 1, interruptions: 0 });
    }
    t.diagnostic(`${jobs.length - 1} neighbours, each begun once`);
  });

  it('[2.10] logs no error for an ended thread', () => assert.deepEqual(logged, []));
});
