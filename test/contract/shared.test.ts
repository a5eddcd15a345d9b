/**
 * Runs the contract's virtual tests again with their records in a database that other processes
 * could share: decided in transactions, on partial views. With `CALLSHEET_TEST_STORE=postgres` that
 * database is PostgreSQL.
 */
import { readdirSync } from 'node:fs';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAgain } from './again.js';

const here = fileURLToPath(new URL('.', import.meta.url));
/** Parts of the names of tests that show nothing on a shared database, and the reason. */
const leftOut: Readonly<Record<string, string>> = {
  'cost of': 'a figure of the embedded store',
  'leave the jobs and callbacks that a dispatcher has begun':
    'the embedded store belongs to the process that opens it; here a client leaves the dead to the dispatchers',
  'a memory job had that a crash has ended':
    'a known gap: here no process corrects the count of jobs that a crash has ended, so the whole stays',
  'without a key, ends':
    'the embedded store belongs to the process that opens it; here another process may feed the map',
  'interrupts at once a job that waits': 'here another dispatcher may begin the job that it waits for',
  'after a clean close as a cause of its own':
    'a policy whose process has closed is asked by another after a minute, not at once',
  'even if they never give up': 'the same',
  'until a build has the policy': 'the same',
  'asked again after a crash': 'the same',
  'sums up what happened': 'puts are counted where they are decided, and the test store does not carry the counts over',
  'sums up all queues or callables': 'the same',
  'counts each run that is retried': 'the same',
  'keeps minutes for a day': 'the same',
  'bounds the interval by dates': 'the same',
};
/** Files that open stores of their own, or show nothing about a store. */
const ownStores = [
  'shared',
  'socket',
  'two-dispatchers',
  'dispatcher-processes',
  'set-clock',
  'shown',
  'waits-and-signals',
].map((name) => `${name}.test.js`);
const limitMs = 600_000;

describe('the contract over a shared database', { timeout: limitMs }, () => {
  const files = readdirSync(here).filter((file) => file.endsWith('.test.js') && !ownStores.includes(file));
  runAgain(process.env.CALLSHEET_TEST_STORE ?? 'shared', files, Object.keys(leftOut));
});
