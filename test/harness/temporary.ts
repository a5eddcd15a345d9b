/**
 * Directories that are gone after the tests. Each test file is a process of its own: they are
 * removed when it exits, when nothing that a test started is alive to write into them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.once('exit', () => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** A new empty directory. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'callsheet-test-'));
  made.push(directory);
  return directory;
}
