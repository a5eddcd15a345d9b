import assert from 'node:assert/strict';
import { it } from 'node:test';
import { JobLines } from '../../src/coordinator/claiming/job-lines.js';

it('[11.7] keeps the lines of the jobs that logged last, in bounded memory', () => {
  const lines = new JobLines();
  const line = `{"level":30,"msg":"${'x'.repeat(2000)}"}`;
  const note = (job: string, count: number) => {
    for (let n = 0; n < count; n++) lines.note(job, line);
  };
  const kept = () => Array.from({ length: 30 }, (_, n) => lines.of(`job ${n}`).length);
  for (let n = 0; n < 30; n++) {
    note(`job ${n}`, 99);
    note('job 0', 1);
  }
  const counts = kept();
  assert.equal(counts[0], 100, 'it has logged lately');
  assert.equal(counts[1], 0);
  assert.equal(counts[29], 99);
  const characters = counts.reduce((sum, count) => sum + count, 0) * line.length;
  assert.ok(characters <= 4 * 1024 * 1024 && characters > 3 * 1024 * 1024, String(characters));
  note('job 29', 500);
  assert.ok(kept().reduce((sum, count) => sum + count, 0) >= counts.reduce((sum, count) => sum + count, 0));
});
