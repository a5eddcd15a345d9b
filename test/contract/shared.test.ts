/**
 * The contract's virtual tests once more, with their records in a database that others could share:
 * decided in transactions, on partial views.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
/** Parts of names of tests, and why they show nothing there. */
const leftOut: Readonly<Record<string, string>> = {
  'costs about': 'what many parts cost is a figure of the embedded store',
  'leave what a dispatcher has begun':
    'who opens the embedded store has it alone; here a client leaves the dead to the dispatchers',
  'without a key ends by itself': 'who opens the embedded store has it alone; here another process may feed the map',
  'that is held ends too': 'the same',
  'a clean close is a cause of its own':
    'an own policy that nobody asks any more is asked by another after a minute, not at once',
  'a poison with an own policy': 'the same',
  'one that this build lacks': 'the same',
  'asked again after a crash': 'the same',
  'its answers are kept': 'what a filter said of a job is forgotten when its record is read again',
  'with data as well, both have to fit': 'the same',
};
/** Files that open stores of their own, or show nothing about a store. */
const ownStores = ['shared', 'two-dispatchers', 'set-clock', 'shown', 'waits-and-signals'].map(
  (name) => `${name}.test.js`,
);
/** Names with a tag, so that no suite is chosen as a whole. */
const chosen = `^(?=.*\\[)(?!.*(${Object.keys(leftOut).join('|')}))`;
const limitMs = 300_000;
const fileLimitMs = 60_000;

describe('the contract over a shared database', { timeout: limitMs }, () => {
  const files = readdirSync(here).filter((file) => file.endsWith('.test.js') && !ownStores.includes(file));
  for (const file of files) {
    it(`holds: ${file.replace('.test.js', '')}`, () => {
      const { stdout, status } = spawnSync(
        execPath,
        [`--test-name-pattern=${chosen}`, '--test', '--test-reporter=tap', join(here, file)],
        {
          encoding: 'utf8',
          env: { ...process.env, CALLSHEET_TEST_STORE: 'shared', NODE_TEST_CONTEXT: undefined },
          timeout: fileLimitMs,
        },
      );
      const failed = Array.from(stdout.matchAll(/^ *not ok \d+ - .*$/gm), ([line]) => line.trim());
      assert.deepEqual(failed, [], stdout.slice(-20_000));
      assert.equal(status, 0);
      assert.match(stdout, /^# pass [1-9]/m, 'it ran');
    });
  }
});
