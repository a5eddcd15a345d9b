/** Runs files of the contract's virtual tests again, on other surroundings; see `opened.ts`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const fileLimitMs = 300_000;

/** `leftOut` has parts of the names of tests that show nothing there. */
export function runAgain(surroundings: string, files: readonly string[], leftOut: readonly string[]): void {
  // Matches names with a tag only, so that no suite is chosen as a whole.
  const chosen = `^(?=.*\\[)(?!.*(${leftOut.join('|')}))`;
  for (const file of files) {
    it(`holds: ${file.replace('.test.js', '')}`, () => {
      const { stdout, status } = spawnSync(
        execPath,
        [`--test-name-pattern=${chosen}`, '--test', '--test-reporter=tap', join(here, file)],
        {
          encoding: 'utf8',
          env: { ...process.env, CALLSHEET_TEST_STORE: surroundings, NODE_TEST_CONTEXT: undefined },
          timeout: fileLimitMs,
        },
      );
      const failed = Array.from(stdout.matchAll(/^ *not ok \d+ - .*$/gm), ([line]) => line.trim());
      assert.deepEqual(failed, [], stdout.slice(-20_000));
      assert.equal(status, 0);
      assert.match(stdout, /^# pass [1-9]/m, 'some tests ran');
    });
  }
}
