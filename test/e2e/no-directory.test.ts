/**
 * A runtime without a directory warns. A runtime that must keep jobs is not opened without a
 * directory.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type OpenOptions, open, type Runtime } from 'callsheet';
import { pino } from 'pino';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, numbers } from './jobs/all.js';

async function opened(t: TestContext, options: Partial<OpenOptions>): Promise<[Runtime, string[]]> {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line).msg) });
  const callsheet = await open({ jobs: allJobs, threads: 1, logger, ...options });
  t.after(() => callsheet.close());
  return [callsheet, lines];
}

const invalid = (name: RegExp) => (error: Error & { code?: string }) => {
  assert.ok(error.code === 'INVALID_OPTION', String(error));
  assert.match(error.message, name);
  return true;
};

describe('a runtime without a directory', () => {
  it('[9.1] warns once that nothing outlives it, and shows the durability `memory`', async (t) => {
    const [callsheet, lines] = await opened(t, {});
    const job = await callsheet.queue().put(numbers.add(1, 2));
    assert.equal(await job.result(), 3);
    assert.equal((await job.details()).durability, 'memory');
    assert.equal(lines.length, 1, String(lines));
    assert.match(lines[0]!, /^nothing outlives this process/);
  });

  it('[9.1] does not warn if `memory` was asked for, or if it has a directory', async (t) => {
    const [, asked] = await opened(t, { durability: 'memory' });
    const [kept, lines] = await opened(t, { directory: temporaryDirectory() });
    assert.deepEqual([asked, lines], [[], []]);
    const job = await kept.queue().put(numbers.add(1, 2));
    assert.equal((await job.details()).durability, 'full');
  });

  it('[9.1] refuses a durability that it cannot keep, in open and in put', async (t) => {
    for (const durability of ['full', 'process'] as const)
      await assert.rejects(open({ jobs: allJobs, durability }), invalid(/durability.*without a directory/));
    const [callsheet] = await opened(t, { durability: 'memory' });
    for (const durability of ['full', 'process'] as const)
      await assert.rejects(callsheet.queue().put(numbers.add(1, 2), { durability }), invalid(/durability.*directory/));
  });

  it('[9.1] is not opened if `directory` or `durability` is given as undefined', async () => {
    const missing = process.env.CALLSHEET_NO_SUCH_VARIABLE as never;
    await assert.rejects(
      open({ jobs: allJobs, directory: missing }),
      invalid(/`directory` must have a value.*undefined/),
    );
    const directory = temporaryDirectory();
    await assert.rejects(
      open({ jobs: allJobs, directory, durability: missing }),
      invalid(/`durability` must have a value.*undefined/),
    );
  });
});
