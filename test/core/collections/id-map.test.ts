/**
 * Compares `IdMap` with a `Map`, which has the same order and the same iteration during changes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IdMap } from '../../../src/core/collections/id-map.js';
import { seedOf } from '../../harness/randomness.js';

interface Row {
  readonly id: string;
}

type Step =
  | { readonly do: 'add' | 'delete' | 'get' | 'walk' | 'next'; readonly which: number }
  | { readonly do: 'addMany' | 'deleteMany'; readonly from: number; readonly count: number };

const idCount = 4000;
/** Ids that differ in four characters only, at any place, as foreign ids may. */
const ids = Array.from({ length: idCount }, (_, number) => {
  const digits = String(number).padStart(4, '0');
  return digits + 'x'.repeat(12 - (number % 13)) + digits + 'x'.repeat(number % 13);
}).map((text) => text.slice(0, 16));

const which = fc.nat({ max: idCount - 1 });
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('add' as const, 'delete', 'get'), which }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('addMany' as const, 'deleteMany'),
        from: which,
        count: fc.nat({ max: idCount }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('walk' as const, 'next'), which }) },
  ),
  { maxLength: 60, size: 'max' },
);

function checkSteps(all: readonly Step[]): void {
  const model = new Map<string, Row>();
  const rows = new IdMap<Row>();
  const walks: { readonly ours: Iterator<Row>; readonly models: Iterator<Row> }[] = [];
  const add = (id: string) => {
    const row = { id };
    assert.equal(rows.add(row), !model.has(id));
    if (!model.has(id)) model.set(id, row);
  };
  const remove = (id: string) => {
    rows.delete(id);
    model.delete(id);
  };
  const next = (at: number) => {
    const walk = walks[at % walks.length];
    if (walk !== undefined) assert.equal(walk.ours.next().value, walk.models.next().value);
  };
  for (const step of all) {
    switch (step.do) {
      case 'add':
        add(ids[step.which]!);
        break;
      case 'delete':
        remove(ids[step.which]!);
        break;
      case 'get':
        assert.equal(rows.get(ids[step.which]!), model.get(ids[step.which]!));
        break;
      case 'addMany':
        for (const id of ids.slice(step.from, step.from + step.count)) add(id);
        break;
      case 'deleteMany':
        for (const id of ids.slice(step.from, step.from + step.count)) remove(id);
        break;
      case 'walk':
        walks.push(
          { ours: rows.values(), models: model.values() },
          { ours: rows.values(ids[step.which]), models: behind(model, ids[step.which]!) },
          { ours: rows.reversed(ids[step.which]), models: reversed(model, ids[step.which]!) },
        );
        break;
      case 'next':
        for (let left = step.which; left > 0; left -= 7) next(step.which + left);
    }
    assert.equal(rows.size, model.size);
  }
  for (const id of ids) {
    assert.equal(rows.get(id), model.get(id));
    assert.equal(rows.has(id), model.has(id));
  }
  assert.deepEqual([...rows.values()], [...model.values()]);
  for (const { ours, models } of walks) assert.deepEqual([...rest(ours)], [...rest(models)]);
}

/** Yields the rows behind one, later ones included; all if it is not there. */
function* behind(model: ReadonlyMap<string, Row>, after: string): Generator<Row> {
  const rows = model.values();
  if (model.has(after)) while (rows.next().value?.id !== after);
  yield* rows;
}

/** Yields the rows before one, or all, from the last on; without those removed since. */
function* reversed(model: ReadonlyMap<string, Row>, before: string): Generator<Row> {
  const rows = [...model.values()];
  const end = rows.findIndex(({ id }) => id === before);
  for (const row of rows.slice(0, end < 0 ? rows.length : end).reverse()) if (model.get(row.id) === row) yield row;
}

function* rest<T>(walk: Iterator<T>): Generator<T> {
  for (let at = walk.next(); at.done !== true; at = walk.next()) yield at.value;
}

describe('rows by their ids', () => {
  it('behave like a Map, even when they change during an iteration', (t) => {
    const seed = seedOf(t);
    fc.assert(fc.property(steps, checkSteps), { seed, numRuns: 300 });
  });
});
