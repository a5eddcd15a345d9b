/**
 * The coordinator's thread dies: it is restarted once and recovers its state from the journal. The
 * tests really kill it, by an uncaught error or by ending its thread.
 */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { CallsheetError, type EventStream, type OpenOptions, open, type Runtime } from 'callsheet';
import { pino } from 'pino';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks, marksIn, numbers } from './jobs/all.js';

const logger = pino({ level: 'silent' });
const ways = {
  throws: (thread: Worker) => thread.postMessage('no batch of messages'),
  'is terminated': (thread: Worker) => void thread.terminate(),
};
const died = (error: Error) => {
  assert.ok(error instanceof CallsheetError && error.code === 'COORDINATOR_DIED', String(error));
  return true;
};

/** Opens a runtime. `thread` finds the coordinator's thread by a message posted to it. */
async function opened(
  t: TestContext,
  options: Partial<OpenOptions> = {},
): Promise<{ callsheet: Runtime; thread: () => Promise<Worker> }> {
  const callsheet = await open({ jobs: allJobs, threads: 1, logger, ...options });
  t.after(() => callsheet.close({ graceMs: 0 }).catch(() => {}));
  const thread = async () => {
    const posting = t.mock.method(Worker.prototype, 'postMessage');
    await callsheet.queues();
    posting.mock.restore();
    return posting.mock.calls[0]!.this as Worker;
  };
  return { callsheet, thread };
}

describe('a coordinator that dies', () => {
  it('[2.12] is replaced by one that knows which jobs have handles', async (t) => {
    const directory = temporaryDirectory();
    const { callsheet, thread } = await opened(t, { directory, retention: { count: 1 } });
    const queue = callsheet.queue();
    const [file, gate] = [join(directory, 'marks'), join(directory, 'gate')];
    const inHand = await queue.putAll([marks.markUntil(file, 'first', gate), marks.markUntil(file, 'second', gate)]);
    await eventually('the first runs', () => marksIn(file).length === 1);
    void (await thread()).terminate();
    await eventually(
      'another has taken its place',
      async () => (await callsheet.queues().catch(() => [])).length === 1,
    );
    writeFileSync(gate, '');
    await queue.drain();
    for (const n of [1, 2, 3]) await (await queue.put(numbers.add(n, n))).result();
    await eventually('both are forgotten', async () => (await callsheet.stats()).jobs === 1);
    assert.deepEqual(await Promise.all(inHand.map((job) => job.result())), ['first ended', 'second ended']);
  });

  for (const [what, kill] of Object.entries(ways)) {
    it(`[9.1] is restarted when it ${what}, and continues the jobs`, async (t) => {
      const directory = temporaryDirectory();
      const { callsheet, thread } = await opened(t, { directory });
      const queue = callsheet.queue();
      const [file, gate] = [join(directory, 'marks'), join(directory, 'gate')];
      const done = await queue.put(numbers.add(1, 2));
      assert.equal(await done.result(), 3);
      const running = await queue.put(marks.markUntil(file, 'running', gate));
      const waiting = await queue.put(numbers.add(3, 4));
      const several = await queue.putAll([numbers.add(5, 6), numbers.add(7, 8)]);
      const asked = [waiting.result(), several[0]!.result(), callsheet.job(waiting.id).result()];
      await eventually('the first runs', () => marksIn(file).length === 1);
      // Only a start that was delivered to the client counts.
      await eventually('that is known', async () => (await running.details()).attempts === 1);
      const first = await thread();
      const inFlight = callsheet.job(running.id).annotations.waitFor('never', { timeoutMs: 60_000 });
      kill(first);
      await assert.rejects(inFlight, died);
      // From here on requests wait for the next coordinator.
      const meanwhile = queue.put(numbers.add(9, 10));
      assert.equal(await done.status(), 'completed');
      await eventually('it runs again', () => marksIn(file).length === 2);
      writeFileSync(gate, '');
      assert.equal(await running.result(), 'running ended');
      assert.deepEqual(await Promise.all(asked), [7, 11, 7]);
      assert.equal(await several[1]!.result(), 15);
      assert.equal(await (await meanwhile).result(), 19);
      assert.equal((await running.details()).attempts, 2);
      assert.notEqual(await thread(), first);
      assert.deepEqual(await callsheet.close(), { hangingThreads: [], interrupted: 0 });
    });
  }

  it('[9.1] is restarted only if the last restart was at least a minute ago', async (t) => {
    const { callsheet, thread } = await opened(t, { directory: temporaryDirectory() });
    const job = await callsheet.queue().put(numbers.add(1, 2));
    assert.equal(await job.result(), 3);
    ways.throws(await thread());
    await eventually('it is back', () => callsheet.queues().catch(() => false));
    const { now } = performance;
    const later = t.mock.method(performance, 'now', () => now.call(performance) + 61_000);
    ways.throws(await thread());
    await eventually('it is back', () => callsheet.queues().catch(() => false));
    later.mock.restore();
    ways.throws(await thread());
    const waiting = callsheet.queue().drain();
    await assert.rejects(waiting, (error: Error) => died(error) && /less than 60 s/.test(error.message));
    await assert.rejects(callsheet.queue().put(numbers.add(1, 2)), died);
    await assert.rejects(job.status(), died);
    assert.equal(await job.result(), 3, 'what was told stays told');
    assert.equal((await callsheet.close()).error?.code, 'COORDINATOR_DIED');
  });

  it('[9.1] is not restarted in a runtime without a directory: all jobs are lost', async (t) => {
    const { callsheet, thread } = await opened(t);
    const job = await callsheet.queue().put(numbers.add(1, 2));
    ways.throws(await thread());
    await assert.rejects(callsheet.queue().drain(), (error: Error) => died(error) && /lost/.test(error.message));
    await assert.rejects(callsheet.queue().put(numbers.add(1, 2)), died);
    await job.result().catch(died);
    assert.equal((await callsheet.close()).error?.code, 'COORDINATOR_DIED');
  });

  it('[9.1] [9.3] loses jobs of level `memory` and rejects the calls that wait for them', async (t) => {
    const { callsheet, thread } = await opened(t, { directory: temporaryDirectory() });
    const queue = callsheet.queue();
    await queue.pause();
    const job = await queue.put(numbers.add(1, 2), { durability: 'memory' });
    const process = await queue.put(numbers.add(3, 4), { durability: 'process' });
    const result = job.result();
    ways.throws(await thread());
    await assert.rejects(result, died);
    await queue.resume();
    assert.equal(await process.result(), 7);
    await assert.rejects(callsheet.job(job.id).status(), { code: 'JOB_FORGOTTEN' });
  });

  it('ends event streams with an error, waiting or not: some events may be missing', async (t) => {
    const { callsheet, thread } = await opened(t, { directory: temporaryDirectory() });
    const [waiting, resting] = [callsheet.events(), callsheet.events()];
    const readAll = async (events: EventStream) => {
      for await (const _ of events);
    };
    const read = readAll(waiting);
    ways.throws(await thread());
    await assert.rejects(read, died);
    await eventually('it is back', () => callsheet.queues().catch(() => false));
    await assert.rejects(readAll(resting), died);
  });

  it('keeps changed agents over a restart', async (t) => {
    const { callsheet, thread } = await opened(t, { directory: temporaryDirectory(), agent: { size: 1 } });
    const queue = callsheet.queue();
    await queue.setAgent('main', { size: 5 });
    ways.throws(await thread());
    await eventually('it is back', () => callsheet.queues().catch(() => false));
    assert.deepEqual(
      (await queue.agents()).map(({ size }) => size),
      [5],
    );
  });

  it('[9.1] ends the runtime with the reason if the directory cannot be opened again', async (t) => {
    const directory = temporaryDirectory();
    const { callsheet, thread } = await opened(t, { directory });
    const worker = await thread();
    worker.prependListener('exit', () => {
      for (const name of readdirSync(directory)) if (name.endsWith('.segment')) rmSync(join(directory, name));
    });
    ways.throws(worker);
    await assert.rejects(callsheet.queue().drain(), { code: 'JOURNAL_CORRUPT' });
    assert.equal((await callsheet.close()).error?.code, 'JOURNAL_CORRUPT');
  });
});
