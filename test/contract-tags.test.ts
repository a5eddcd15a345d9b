/**
 * Checks that each line of the contract has a test, and a planted bug that such a test must notice.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contractTags, readTags, taggedTests } from './contract-tags.js';
import { allMutants, linesWithoutMutant } from './mutants/all.js';

test('reads the lines of a contract by section and number', () => {
  const text = '# Title\n\n## 2. Jobs\n\n1. a\n   3 b\n2. c\n\n## 11. Logs\n\n4. d\n';
  assert.deepEqual(readTags(text), ['2.1', '2.2', '11.4']);
});

test('every line of the contract has a test with its tag', () => {
  const tests = taggedTests();
  assert.deepEqual(
    contractTags.filter((line) => tests.get(line)!.length === 0),
    [],
  );
});

test('every line of the contract has a planted bug', () => {
  assert.deepEqual(linesWithoutMutant, []);
});

test('every tag of a test or a planted bug is a line of the contract', () => {
  const tags = [...taggedTests().keys(), ...allMutants.flatMap(({ tags }) => tags)];
  assert.deepEqual(
    // Section 1 has no numbered lines.
    tags.filter((tag) => tag !== '1' && !contractTags.includes(tag)),
    [],
  );
});

test('the sections of the contract number their lines without a repeat', () => {
  assert.equal(new Set(contractTags).size, contractTags.length);
});
