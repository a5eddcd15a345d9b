/**
 * Runs the long form of a suite: `npm test` runs its short form.
 *
 *   npm run test:long -- SUITE [ARGUMENT…]
 *
 * An environment variable that is already set overrides the suite's own.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { argv, env, execPath, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';

interface Suite {
  readonly files: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `true` if `files` is one program that takes arguments, rather than test files. */
  readonly isProgram?: boolean;
}

const suites: Readonly<Record<string, Suite>> = {
  simulation: { files: ['sim/run.js'], isProgram: true },
  planted: { files: ['sim/planted-bugs.js'], isProgram: true },
  crash: {
    files: ['journal/crash.test.js', 'journal/snapshot-crash.test.js', 'store/journal-crash.test.js'],
    env: { CALLSHEET_EVERY: '1' },
  },
  'io-errors': {
    files: ['journal/faults.test.js', 'store/journal-io-errors.test.js'],
    env: { CALLSHEET_EVERY: '1' },
  },
  damage: {
    files: ['journal/recovery.test.js', 'journal/snapshot.test.js', 'store/journal-damage.test.js'],
    env: { CALLSHEET_EVERY: '1' },
  },
  postgres: {
    files: ['contract/shared.test.js', 'shared-store/random-run.test.js'],
    env: { CALLSHEET_TEST_STORE: 'postgres', CALLSHEET_SEEDS: '100' },
  },
  'postgres-figures': { files: ['postgres/figures.js'], isProgram: true },
  'postgres-faults': { files: ['postgres/faults/main.js'], isProgram: true },
  kill: {
    files: ['contract/real/kill.test.js', 'e2e/kill.test.js'],
    env: { CALLSHEET_KILLS: '20', CALLSHEET_ROUNDS: '2000' },
  },
  // With the last compiler that is written in JavaScript, too.
  package: { files: ['package.test.js'], env: { CALLSHEET_COMPILERS: '5.4.5 6.0.3' } },
  codec: { files: ['codec/payload-property.test.js'], env: { CALLSHEET_CASES: '100000' } },
  soak: { files: ['e2e/soak.test.js'], env: { CALLSHEET_SOAK_JOBS: '4000000' } },
};

const [name = '', ...rest] = argv.slice(2);
const suite = suites[name];
if (suite === undefined) {
  stderr.write(`npm run test:long -- SUITE, one of ${Object.keys(suites).join(', ')}\n`);
  exit(1);
}
const compiled = fileURLToPath(new URL('.', import.meta.url));
const files = suite.files.map((file) => join(compiled, file));
const args = suite.isProgram
  ? [...files, ...rest]
  : ['--test', '--test-reporter=spec', '--test-concurrency=1', ...files];
spawn(execPath, args, { stdio: 'inherit', env: { ...suite.env, ...env } }).on('exit', (code) => exit(code ?? 1));
