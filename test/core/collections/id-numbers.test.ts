/** Compares `IdNumbers` with a `Map`. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { IdNumbers } from '../../../src/core/collections/id-numbers.js';
import { seedOf } from '../../harness/randomness.js';

/** Ids that differ in their first characters only, so that many share a slot. */
const idOf = (number: number) => String(number).padStart(4, '0').padEnd(16, 'x');

const step = fc.record({
  do: fc.constantFrom('set' as const, 'delete'),
  from: fc.nat({ max: 300 }),
  count: fc.nat({ max: 200 }),
});

it('keeps the same numbers as a map', (t) => {
  const check = (steps: readonly { do: 'set' | 'delete'; from: number; count: number }[]) => {
    const ours = new IdNumbers();
    const model = new Map<string, number>();
    for (const [at, step] of steps.entries()) {
      for (let number = step.from; number < step.from + step.count; number++) {
        const id = idOf(number);
        if (step.do === 'set') {
          ours.set(id, at + number);
          model.set(id, at + number);
        } else {
          ours.delete(id);
          model.delete(id);
        }
      }
      for (let number = 0; number < 500; number++) {
        assert.equal(ours.get(idOf(number)), model.get(idOf(number)));
        assert.equal(ours.has(idOf(number)), model.has(idOf(number)));
      }
      assert.deepEqual([...ours.ids()].sort(), [...model.keys()].sort());
    }
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), check), { numRuns: 20, seed: seedOf(t) });
});
