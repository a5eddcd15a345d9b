/** What ends a thread is named wherever its job is: in its failure, in the log, in the events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Failure, type JobEvent, open, type Part, retryNever } from 'callsheet';
import { pino } from 'pino';
import { allJobs, bad, numbers } from './jobs/all.js';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly detail: string;
}

/** Opens a runtime of one thread in which the job runs; gives what is known of its first run. */
async function endOf(job: Part<unknown>): Promise<{ failure: Failure; event: JobEvent; line: Line }> {
  const lines: Line[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line) as Line) });
  await using callsheet = await open({ jobs: allJobs, durability: 'memory', threads: 1, logger });
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
    it(`[8.4] that ends of an error (${how}) has it named as the cause, in the log and in the event`, async () => {
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
    it(`[8.4] that ends of something that is no error (${how}) has it named`, async () => {
      const { failure, event, line } = await endOf(bad.endsThread(how));
      assert.match((failure.cause as Failure).message, text);
      assert.match(event.interruption!.error!.message, text);
      assert.match(line.msg, text);
    });
  }

  it('[8.4] that ends by process.exit has the exit code named, and the place of the call', async () => {
    const { failure, event, line } = await endOf(bad.exits(3));
    const cause = failure.cause as Failure;
    assert.equal(cause.message, 'the thread ended with exit code 3, by a call of process.exit()');
    assert.deepEqual(cause.properties, { exitCode: 3 });
    assert.match(cause.stack!, /misbehaving\.js:\d+/);
    assert.match(event.interruption!.error!.message, /exit code 3/);
    assert.match(line.msg, /exit code 3/);
    assert.match(line.detail, /misbehaving\.js:\d+/);
  });
});
