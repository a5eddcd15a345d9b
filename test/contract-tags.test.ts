/** Nothing of the contract is without a test that names its line, and no such test is without a bug that it was seen to notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesToShow, taggedTests } from './contract-tags.js';
import { linesWithoutMutant } from './mutants/all.js';

test('every line of the contract that is to be complete has a test with its tag', () => {
  const tests = taggedTests();
  assert.deepEqual(
    linesToShow.filter((line) => tests.get(line)!.length === 0),
    [],
  );
});

test('every such line has a planted bug', () => {
  assert.deepEqual(
    linesToShow.filter((line) => linesWithoutMutant.includes(line)),
    [],
  );
});
