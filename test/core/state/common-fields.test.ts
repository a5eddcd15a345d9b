/** The fields that jobs share in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobRecord } from '../../../src/core/records.js';
import { CommonFields, commonFieldsOf } from '../../../src/core/state/common-fields.js';
import { type JobField, otherValues, plainJob } from '../job-values.js';

/** Returns the common fields of these jobs, in a queue that no other test uses. */
function fieldsIn(queue: string, differing: readonly Partial<JobRecord>[]): Readonly<CommonFields>[] {
  return differing.map((one) => commonFieldsOf({ ...plainJob, queue, ...one }));
}

const fields = Object.keys(new CommonFields(plainJob)) as (JobField & keyof CommonFields)[];
/** The fields that can differ between roots. */
const fieldsOfRoots = fields.filter((field) => field !== 'parent' && field !== 'index');

describe('the common fields of jobs', () => {
  it('are one object for all jobs that were put alike, in any order', () => {
    const priorities = Array.from({ length: 30 }, (_, index) => ({ priority: index % 3 }));
    assert.equal(new Set(fieldsIn('in turn', priorities)).size, 3);
  });

  it('are never shared by members, which differ in parent or index', () => {
    const members = [0, 1].map((index) => ({ role: 'part', parent: otherValues.parent, index }) as const);
    const fields = fieldsIn('members', members);
    assert.deepEqual(
      fields.map(({ index }) => index),
      [0, 1],
    );
  });

  for (const field of fieldsOfRoots) {
    it(`are not shared by jobs that differ in \`${field}\` only`, () => {
      const [plain, again, other] = fieldsIn(`differing in ${field}`, [{}, {}, { [field]: otherValues[field] }]);
      assert.equal(again, plain);
      assert.notEqual(other, plain);
      assert.deepEqual({ ...other }, { ...plain, [field]: otherValues[field] });
    });
  }

  it('are not shared by jobs whose lists differ in one element', () => {
    const lists = [['q'], ['q', 'r'], ['q', 's'], ['r', 's']];
    assert.equal(
      new Set(
        fieldsIn(
          'lists',
          lists.map((quotas) => ({ quotas })),
        ),
      ).size,
      lists.length,
    );
  });

  it('are kept for the last few kinds of jobs only', () => {
    const priorities = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 8].map((priority) => ({ priority }));
    const fields = fieldsIn('many', priorities);
    assert.deepEqual([fields[9] === fields[0], fields[10] === fields[8]], [false, true]);
  });
});
