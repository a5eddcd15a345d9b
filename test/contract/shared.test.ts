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
  'without a key, ends':
    'the embedded store belongs to the process that opens it; here another process may feed the map',
  'interrupts at once a job that waits': 'here another dispatcher may begin the job that it waits for',
  'after a clean close as a cause of its own':
    'a policy whose process has closed is asked by another after a minute, not at once',
  'even if they never give up': 'the same',
  'until a build has the policy': 'the same',
  'asked again after a crash': 'the same',
  'puts, annotates and reads without await in a synchronous handler':
    'the threads of the kit are that of the test: a question without await cannot wait for a database',
  'sets and reads annotations of any job by its handle': 'the same',
  'passes a handle in an annotation': 'the same',
  'reads the status, times, arguments and annotations of parts': 'the same',
  'reads and awaits any job by its id': 'the same',
  'with the failure of its postprocess, after its policy is asked': 'the same',
  'lets the postprocess read a long list lazily': 'the same',
  'apply to parts, postprocesses and callbacks too': 'the same',
  'counts the retry of a tick as a job of its schedule': 'the same',
  'shows the postprocess the arguments, times': 'the same',
  'is an event, and known to the job that runs': 'the same',
  'delays each tick by less than its limit': 'the same',
  'runs it now, whatever it does otherwise': 'the same',
  'fills in ticks that have no job, in order': 'the same',
  'tells callbacks and parts of a job its tick': 'the same',
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
