/** What jobs are asked for alike is there once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobRecord } from '../../../src/core/records.js';
import { type CommonFields, commonFieldsOf } from '../../../src/core/state/common-fields.js';
import { call, Machine, recordOf } from '../making.js';

const machine = new Machine();
machine.put(call('any'));
const any = recordOf(machine.job('any'));

/**
 * The traits of jobs of a queue that nobody else has, which are told apart by this, one after the
 * other.
 */
function traitsIn(queue: string, differing: readonly Partial<JobRecord>[]): Readonly<CommonFields>[] {
  return differing.map((one) => commonFieldsOf({ ...any, queue, ...one }));
}

describe('the traits of jobs', () => {
  it('are shared by all that are put alike, whatever was put between them', () => {
    const priorities = Array.from({ length: 30 }, (_, index) => ({ priority: index % 3 }));
    assert.equal(new Set(traitsIn('in turn', priorities)).size, 3);
  });

  it('are not shared by what differs in anything', () => {
    const differing = [
      {},
      { priority: 1 },
      { timeoutMs: 5 },
      { quotas: ['q'] },
      { quotas: ['q', 'r'] },
      { policy: 'm#p' },
    ];
    const traits = traitsIn('differing', differing);
    assert.equal(new Set(traits).size, differing.length);
    for (const [index, one] of differing.entries())
      assert.deepEqual({ ...traits[index], ...one }, { ...traits[index] });
  });

  it('are remembered for the last few kinds only', () => {
    const priorities = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 8].map((priority) => ({ priority }));
    const traits = traitsIn('many', priorities);
    assert.deepEqual([traits[9] === traits[0], traits[10] === traits[8]], [false, true]);
  });
});
