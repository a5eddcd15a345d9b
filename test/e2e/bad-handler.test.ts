/**
 * Handlers that misbehave: the error names their own job, no other job suffers, and the runtime
 * goes on.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Failure, open, type Part, parallel, type Runtime, retryNever } from 'callsheet';
import { pino } from 'pino';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, bad, marks, marksIn, numbers } from './jobs/all.js';

const logger = pino({ level: 'silent' });

describe('a handler', () => {
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ directory: temporaryDirectory(), jobs: allJobs, threads: 2, logger });
  });
  after(() => callsheet.close());

  /** The job fails as expected; the jobs put with it and after it succeed. */
  async function fails(job: Part, expected: (failure: Failure) => void): Promise<void> {
    const queue = callsheet.queue();
    const [first, failing, last] = await queue.putAll([numbers.add(1, 2), job, numbers.later(4)]);
    const failure = await failing!.failure();
    assert.ok(failure, 'it did not fail');
    expected(failure);
    await assert.rejects(failing!.result(), { name: 'JobFailedError', code: 'JOB_FAILED', message: failure.message });
    assert.deepEqual([await first!.result(), await last!.result()], [3, 4]);
    assert.equal(await failing!.status(), 'completed');
    assert.equal(await (await queue.put(numbers.add(5, 6))).result(), 11);
  }

  it('[2.2] that throws fails with its error', () =>
    fails(bad.throws(), ({ name, code }) => assert.deepEqual([name, code], ['OrderError', 'E_ORDER'])));

  it('[2.2] that rejects fails with its error', () =>
    fails(bad.rejects(), ({ name, message }) =>
      assert.deepEqual([name, message], ['OrderError', 'there is no such order any more']),
    ));

  it('[8.2] that throws is not run again', async () => {
    const job = await callsheet.queue().put(bad.throws());
    await job.failure();
    assert.equal((await job.details()).attempts, 1);
  });

  it('[2.2] that throws a string fails with that string', () =>
    fails(bad.throwsText(), ({ message, cause }) => {
      assert.match(message, /only a text/);
      assert.equal(cause, 'only a text');
    }));

  it('[2.2] that throws undefined fails', () =>
    fails(bad.throwsNothing(), ({ message }) => assert.match(message, /undefined/)));

  it('[2.2] that rejects with a plain object fails with that object', () =>
    fails(bad.rejectsWithObject(), ({ cause }) => assert.deepEqual(cause, { reason: 'an object', at: 3 })));

  it('[2.2] that throws an object that cannot be read fails', () =>
    fails(bad.throwsTrap(), ({ name }) => assert.ok(name)));

  for (const [name, path] of [
    ['returnsFunction', 'result.rows[0].format'],
    ['resolvesWithClassInstance', 'result.when'],
    ['returnsPromiseInside', 'result[1]'],
  ] as const) {
    it(`[2.2] that ${name} fails with the path of the value that cannot be stored`, () =>
      fails(bad[name](), (failure) => {
        assert.equal(failure.code, 'RESULT_NOT_STORABLE');
        assert.ok(failure.check('NotStorableError'), failure.names.join());
        assert.match(failure.message, new RegExp(`^${path.replaceAll(/[[\].]/g, '\\$&')} `));
        assert.equal(failure.properties?.path, path);
      }));
  }

  it('[8.4] that ends its thread is interrupted until its policy is spent', () =>
    fails(bad.exits(0).with({ retry: marks.atOnce }), (failure) => {
      assert.equal(failure.code, 'JOB_INTERRUPTED');
      assert.ok(failure.check('JobInterruptedError'));
    }));

  it('that ends its thread does not harm the other parts of its whole', async () => {
    const parts: Part<unknown>[] = [numbers.add(1, 2), bad.exits(1).with({ retry: retryNever }), numbers.later(3)];
    const job = await callsheet.queue().put(parallel(parts, { postprocess: numbers.told }));
    assert.deepEqual(await job.result(), {
      all: ['3', 'JobInterruptedError', '3'],
      last: '3',
      beyond: true,
    });
  });

  for (const name of ['throwsLater', 'rejectsLater'] as const) {
    it(`[8.4] that ${name} has its result and interrupts no other job of its thread`, async () => {
      const queue = callsheet.queue();
      const culprits = await queue.putAll(Array.from({ length: 6 }, () => bad[name]()));
      const others = await queue.putAll(
        Array.from({ length: 40 }, (_, n) => numbers.later(n)),
        { retry: retryNever },
      );
      for (const culprit of culprits) assert.equal(await culprit.result(), 'returned in time');
      assert.deepEqual(
        await Promise.all(others.map((other) => other.result())),
        Array.from(others, (_, n) => n),
      );
      for (const other of others) assert.equal((await other.details()).interruptions, 0);
    });
  }
});

describe('an idle thread', () => {
  it('runs the timers of its modules', async () => {
    const file = join(temporaryDirectory(), 'marks');
    await using callsheet = await open({ jobs: allJobs, durability: 'memory', threads: 1, logger });
    await (await callsheet.queue().put(bad.marksLater(file))).result();
    await eventually('the timer rings', () => marksIn(file).length === 1);
  });
});

describe('a foreign message', () => {
  it('is ignored on the port of every thread', async () => {
    await using callsheet = await open({ jobs: allJobs, durability: 'memory', threads: 1, logger });
    const queue = callsheet.queue();
    assert.equal(await (await queue.put(bad.posts())).result(), 'posted');
    // As a policy, `posts` runs in a thread of questions, where it posts and then returns an
    // invalid answer.
    const asking = await queue.put(bad.throws(), { retry: bad.posts });
    const problem = async () => (await asking.details()).awaits[0]?.problem;
    await eventually('the policy was asked', async () => (await problem()) !== undefined);
    assert.match((await problem())!, /must return true, false or .*, got posted/);
    assert.equal(await (await queue.put(numbers.add(1, 2))).result(), 3);
  });
});

describe('a handler that never ends', () => {
  for (const [name, job] of [
    ['loops', bad.loopsForever],
    ['waits for ever', bad.neverResolves],
  ] as const) {
    it(`[5.9] and ${name} is given back by a close that keeps its grace`, async () => {
      const directory = temporaryDirectory();
      const callsheet = await open({ directory, jobs: allJobs, threads: 2, logger });
      const handle = await callsheet.queue().put(job);
      const result = handle.result();
      const refused = assert.rejects(result, { code: 'CLOSED' });
      await eventually('it runs', async () => (await handle.status()) === 'active');
      assert.equal(await (await callsheet.queue().put(numbers.add(1, 2))).result(), 3);
      const start = performance.now();
      assert.deepEqual(await callsheet.close({ graceMs: 200 }), { hangingThreads: [], interrupted: 1 });
      const tookMs = performance.now() - start;
      assert.ok(tookMs >= 199 && tookMs < 6_000, `${tookMs} ms`);
      await refused;

      // The job is given back uncounted. A build without its module keeps it pending, with all
      // details.
      await using again = await open({ directory, jobs: [numbers], threads: 1, logger });
      const { status, interruptions } = await again.job(handle.id).details();
      assert.deepEqual({ status, interruptions }, { status: 'pending', interruptions: 0 });
    });
  }

  it('[5.9] because it is stuck in a system call is named by close, which resolves', async () => {
    const directory = temporaryDirectory();
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1, logger });
    const handle = await callsheet.queue().put(bad.hangsIn(pipe));
    await eventually('it runs', async () => (await handle.status()) === 'active');
    const { hangingThreads } = await callsheet.close({ graceMs: 0 });
    assert.equal(hangingThreads.length, 1);
    assert.ok(Number.isInteger(hangingThreads[0]));
    // Opens the other end of the pipe, so that the thread and this process can end.
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
  });
});

describe('a closed runtime', () => {
  it('rejects every call with CLOSED, but returns outcomes that a handle has, and stores nothing', async () => {
    const directory = temporaryDirectory();
    const callsheet = await open({ directory, jobs: allJobs, threads: 1 });
    const queue = callsheet.queue();
    const job = await queue.put(numbers.add(1, 2));
    await job.result();
    await callsheet.close();
    const calls: Record<string, () => Promise<unknown>> = {
      put: () => queue.put(numbers.add(1, 2)),
      putAll: () => queue.putAll([numbers.add(1, 2), numbers.add(1, 2)]),
      'put into a queue had later': () => callsheet.queue().put(numbers.add(1, 2)),
      status: () => job.status(),
      details: () => job.details(),
      'result of a handle had later': () => callsheet.job(job.id).result(),
    };
    for (const [name, call] of Object.entries(calls)) {
      await assert.rejects(call(), { name: 'ClosedError', code: 'CLOSED' }, name);
    }
    assert.deepEqual([await job.result(), await job.failure()], [3, undefined]);
    await using again = await open({ directory, jobs: allJobs, threads: 1 });
    assert.deepEqual(again.found, { jobs: 1, unfinished: 0 });
  });

  it('refuses puts while it closes, but delivers results of jobs that end within the grace', async () => {
    const directory = temporaryDirectory();
    const [file, gate] = [join(directory, 'marks'), join(directory, 'gate')];
    const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
    const job = await callsheet.queue().put(marks.markAwaiting(file, 'running', gate));
    await eventually('it runs', () => marksIn(file).length > 0);
    const closed = callsheet.close();
    await assert.rejects(callsheet.queue().put(numbers.add(1, 2)), { code: 'CLOSED' });
    const result = job.result();
    closeSync(openSync(gate, 'w'));
    assert.equal(await result, 'running');
    await closed;
  });
});
