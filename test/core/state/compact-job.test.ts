/** A job's record in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobRecord } from '../../../src/core/records.js';
import { CompactJob } from '../../../src/core/state/compact-job.js';
import { type JobField, jobFields, otherValues, plainJob } from '../job-values.js';

/** A claimed member: only members have a parent, and only claimed jobs have the fields of a run. */
const claimed: JobRecord = { ...plainJob, role: 'callback', parent: otherValues.id, fence: 1 };

const withOther = (job: JobRecord, field: JobField): JobRecord => ({ ...job, [field]: otherValues[field] });

/** `true` if the field can be changed after the job was made. */
function isWritable(field: JobField): boolean {
  const found = Object.getOwnPropertyDescriptor(CompactJob.prototype, field);
  return found === undefined || found.set !== undefined;
}

describe('a compact job', () => {
  for (const field of jobFields) {
    it(`keeps \`${field}\``, () => {
      assert.notDeepEqual(otherValues[field], claimed[field]);
      const record = withOther(claimed, field);
      const job = new CompactJob(record);
      assert.deepEqual(CompactJob.toRecord(job), record);
      assert.deepEqual(CompactJob.toRecord(new CompactJob(job)), record);
    });
  }

  for (const field of jobFields.filter(isWritable)) {
    it(`changes \`${field}\` and no other field, and leaves its copies alone`, () => {
      const job = new CompactJob(plainJob);
      const copy = new CompactJob(job);
      Object.assign(job, { [field]: otherValues[field] });
      assert.deepEqual(CompactJob.toRecord(job), withOther(plainJob, field));
      assert.deepEqual(CompactJob.toRecord(copy), plainJob);
    });
  }

  it('has setters for every field that a decision changes', () => {
    assert.deepEqual(
      jobFields.filter((field) => !isWritable(field)),
      ['owner', 'form', 'role', 'callable', 'only', 'parent', 'index', 'policy', 'unique', 'putAt', 'log'],
    );
  });
});
