/** A job's header in the journal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteReader, ByteWriter } from '../../src/codec/bytes.js';
import type { JobRecord } from '../../src/core/records.js';
import { readJob, writeJob } from '../../src/store/job-header.js';
import { type JobField, jobFields, otherValues, plainJob } from '../core/job-values.js';

/** Fields that are written only beside these values of others. */
const beside: { readonly [Field in JobField]?: Partial<JobRecord> } = {
  role: { parent: otherValues.parent },
  parent: { role: 'part' },
  index: { role: 'part', parent: otherValues.parent },
  parts: { form: 'map' },
  partsDone: { form: 'map' },
  callbacksDone: { callbacks: 1 },
  awaitedCallbacks: { callbacks: 1 },
  result: { outcome: 'failure' },
};

/** Writes a job and returns it as it is read again. Its payloads come from the job itself. */
function writtenAndRead(job: JobRecord): JobRecord {
  const names: string[] = [];
  const out = new ByteWriter();
  writeJob(out, job, (text) => names.push(text) - 1);
  const input = new ByteReader(out.copy());
  const read = readJob(
    input,
    (number) => names[number]!,
    (_, has) => ({ args: has.args ? job.args : null, result: has.result ? job.result : null }),
  );
  assert.equal(input.left, 0);
  return read;
}

describe('the header of a job', () => {
  it('keeps a job without any optional field', () => {
    assert.deepEqual(writtenAndRead(plainJob), plainJob);
  });

  for (const field of jobFields) {
    it(`keeps \`${field}\``, () => {
      const base: JobRecord = { ...plainJob, ...beside[field] };
      assert.notDeepEqual(otherValues[field], base[field]);
      const job = { ...base, [field]: otherValues[field] };
      assert.deepEqual(writtenAndRead(job), job);
    });
  }
});
