/**
 * An outcome that a client waits for is synced at once. An outcome without a waiter causes no sync
 * of its own.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { open, parallel } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks } from './jobs/all.js';

/** The interval of syncs that no client waits for. */
const lazySyncMs = 100;
const jobMs = 15;

it('[9.1] syncs an awaited outcome at once', async () => {
  const directory = temporaryDirectory();
  const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 1 });
  const file = join(directory, 'marks');
  const tookMs: number[] = [];
  for (let round = 0; round < 10; round++) {
    // `jobMs` is long enough for the put to be synced meanwhile.
    const job = await callsheet.queue().put(marks.markFor(file, `${round}`, jobMs));
    const start = performance.now();
    await job.result();
    tookMs.push(performance.now() - start);
  }
  await callsheet.close();
  // One round may be slow on a busy machine, but not all. The first may share a sync made for
  // another reason.
  assert.ok(Math.min(...tookMs.slice(1)) < lazySyncMs, `${tookMs}`);
});

it('[9.1] syncs the parts of a whole together if no client waits for them', async () => {
  const directory = temporaryDirectory();
  const callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2 });
  const file = join(directory, 'marks');
  const parts = Array.from({ length: 60 }, (_, part) => marks.markFor(file, `${part}`, jobMs));
  const job = await callsheet.queue().put(parallel(parts));
  const before = await callsheet.stats();
  const start = performance.now();
  await job.result();
  const tookMs = performance.now() - start;
  const after = await callsheet.stats();
  await callsheet.close();
  const [frames, syncs] = [after.frames - before.frames, after.syncs - before.syncs];
  // One more sync for the result, one for `stats`.
  const most = Math.ceil(tookMs / lazySyncMs) + 2;
  assert.ok(syncs <= most, `${frames} frames and ${syncs} syncs in ${tookMs} ms`);
});
