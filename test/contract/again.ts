/** Runs files of the contract's virtual tests again, on other surroundings; see `opened.ts`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { it } from 'node:test';

const limitMs = 600_000;

/**
 * All files run in one process: to start one for each would take as long as the tests. `leftOut`
 * has parts of the names of tests that show nothing there.
 */
export function runAgain(surroundings: string, files: readonly string[], leftOut: readonly string[]): void {
  // Matches names with a tag only, so that no suite is chosen as a whole.
  const chosen = `^(?=.*\\[)(?!.*(${leftOut.join('|')}))`;
  const imports = files.map((file) => `import ${JSON.stringify(new URL(file, import.meta.url))};`).join(' ');
  it('holds', () => {
    const { stdout, status } = spawnSync(
      execPath,
      [`--test-name-pattern=${chosen}`, '--test-reporter=tap', '--input-type=module', '--eval', imports],
      {
        encoding: 'utf8',
        env: { ...process.env, CALLSHEET_TEST_STORE: surroundings, NODE_TEST_CONTEXT: undefined },
        timeout: limitMs,
      },
    );
    // A failed test with its error, which follows as a block of YAML.
    const failed = stdout.match(/^( *)not ok \d+ - .*(\n\1 {2}---(\n\1 {2}.*)*?\n\1 {2}\.\.\.)?/gm) ?? [];
    assert.equal(failed.length, 0, `${failed.join('\n')}\n\n${stdout.slice(-20_000)}`);
    assert.equal(status, 0);
    const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1]);
    assert.ok(passed > 5 * files.length, `${passed} tests passed, which are too few of ${files.length} files`);
  });
}
