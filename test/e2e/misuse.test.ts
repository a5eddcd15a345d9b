/**
 * What a stranger broke: each a clear error with a code, nothing stored, and the runtime goes on.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { open, type Part, parallel, type RetryPolicy } from 'callsheet';
import { numbers } from './jobs/all.js';

const run = promisify(execFile);

describe('a runtime that is misused', () => {
  it('opens under flags of Node that a thread cannot be given', async () => {
    const code = `
      import { defineJobs, open } from 'callsheet';
      const numbers = defineJobs('numbers', ${JSON.stringify(new URL('./jobs/numbers.js', import.meta.url).href)});
      const callsheet = await open({ jobs: [numbers], threads: 1 });
      console.log(await (await callsheet.queue().put(numbers.add(20, 22))).result());
      await callsheet.close();
    `;
    const flags = ['--max-old-space-size=512', '--expose-gc', '--input-type=module', '--eval', code];
    const { stdout } = await run(process.execPath, flags, { cwd: new URL('../../../', import.meta.url) });
    assert.equal(stdout.trim(), '42');
  });

  it('[3.4] refuses a retry policy that is none, a filter that is none, a composition that is too deep', async () => {
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
