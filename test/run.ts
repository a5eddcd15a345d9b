/**
 * Runs every compiled test file, or those whose path contains one of the words given (`npm test --
 * lock payload`).
 *
 * Node 20's own runner takes no patterns, so the files are listed here. A compiled test without its
 * source would pass for ever, so it is an error.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const compiled = join(root, 'dist', 'test');

/**
 * One more than the two cores on which `npm test` must fit in ten minutes: many tests wait for
 * processes, syncs and timers. More files at once only make each slower.
 */
const filesAtOnce = 3;
/** A file of tests that takes more milliseconds than this hangs. Busy machines need their time. */
const testLimitMs = 600_000;

const files = readdirSync(compiled, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .map((file) => join('dist', 'test', file))
  .sort();

const stale = files.filter((file) => !existsSync(join(root, sourceOf(file))));
if (stale.length > 0)
  fail(`compiled tests without a source: ${stale.join(', ')}. Remove the build (rm -r dist), and build again`);

const words = process.argv.slice(2);
const chosen = files.filter((file) => words.length === 0 || words.some((word) => sourceOf(file).includes(word)));
if (chosen.length === 0)
  fail(
    words.length === 0 ? 'no test file is compiled: build first' : `no test file has ${words.join(' or ')} in its path`,
  );

const runner = spawn(
  process.execPath,
  [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${filesAtOnce}`,
    `--test-timeout=${testLimitMs}`,
    ...chosen.map((file) => join(root, file)),
  ],
  { stdio: 'inherit', cwd: root },
);
runner.on('exit', (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal !== null) process.stderr.write(`the tests were ended by ${signal}\n`);
});

/** `dist/test/core/collections/heap.test.js` → `test/core/collections/heap.test.ts`. */
function sourceOf(file: string): string {
  return relative('dist', file).replace(/\.js$/, '.ts');
}

function fail(message: string): never {
  process.stderr.write(`test: ${message}\n`);
  process.exit(1);
}
