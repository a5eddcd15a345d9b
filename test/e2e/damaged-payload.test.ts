/**
 * A payload that is damaged on disk while the runtime is open. Calls and jobs that need it fail
 * with its place; everything else goes on.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { JournalCorruptError, open, type Part, serial } from 'callsheet';
import { pino } from 'pino';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks, marksIn, numbers } from './jobs/all.js';

/** Larger than the payloads that stay in memory. */
const large = (mark: string) => mark.repeat(2000 / mark.length);

/** Flips a bit in the middle of `text` in each segment that contains it. */
function damage(directory: string, text: string): void {
  let damaged = 0;
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.segment'))) {
    const bytes = readFileSync(join(directory, name));
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) {
      const file = openSync(join(directory, name), 'r+');
      writeSync(file, Buffer.from([bytes[at + 1000]! ^ 1]), 0, 1, at + 1000);
      closeSync(file);
      damaged += 1;
    }
  }
  assert.ok(damaged > 0, 'the text is in no segment');
}

async function opened() {
  const directory = temporaryDirectory();
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
  return { directory, lines, callsheet: await open({ directory, jobs: allJobs, threads: 1, logger }) };
}

describe('a payload that is damaged on the disk', () => {
  it('[9.2] fails the job with these arguments and runs its callbacks; all other jobs go on', async () => {
    const { directory, lines, callsheet } = await opened();
    await using _ = callsheet;
    const queue = callsheet.queue();
    await queue.pause();
    const [first, job, last] = await queue.putAll([
      numbers.echo(large('first-')),
      numbers.echo(large('damaged-')),
      numbers.echo(large('last-')),
    ]);
    const callback = await job!.addCallback(numbers.echo);
    damage(directory, large('damaged-'));
    await queue.resume();
    const failure = await job!.failure();
    assert.equal(failure?.code, 'JOURNAL_CORRUPT');
    assert.match(failure.message, /segment is damaged at byte \d+/);
    assert.equal(await first!.result(), large('first-'));
    assert.equal(await last!.result(), large('last-'));
    // The callback returns the failure that it was called with.
    assert.equal((await callback.failure())?.message, failure.message);
    assert.equal((await callback.details()).attempts, 1);
    const { status, attempts } = await job!.details();
    assert.deepEqual([status, attempts], ['completed', 0]);
    assert.ok(lines.some((line) => line.includes('is damaged at byte') && line.includes(job!.id)));
  });

  it('[9.2] rejects calls that read it as a result or as arguments', async () => {
    const { directory, callsheet } = await opened();
    await using _ = callsheet;
    const queue = callsheet.queue();
    const job = await queue.put(numbers.echo(large('result-')));
    assert.equal(await job.result(), large('result-'));
    damage(directory, large('result-'));
    const again = callsheet.job(job.id);
    for (const asked of [again.result(), again.failure(), again.arguments()]) {
      await assert.rejects(asked, (error) => {
        assert.ok(error instanceof JournalCorruptError && error.file.startsWith(directory), String(error));
        return true;
      });
    }
    // The put comes first, so that the answer has to wait for a sync.
    const put = queue.put(numbers.add(1, 2));
    await assert.rejects(again.result(), JournalCorruptError);
    assert.equal(await (await put).result(), 3);
    assert.equal(await again.status(), 'completed');
    const callback = await again.addCallback(numbers.echo);
    assert.equal((await callback.failure())?.code, 'JOURNAL_CORRUPT');
    assert.equal(await (await queue.put(numbers.add(1, 2))).result(), 3);
  });

  it('[9.2] fails the postprocess that gets it from a part', async () => {
    const { directory, callsheet } = await opened();
    await using _ = callsheet;
    const queue = callsheet.queue();
    const [file, gate] = [join(directory, 'marks'), join(directory, 'gate')];
    const parts: Part[] = [numbers.echo(large('part-')), marks.markUntil(file, 'second', gate)];
    const whole = await queue.put(serial(parts, { postprocess: numbers.told }));
    await eventually('the second part runs', () => marksIn(file).length > 0);
    // When this put resolves, the parts settled before are on disk and no longer in memory.
    const behind = await queue.put(numbers.add(1, 2));
    damage(directory, large('part-'));
    writeFileSync(gate, '');
    assert.equal((await whole.failure())?.code, 'JOURNAL_CORRUPT');
    assert.equal(await behind.result(), 3);
  });
});
