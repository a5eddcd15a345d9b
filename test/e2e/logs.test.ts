/** The log of real threads: everything goes to the logger given to `open`, and nowhere else. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { defineJobs, type JobModule, open } from 'callsheet';
import { type LevelWithSilent, pino } from 'pino';
import { eventually } from '../harness/eventually.js';

const url = new URL('./jobs/logging.js', import.meta.url);
type Logging = typeof import('./jobs/logging.js');
const logging = defineJobs<Logging>('logging', url, { tearDown: 'failsToEnd' });
const quiet = defineJobs<Logging>('quiet', url, { log: 'silent' });
const loud = defineJobs<Logging>('loud', url, { log: 'debug' });
const mixed = defineJobs<Logging>('mixed', url, { log: { says: 'debug', '*': 'silent' } });
const plain = defineJobs<Logging>('plain', url);

type Line = Record<string, unknown> & { readonly err?: { readonly message: string; readonly stack: string } };

async function opened(
  t: TestContext,
  level: LevelWithSilent,
  jobs: JobModule<Logging>[] = [logging, quiet, loud, mixed, plain],
) {
  const lines: Line[] = [];
  const logger = pino({ level, base: { app: 'mine' } }, { write: (line) => lines.push(JSON.parse(line)) });
  const callsheet = await open({
    jobs,
    durability: 'memory',
    threads: 1,
    logger,
  });
  t.after(() => callsheet.close());
  return { callsheet, lines };
}

describe('the log of a runtime', () => {
  it('[11.1] has the lines of jobs and failed hooks, with the job, in the logger given to open', async (t) => {
    const { callsheet, lines } = await opened(t, 'info');
    const job = await callsheet.queue().put(logging.says('info', 'hello'));
    assert.equal(await job.result(), 'hello');
    await eventually('both are logged', () => lines.length >= 2);
    const [said, failed] = lines;
    const about = { app: 'mine', log: 'events', job: job.id, callable: 'logging#says', attempt: 1 };
    for (const line of [said!, failed!])
      for (const [key, value] of Object.entries(about)) assert.equal(line[key], value);
    assert.deepEqual([said!.level, said!.msg, said!.of], [30, 'hello', 'a job']);
    assert.deepEqual(
      [failed!.level, failed!.msg, failed!.err?.message],
      [60, 'tearDown failed', 'it does not end well'],
    );
    assert.match(failed!.err!.stack, /logging\.js:\d+/);
  });

  it('[11.1] has a warning with the stack for a failure without a waiter', async (t) => {
    const { callsheet, lines } = await opened(t, 'warn');
    const awaited = await callsheet.queue().put(plain.fails());
    await assert.rejects(awaited.result());
    const forgotten = await callsheet.queue().put(plain.fails());
    await eventually('it is logged', () => lines.length > 0);
    await callsheet.queue().drain();
    assert.deepEqual(
      lines.map(({ level, msg, job, callable, attempt }) => ({ level, msg, job, callable, attempt })),
      [{ level: 40, msg: 'a job failed', job: forgotten.id, callable: 'plain#fails', attempt: 1 }],
    );
    assert.equal(lines[0]!.err?.message, 'it fails');
    assert.match(lines[0]!.err!.stack, /logging\.js:\d+/);
  });

  it('[11.1] has each start and result at debug, except of modules with another level', async (t) => {
    const { callsheet, lines } = await opened(t, 'debug');
    const job = await callsheet.queue().put(plain.says('debug', 'deep'));
    await job.result();
    await (await callsheet.queue().put(quiet.says('fatal', 'unheard'))).result();
    await eventually('its end is logged', () => lines.length >= 3);
    assert.deepEqual(lines.map(({ log, msg, job: of }) => [log, msg, of]).sort(), [
      ['events', 'deep', job.id],
      ['trace', 'a job began', job.id],
      ['trace', 'a job succeeded', job.id],
    ]);
  });

  it('[11.1] has more lines of a module with a lower level', async (t) => {
    const { callsheet, lines } = await opened(t, 'warn');
    await (await callsheet.queue().put(plain.says('debug', 'unheard'))).result();
    await (await callsheet.queue().put(loud.says('debug', 'heard'))).result();
    await eventually('its end is logged', () => lines.length >= 3);
    assert.deepEqual(lines.map(({ msg, callable }) => [msg, callable]).sort(), [
      ['a job began', 'loud#says'],
      ['a job succeeded', 'loud#says'],
      ['heard', 'loud#says'],
    ]);
  });

  it('[11.1] has the lines of a function by its level in the module', async (t) => {
    const { callsheet, lines } = await opened(t, 'warn');
    await callsheet.queue().put(mixed.fails());
    await (await callsheet.queue().put(mixed.says('debug', 'heard'))).result();
    await eventually('its end is logged', () => lines.length >= 3);
    assert.deepEqual(lines.map(({ msg, callable }) => [msg, callable]).sort(), [
      ['a job began', 'mixed#says'],
      ['a job succeeded', 'mixed#says'],
      ['heard', 'mixed#says'],
    ]);
  });

  it('[11.1] has the lines of a job by its own level', async (t) => {
    const { callsheet, lines } = await opened(t, 'warn', [quiet, plain]);
    const queue = callsheet.queue();
    await queue.put(plain.fails(), { log: 'silent' });
    const job = await queue.put(quiet.says('debug', 'heard'), { log: 'debug' });
    await job.result();
    await eventually('its end is logged', () => lines.length >= 3);
    assert.deepEqual(lines.map(({ msg, job: of }) => [msg, of]).sort(), [
      ['a job began', job.id],
      ['a job succeeded', job.id],
      ['heard', job.id],
    ]);
  });

  it('[11.1] is empty if the logger is silent, also on standard error', async (t) => {
    const { callsheet, lines } = await opened(t, 'silent');
    await (await callsheet.queue().put(logging.says('fatal', 'unheard'))).result();
    await callsheet.queue().put(plain.fails());
    await callsheet.queue().drain();
    assert.deepEqual(lines, []);
  });
});
