/** The cause of a thread's end is named in the failure of its job, in the log and in the events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Failure, type JobEvent, type OpenOptions, open, type Part, retryNever } from 'callsheet';
import { pino } from 'pino';
import { allJobs, bad, numbers } from './jobs/all.js';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly detail: string;
}

/**
 * Runs the job in a runtime of one thread. Returns the failure, event and log line of its first
 * run.
 */
async function endOf(
  job: Part<unknown>,
  options: Partial<OpenOptions> = {},
): Promise<{ failure: Failure; event: JobEvent; line: Line }> {
  const lines: Line[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line) as Line) });
  await using callsheet = await open({ jobs: allJobs, durability: 'memory', threads: 1, logger, ...options });
  const events = callsheet.events();
  const handle = await callsheet.queue().put(job, { retry: retryNever });
  const failure = (await handle.failure())!;
  assert.equal(await (await callsheet.queue().put(numbers.add(1, 2))).result(), 3);
  let event: JobEvent | undefined;
  for await (const one of events) {
    if (one.type !== 'job.interrupted') continue;
    event = one;
    break;
  }
  assert.equal(failure.code, 'JOB_INTERRUPTED');
  assert.equal(event!.interruption?.cause, 'thread');
  assert.equal(lines.length, 1, JSON.stringify(lines));
  assert.match(lines[0]!.detail, new RegExp(`^it was at bad#\\w+, job ${handle.id}, attempt 1\n`));
  return { failure, event: event!, line: lines[0]! };
}

describe('a thread', () => {
  for (const [how, name, message] of [
    ['timer', 'TypeError', 'thrown in a timer'],
    ['emitter', 'RangeError', 'emitted by an emitter'],
    ['rejection', 'SyntaxError', 'forgotten'],
  ] as const) {
    it(`[8.4] that ends by an error (${how}) has it as the cause in failure, log and event`, async () => {
      const { failure, event, line } = await endOf(bad.endsThread(how));
      assert.equal(failure.message, `the job was interrupted: its thread died (${name}: ${message})`);
      const cause = failure.cause as Failure;
      assert.deepEqual([cause.name, cause.message], [name, message]);
      assert.match(cause.stack!, /misbehaving\.js:\d+/);
      if (how === 'timer') assert.equal((cause.cause as Failure).message, 'the reason of that');
      const { error } = event.interruption!;
      assert.deepEqual([error?.name, error?.message], [name, message]);
      assert.match(error!.stack!, /misbehaving\.js:\d+/);
      assert.equal(line.msg, `a worker thread died: ${name}: ${message}`);
      assert.match(line.detail, /misbehaving\.js:\d+/);
    });
  }

  for (const [how, text] of [
    ['text', /only a text/],
    ['nothing', /undefined/],
  ] as const) {
    it(`[8.4] that ends by a thrown value that is not an error (${how}) has it as the cause`, async () => {
      const { failure, event, line } = await endOf(bad.endsThread(how));
      assert.match((failure.cause as Failure).message, text);
      assert.match(event.interruption!.error!.message, text);
      assert.match(line.msg, text);
    });
  }

  it('[8.4] that ends by process.exit has the exit code and the place of the call as the cause', async () => {
    const { failure, event, line } = await endOf(bad.exits(3));
    const cause = failure.cause as Failure;
    assert.equal(cause.message, 'the thread ended with exit code 3, by a call of process.exit()');
    assert.deepEqual(cause.properties, { exitCode: 3 });
    assert.match(cause.stack!, /misbehaving\.js:\d+/);
    assert.match(event.interruption!.error!.message, /exit code 3/);
    assert.match(line.msg, /exit code 3/);
    assert.match(line.detail, /misbehaving\.js:\d+/);
  });

  it('[15.2] that exceeds its memory limit is ended, and the limit is named', async () => {
    const { failure, event, line } = await endOf(bad.takesAllMemory(), {
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    const cause = failure.cause as Failure;
    assert.equal(cause.message, 'the thread was out of memory at 64 MB, the limit of its heap (resourceLimits)');
    assert.equal(cause.code, 'ERR_WORKER_OUT_OF_MEMORY');
    assert.match(event.interruption!.error!.message, /at 64 MB/);
    assert.match(line.msg, /at 64 MB/);
  });

  /** Runs `count` jobs that leak. Returns how many ran in each thread, in order. */
  async function jobsOfThreads(count: number, recycle: OpenOptions['recycle']): Promise<number[]> {
    const options = { jobs: allJobs, durability: 'memory', threads: 1, ...(recycle && { recycle }) } as const;
    await using callsheet = await open(options);
    const queue = callsheet.queue();
    // Once known to be short, several go to a thread in one batch.
    const jobs = await queue.putAll(
      Array.from({ length: count }, () => bad.leaks(4)),
      { retry: retryNever },
    );
    const counts = new Map<number, number>();
    for (const job of jobs) {
      const thread = await job.result();
      counts.set(thread, (counts.get(thread) ?? 0) + 1);
      assert.equal((await job.details()).interruptions, 0);
    }
    return [...counts.values()];
  }

  it('[15.2] is replaced after `afterJobs` jobs; each job runs once', async () => {
    assert.deepEqual(await jobsOfThreads(20, { afterJobs: 6 }), [6, 6, 6, 2]);
  });

  it('[15.2] is replaced between two jobs when its heap is above `aboveHeapMb`', async () => {
    const counts = await jobsOfThreads(40, { aboveHeapMb: 60 });
    assert.ok(counts.length > 2, counts.join());
    for (const count of counts) assert.ok(count <= 15, counts.join());
  });

  it('[15.2] is not replaced without `recycle`', async () => {
    assert.deepEqual(await jobsOfThreads(20, undefined), [20]);
  });

  for (const [options, name] of [
    [{ resourceLimits: { maxOldGenerationSizeMb: 63 } }, 'resourceLimits.maxOldGenerationSizeMb'],
    [{ resourceLimits: { stackSizeMb: 0 } }, 'resourceLimits.stackSizeMb'],
    [{ recycle: { afterJobs: 0 } }, 'recycle.afterJobs'],
    [{ recycle: { aboveHeapMb: 2048 } }, 'recycle.aboveHeapMb'],
    [{ resourceLimits: { maxOldGenerationSizeMb: 100 }, recycle: { aboveHeapMb: 100 } }, 'recycle.aboveHeapMb'],
  ] as const) {
    it(`[15.2] cannot be given the limits ${JSON.stringify(options)}`, () =>
      assert.rejects(open({ jobs: allJobs, ...options }), {
        name: 'RangeError',
        message: new RegExp(`^\`${name}\` must`),
      }));
  }
});
