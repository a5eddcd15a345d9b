/** Compares the heap with sorting, in any order of adding, removing and changing items. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Heap } from '../../../src/core/collections/heap.js';
import { seedOf } from '../../harness/randomness.js';

interface Item {
  /** Smaller ranks come first; the name decides between equal ranks, so the order is total. */
  rank: number;
  readonly name: number;
  position: number;
}

const before = (a: Item, b: Item) => a.rank < b.rank || (a.rank === b.rank && a.name < b.name);
const sorted = (items: readonly Item[]) => items.toSorted((a, b) => (before(a, b) ? -1 : 1));

type Step =
  | { readonly do: 'add'; readonly rank: number }
  | { readonly do: 'remove' | 'first' | 'firstWhere'; readonly which: number }
  | { readonly do: 'change'; readonly which: number; readonly rank: number };

const rank = fc.integer({ min: 0, max: 20 });
const which = fc.nat({ max: 1000 });
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), rank }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'first', 'firstWhere'), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('change' as const), which, rank }) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Takes the steps on a heap and on a list, and compares both after each step. */
function checkSteps(all: readonly Step[]): void {
  const model: Item[] = [];
  const heap = new Heap<Item>(before, (item, position) => {
    item.position = position;
  });
  for (const [name, step] of all.entries()) {
    const chosen = 'which' in step && model.length > 0 ? model[step.which % model.length]! : undefined;
    if (step.do === 'add') {
      const item = { rank: step.rank, name, position: -1 };
      model.push(item);
      heap.add(item);
    } else if (step.do === 'firstWhere') {
      const divisor = 1 + (step.which % 5);
      const accepts = (item: Item) => item.name % divisor === 0;
      assert.equal(heap.firstWhere(accepts), sorted(model).find(accepts));
    } else if (chosen !== undefined && step.do === 'change') {
      chosen.rank = step.rank;
      heap.reorder(chosen.position);
    } else if (chosen !== undefined) {
      const out = step.do === 'first' ? sorted(model)[0]! : chosen;
      heap.remove(out.position);
      model.splice(model.indexOf(out), 1);
    }
    assert.equal(heap.size, model.length);
    assert.equal(heap.first(), sorted(model)[0]);
    for (const item of model) assert.equal(heap.items[item.position], item, 'each item knows its position');
  }
  const left: Item[] = [];
  for (let first = heap.first(); first !== undefined; first = heap.first()) {
    left.push(first);
    heap.remove(0);
  }
  assert.deepEqual(left, sorted(model));
}

describe('a heap', () => {
  it('behaves like a sorted list', (t) => {
    fc.assert(fc.property(steps, checkSteps), { seed: seedOf(t), numRuns: 1000 });
  });

  it('has no first item when it is empty', () => {
    const heap = new Heap<number>(
      (a, b) => a < b,
      () => {},
    );
    assert.equal(heap.first(), undefined);
    assert.equal(
      heap.firstWhere(() => true),
      undefined,
    );
    assert.equal(heap.size, 0);
  });

  it('looks at no more than twice the items up to the first accepted one', () => {
    const heap = new Heap<number>(
      (a, b) => a < b,
      () => {},
    );
    for (let n = 0; n < 10_000; n++) heap.add(n);
    let looks = 0;
    const found = heap.firstWhere((n) => {
      looks++;
      return n >= 50;
    });
    assert.equal(found, 50);
    assert.ok(looks <= 2 * 51, `${looks} looks`);
  });

  it('compares once to add an item behind all others', () => {
    let comparisons = 0;
    const heap = new Heap<number>(
      (a, b) => {
        comparisons++;
        return a < b;
      },
      () => {},
    );
    for (let n = 0; n < 1000; n++) heap.add(n);
    assert.equal(comparisons, 999);
  });
});
