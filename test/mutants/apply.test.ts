/**
 * A planted bug whose place in the sources is gone shows nothing any more: it is to be moved with
 * what it is about.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { planted } from '../sim/planted.js';
import { allMutants, linesWithoutMutant } from './all.js';

const sources = new URL('../../../src/', import.meta.url);

it('every planted bug finds its place in the sources, once', () => {
  const lost: string[] = [];
  for (const { bug, file, find } of [...allMutants, ...planted]) {
    const places = readFileSync(new URL(file, sources), 'utf8').split(find).length - 1;
    if (places !== 1) lost.push(`"${bug}": its text stands ${places} times in src/${file}`);
  }
  assert.deepEqual(lost, []);
});

it('there is a planted bug for every line that a test says it shows', () => {
  assert.deepEqual(linesWithoutMutant, []);
});
