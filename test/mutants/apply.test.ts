/**
 * Checks that each planted bug still has its place in the sources. When code moves, the planted
 * bugs in it must move too.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { planted } from '../sim/planted.js';
import { allMutants, linesWithoutMutant } from './all.js';
import { fileOf, plantIn } from './place.js';

const sources = new URL('../../../src/', import.meta.url);

it('finds the place of every planted bug in the sources, once', () => {
  const lost: string[] = [];
  for (const mutant of [...allMutants, ...planted]) {
    try {
      plantIn(readFileSync(new URL(fileOf(mutant), sources), 'utf8'), mutant);
    } catch (error) {
      lost.push((error as Error).message);
    }
  }
  assert.deepEqual(lost, []);
});

it('names test files that exist', () => {
  const named = [...allMutants.flatMap(({ tests = [] }) => tests), ...planted.flatMap(({ by }) => by ?? [])];
  const files = named.map((name) => name.replace(/(\.test\.ts)?$/, '.test.ts'));
  const isMissing = (file: string) => !existsSync(new URL(`../../../test/${file}`, import.meta.url));
  assert.deepEqual(files.filter(isMissing), []);
});

it('plants a bug for every line of the contract', () => {
  assert.deepEqual(linesWithoutMutant, []);
});
