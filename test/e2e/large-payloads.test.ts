/** Arguments and results of the size of photographs, through threads and the journal. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { open } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { numbers } from './jobs/all.js';

for (const durability of ['memory', 'full'] as const) {
  it(`[15.1] returns arguments and results of 20 MB unchanged, at ${durability}`, async () => {
    const directory = temporaryDirectory();
    const large = Buffer.alloc(20e6, 7);
    const callsheet = await open({ directory, jobs: [numbers], threads: 1 });
    const job = await callsheet.queue().put(numbers.echo(large), { durability });
    assert.ok(large.equals((await job.result()) as Buffer));
    await callsheet.close();
    if (durability === 'memory') return;
    await using again = await open({ directory, jobs: [numbers], threads: 1 });
    assert.ok(large.equals((await again.job(job.id).result()) as Buffer));
  });
}
