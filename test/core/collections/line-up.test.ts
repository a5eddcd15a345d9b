/** Compares a line-up with sorting, while items are added early and removed from any place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineUp } from '../../../src/core/collections/line-up.js';
import { seedOf } from '../../harness/randomness.js';

interface Item {
  readonly rank: number;
  readonly name: number;
  position: number;
}

const before = (a: Item, b: Item) => a.rank < b.rank || (a.rank === b.rank && a.name < b.name);
const place = (item: Item, position: number) => {
  item.position = position;
};

type Step =
  | { readonly do: 'add'; readonly early: number; readonly count: number }
  | { readonly do: 'remove' | 'shift'; readonly which: number; readonly count: number };

const count = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.nat({ max: 1500 }));
const which = fc.nat({ max: 5000 });
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const), early: fc.constantFrom(0, 0, 0, 7), count }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'shift'), which, count }) },
  ),
  { maxLength: 40, size: 'max' },
);

function checkSteps(all: readonly Step[]): void {
  const lineUp = new LineUp<Item>(before, place);
  let model: Item[] = [];
  let names = 0;
  for (const step of all) {
    for (let left = step.count; left > 0; left--) {
      if (step.do === 'add') {
        const item = { rank: names - step.early * (left % 5), name: names++, position: 0 };
        lineUp.add(item);
        model.push(item);
        continue;
      }
      const item = step.do === 'shift' ? lineUp.first() : model[(step.which * left) % model.length];
      if (item === undefined) break;
      lineUp.remove(item.position);
      model.splice(model.indexOf(item), 1);
    }
    model = model.toSorted((a, b) => (before(a, b) ? -1 : 1));
    assert.equal(lineUp.size, model.length);
    assert.equal(lineUp.first(), model[0]);
    assert.deepEqual([...lineUp], model);
    checkList(lineUp, model);
  }
}

/** Checks the ways to go on in the list from any item, or from where one was. */
function checkList(lineUp: LineUp<Item>, model: readonly Item[]): void {
  const list = model.filter((item) => !lineUp.early.includes(item));
  assert.equal(list.length + lineUp.early.length, model.length);
  for (const at of [0, 1, list.length >> 1, list.length - 1]) {
    const item = list[at];
    if (item === undefined) continue;
    assert.equal(lineUp.behind(item.position), list[at + 1]);
    assert.equal(
      lineUp.firstNot((other) => before(other, item)),
      item,
    );
    assert.equal(
      lineUp.firstNot((other) => !before(item, other)),
      list[at + 1],
    );
  }
  assert.equal(
    lineUp.firstNot(() => false),
    list[0],
  );
}

describe('a line-up', () => {
  it('behaves like a sorted list', (t) => {
    fc.assert(fc.property(steps, checkSteps), { seed: seedOf(t), numRuns: 200 });
  });

  it('compares once to add an item behind all others, and never to remove the first one', () => {
    let comparisons = 0;
    const counting = (a: Item, b: Item) => {
      comparisons++;
      return before(a, b);
    };
    const lineUp = new LineUp<Item>(counting, place);
    for (let name = 0; name < 10_000; name++) lineUp.add({ rank: name, name, position: 0 });
    for (let name = 0; name < 10_000; name++) lineUp.remove(lineUp.first()!.position);
    assert.ok(comparisons < 10_000, `${comparisons} comparisons`);
    assert.equal(lineUp.first(), undefined);
  });
});
