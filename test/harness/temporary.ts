/**
 * Temporary directories. They are removed when the test file's process exits, because only then has
 * everything that could write into them ended.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.once('exit', () => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** Creates an empty directory. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'callsheet-test-'));
  made.push(directory);
  return directory;
}
