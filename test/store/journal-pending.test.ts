/**
 * Runs the measurements of many pending jobs with few jobs, so that they keep working.
 * `journal-pending.ts` describes the real run.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../harness/temporary.js';
import { measureOpen, measurePending } from './journal-pending.js';

describe('many pending jobs', () => {
  it('are restored from a snapshot, which delays no put for long', async (t) => {
    const directory = temporaryDirectory();
    const jobs = 20_000;
    const pending = await measurePending(directory, jobs, 1024 * 1024);
    assert.ok(pending.snapshots >= 2);
    t.diagnostic(
      `${jobs} jobs: put p99 ${pending.putP99.toFixed(1)} ms, max ${pending.putMax.toFixed(1)} ms while a snapshot took ${pending.snapshotMs.toFixed(0)} ms`,
    );
    const opened = await measureOpen(directory);
    assert.equal(opened.jobs, jobs + 300 + pending.putsDuringSnapshot);
    assert.ok(opened.replayedBytes < pending.diskBytes / 4, 'most is read from the snapshot');
    t.diagnostic(`opened in ${opened.openMs.toFixed(0)} ms`);
  });
});
