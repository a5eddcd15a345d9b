/**
 * Misuse by a newcomer: each case is a clear error with a code, stores nothing, and the runtime
 * goes on.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { open, type Part, parallel, type RetryPolicy } from 'callsheet';
import { numbers } from './jobs/all.js';

const run = promisify(execFile);

describe('a misused runtime', () => {
  it('opens under flags that Node does not allow for a thread', async () => {
    const program = fileURLToPath(new URL('./programs/adds.js', import.meta.url));
    const { stdout } = await run(process.execPath, ['--max-old-space-size=512', '--expose-gc', program]);
    assert.equal(stdout.trim(), '42');
  });

  it('[3.4] refuses an invalid retry policy, an invalid filter and a composition that is too deep', async () => {
    await using callsheet = await open({ jobs: [numbers], threads: 1 });
    const queue = callsheet.queue();
    for (const retry of [{ limit: 3 }, 3, 'x', null] as unknown[] as RetryPolicy[]) {
      await assert.rejects(queue.put(numbers.add(1, 1), { retry }), { code: 'INVALID_OPTION' });
    }
    for (const filter of [() => true, { modules: 3 }, { bogus: 1 }, 'x'] as object[]) {
      await assert.rejects(queue.setAgent('odd', { size: 1, filter }), { code: 'INVALID_OPTION' });
    }
    let deep: Part = numbers.add(1, 1);
    for (let depth = 0; depth < 1000; depth++) deep = parallel([deep]);
    await assert.rejects(queue.put(deep), { code: 'INVALID_OPTION' });
    assert.equal((await callsheet.stats()).jobs, 0);
    assert.equal(await (await queue.put(numbers.add(20, 22))).result(), 42);
  });
});
