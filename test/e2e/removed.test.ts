/**
 * The directory of a running runtime is removed: the runtime ends with a clear error and
 * acknowledges nothing that is not stored.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { JournalRemovedError, open } from 'callsheet';
import { pino } from 'pino';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, numbers } from './jobs/all.js';

/** A logger and its lines of level `fatal`. */
function logged() {
  const lines: { level: number; msg: string; detail: string }[] = [];
  const logger = pino({ level: 'fatal' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { logger, fatal: () => lines.filter(({ level }) => level === 60) };
}

describe('a runtime with its directory', () => {
  for (const [what, spoil] of [
    ['removed', (directory: string) => rmSync(directory, { recursive: true })],
    [
      'replaced by another',
      (directory: string) => {
        renameSync(directory, `${directory}-moved`);
        mkdirSync(directory);
      },
    ],
  ] as const) {
    it(`[9.1] ${what} refuses the next put and ends`, async () => {
      const directory = join(temporaryDirectory(), 'journal');
      const { logger, fatal } = logged();
      const callsheet = await open({ directory, jobs: allJobs, threads: 1, logger });
      const job = await callsheet.queue().put(numbers.add(1, 2));
      assert.equal(await job.result(), 3);
      const others = await callsheet.queue().putAll([numbers.add(2, 3), numbers.add(3, 3)]);
      assert.deepEqual(await Promise.all(others.map((other) => other.result())), [5, 6]);
      spoil(directory);
      const put = callsheet.queue().put(numbers.add(3, 4));
      await assert.rejects(put, JournalRemovedError);
      await assert.rejects(callsheet.queue().put(numbers.add(3, 4)), { code: 'JOURNAL_REMOVED' });
      await assert.rejects(callsheet.job(job.id).status(), JournalRemovedError);
      assert.equal(await job.result(), 3, 'what was delivered stays');
      assert.deepEqual(await Promise.all(others.map((other) => other.result())), [5, 6]);
      const { error } = await callsheet.close();
      assert.ok(error instanceof JournalRemovedError, String(error));
      const [said, ...more] = fatal();
      assert.deepEqual(more, [], 'once');
      assert.match(said!.msg, /^the runtime has ended: .* was removed or replaced/);
      assert.match(said!.detail, /restore the removed files/);
      if (what !== 'removed') assert.deepEqual(readdirSync(directory), []);
    });
  }

  it('[9.1] opened by another runtime after its lock was removed refuses the next put; the other goes on', async () => {
    const directory = join(temporaryDirectory(), 'journal');
    const callsheet = await open({ directory, jobs: allJobs, threads: 1 });
    assert.equal(await (await callsheet.queue().put(numbers.add(1, 2))).result(), 3);
    unlinkSync(join(directory, readdirSync(directory).find((name) => name.endsWith('.lock'))!));
    const other = await open({ directory, jobs: allJobs, threads: 1 });
    const job = await other.queue().put(numbers.add(3, 4));
    await assert.rejects(callsheet.queue().put(numbers.add(5, 6)), JournalRemovedError);
    assert.equal((await callsheet.close()).error?.code, 'JOURNAL_REMOVED');
    assert.equal(await job.result(), 7);
    await other.close();
    const again = await open({ directory, jobs: allJobs, threads: 1 });
    assert.equal(await again.job(job.id).result(), 7);
    await again.close();
  });
});
